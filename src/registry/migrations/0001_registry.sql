-- Who may publish and read what is not for everybody. Names are npm's, not e-mail addresses.
CREATE TABLE accounts (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    email TEXT NOT NULL,
    -- A PHC string (Argon2id).
    password TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

-- What clients show instead of a password. Only the hash is kept.
CREATE TABLE tokens (
    id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
    -- Its first and last characters, by which its owner tells it from others.
    shown TEXT NOT NULL,
    description TEXT NOT NULL,
    access TEXT NOT NULL CHECK (access IN ('read', 'write')),
    -- A JSON array of networks that it may come from; empty for all.
    networks TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    used_at INTEGER
) STRICT;
CREATE INDEX tokens_of_account ON tokens (account_id, id);

-- Logins by a browser that a client waits for: what is in the page's URL and in the one that the
-- client asks are kept as hashes.
CREATE TABLE logins (
    id TEXT PRIMARY KEY,
    page BLOB NOT NULL UNIQUE CHECK (length(page) = 32),
    done BLOB NOT NULL UNIQUE CHECK (length(done) = 32),
    -- Where the client is.
    peer TEXT NOT NULL,
    -- Who has signed in on the page.
    account_id TEXT REFERENCES accounts (id) ON DELETE CASCADE,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX logins_by_end ON logins (expires_at);
CREATE INDEX logins_of_account ON logins (account_id) WHERE account_id IS NOT NULL;

CREATE TABLE packages (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    -- The hash of the upstream that it comes from; null for one that is hosted here.
    upstream INTEGER,
    access TEXT NOT NULL CHECK (access IN ('public', 'restricted')),
    -- Counts the changes; `_rev` is made of it.
    revision INTEGER NOT NULL CHECK (revision >= 1),
    -- A hosted package's own fields beside its versions, as a JSON object: readme, description, …;
    -- of another one, the rules that its documents were made by.
    fields TEXT,
    created_at INTEGER NOT NULL,
    modified_at INTEGER NOT NULL,
    -- The blob of its documents, the base of the URLs in them, and a JSON array of six lengths.
    document BLOB CHECK (document IS NULL OR length(document) = 64),
    document_base TEXT,
    document_parts TEXT,
    -- What the upstream said of its document, and when it was last asked.
    etag TEXT,
    last_modified TEXT,
    checked_at INTEGER,
    -- When a version that is held back may be shown.
    rebuild_at INTEGER,
    used_at INTEGER
) STRICT;
CREATE INDEX packages_by_document ON packages (document) WHERE document IS NOT NULL;
-- What is kept of upstreams and goes first.
CREATE INDEX packages_by_use ON packages (used_at)
    WHERE upstream IS NOT NULL AND document IS NOT NULL;

CREATE TABLE versions (
    package_id TEXT NOT NULL REFERENCES packages (id) ON DELETE CASCADE,
    version TEXT NOT NULL,
    -- The last segment of its tarball's URL.
    file TEXT NOT NULL,
    -- `removed` is an unpublished version or one that its upstream took away: neither is served,
    -- and neither can be published again.
    state TEXT NOT NULL CHECK (state IN ('live', 'held', 'removed')),
    -- A hosted version's manifest, a JSON object; that of a proxied one is in the document.
    manifest TEXT,
    integrity TEXT,
    shasum TEXT,
    -- Where the upstream has the tarball.
    upstream_url TEXT,
    -- The tarball's blob, where it is here.
    digest BLOB CHECK (digest IS NULL OR length(digest) = 64),
    bytes INTEGER,
    published_at INTEGER,
    -- When this registry first saw it.
    seen_at INTEGER NOT NULL,
    used_at INTEGER,
    publisher TEXT,
    PRIMARY KEY (package_id, version)
) STRICT;
CREATE UNIQUE INDEX versions_by_file ON versions (package_id, file);
CREATE INDEX versions_by_digest ON versions (digest) WHERE digest IS NOT NULL;
CREATE INDEX versions_by_use ON versions (used_at)
    WHERE digest IS NOT NULL AND upstream_url IS NOT NULL;

CREATE TABLE tags (
    package_id TEXT NOT NULL REFERENCES packages (id) ON DELETE CASCADE,
    tag TEXT NOT NULL,
    version TEXT NOT NULL,
    PRIMARY KEY (package_id, tag)
) STRICT;

-- Who may read a restricted package, and who may publish and change one (its owners).
CREATE TABLE collaborators (
    package_id TEXT NOT NULL REFERENCES packages (id) ON DELETE CASCADE,
    account_id TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    permission TEXT NOT NULL CHECK (permission IN ('read', 'write')),
    PRIMARY KEY (package_id, account_id)
) STRICT;
CREATE INDEX collaborators_by_account ON collaborators (account_id);

CREATE TABLE stars (
    package_id TEXT NOT NULL REFERENCES packages (id) ON DELETE CASCADE,
    account_id TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    PRIMARY KEY (package_id, account_id)
) STRICT;
CREATE INDEX stars_by_account ON stars (account_id);

-- As in commerce.db: a chain of hashes.
CREATE TABLE audit_logs (
    sequence INTEGER PRIMARY KEY CHECK (sequence >= 1),
    at INTEGER NOT NULL,
    actor_kind TEXT NOT NULL CHECK (actor_kind IN ('user', 'staff', 'operator', 'system')),
    actor_id TEXT,
    action TEXT NOT NULL,
    subject_kind TEXT NOT NULL,
    subject_id TEXT NOT NULL,
    detail TEXT NOT NULL,
    previous BLOB NOT NULL CHECK (length(previous) = 32),
    hash BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;

-- What a search shows of a hosted package, and the number that the index knows it by.
CREATE TABLE package_cards (
    number INTEGER PRIMARY KEY,
    package_id TEXT NOT NULL UNIQUE REFERENCES packages (id) ON DELETE CASCADE,
    -- A JSON object.
    card TEXT NOT NULL,
    -- How much of what a package should tell it tells, from 0 to 1.
    quality REAL NOT NULL,
    published_at INTEGER NOT NULL
) STRICT;

-- Words of hosted packages; `facets` holds words that stand for exact conditions.
CREATE VIRTUAL TABLE package_search USING fts5 (
    name, keywords, description, people, facets,
    content = '', contentless_delete = 1, prefix = '2 3',
    tokenize = 'unicode61 remove_diacritics 2'
);
CREATE TRIGGER package_cards_gone AFTER DELETE ON package_cards BEGIN
    DELETE FROM package_search WHERE rowid = old.number;
END;
