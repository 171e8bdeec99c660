//! What making documents of an upstream's text takes in memory, told before it is made.

use crate::limits::{
    UPSTREAM_DOCUMENT_BYTES_MAX, UPSTREAM_FIELDS_MAX, UPSTREAM_MAKING_BYTES_MAX,
    UPSTREAM_MAKING_GUESS_MAX,
};

/// What the text of a document needs, and how long it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Need {
    text_bytes_max: usize,
    bytes: usize,
}

impl Need {
    /// Of a text that is not known yet and has no more than so many bytes.
    pub(super) fn likely(text_bytes_max: usize) -> Need {
        Need {
            text_bytes_max,
            bytes: (text_bytes_max * LIKELY_TIMES).min(UPSTREAM_MAKING_GUESS_MAX),
        }
    }

    /// Of a text: itself, both documents, and what compressing them holds; and for each of its
    /// fields where that stands, with its name and its value. Colons are more than the fields that
    /// are taken apart, and of those there are no more than may be.
    pub(super) fn of_text(text: &[u8]) -> Need {
        let fields = memchr::memchr_iter(b':', text).count();
        let fields = fields.min(UPSTREAM_FIELDS_MAX);
        Need {
            text_bytes_max: text.len(),
            bytes: text.len() * TEXT_TIMES + fields * FIELD_BYTES,
        }
    }

    /// The longest text that it is for.
    pub(super) fn text_bytes_max(self) -> usize {
        self.text_bytes_max
    }

    /// The room to be taken, where a document before that is so long takes part
    /// (`registry.keep_removed`). Two of the longest need more than there is; all of it is taken
    /// for them then.
    pub(super) fn bytes(self, old_bytes: usize) -> usize {
        (self.bytes + old_bytes * LIKELY_TIMES).min(UPSTREAM_MAKING_BYTES_MAX)
    }
}

/// What packuments of npm come to, a field of which has some forty bytes.
const LIKELY_TIMES: usize = 6;
/// The text, the long document, and as much again for the short one beside them, or, once the text
/// is gone, for brotli's window and what comes out of it.
const TEXT_TIMES: usize = 4;
/// A field's name and where its value stands, in a list that has grown by doubling.
const FIELD_BYTES: usize = 64;

/// No text that is taken needs more than there is.
const _: () = assert!(
    UPSTREAM_DOCUMENT_BYTES_MAX * TEXT_TIMES + UPSTREAM_FIELDS_MAX * FIELD_BYTES
        <= UPSTREAM_MAKING_BYTES_MAX
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_fields_needs_more_than_one_of_a_long_readme() {
        let fields = br#"{"a":1,"b":2,"c":3}"#.repeat(1000);
        let readme = vec![b'x'; fields.len()];
        let (fields, readme) = (Need::of_text(&fields), Need::of_text(&readme));
        assert_eq!(readme.bytes(0), 19_000 * TEXT_TIMES);
        assert_eq!(fields.bytes(0), readme.bytes(0) + 3000 * FIELD_BYTES);
        assert_eq!(readme.bytes(100), readme.bytes(0) + 100 * LIKELY_TIMES);
        let (guess, all) = (Need::likely(64 << 20), UPSTREAM_MAKING_BYTES_MAX);
        assert_eq!(guess.bytes(0), UPSTREAM_MAKING_GUESS_MAX);
        assert_eq!(guess.bytes(64 << 20), all);
        // However many colons there are.
        let most = Need::of_text(&b":".repeat(2 * UPSTREAM_FIELDS_MAX));
        let fields_bytes = UPSTREAM_FIELDS_MAX * FIELD_BYTES;
        assert_eq!(
            most.bytes(0),
            2 * UPSTREAM_FIELDS_MAX * TEXT_TIMES + fields_bytes
        );
    }
}
