-- The tarball of a hosted version and the documents of a hosted package, where they are short; long
-- ones, those of before, and all that is kept of upstreams are files.
ALTER TABLE versions ADD COLUMN content BLOB;
ALTER TABLE packages ADD COLUMN document_content BLOB;
