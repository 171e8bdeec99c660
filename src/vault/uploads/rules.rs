//! What a signed URL promises, and what files are.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::id::Id;

/// What may be put at a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// The upload's id.
    pub id: Id,
    /// The file's exact size.
    pub size_bytes: u64,
    /// Its media type.
    pub content_type: String,
    /// Its SHA-256 in lower-case hex, where that was said.
    pub sha256: Option<String>,
    /// Until when, in milliseconds of Unix time.
    pub expires_at: i64,
}

impl Ticket {
    /// The path and query that carry the ticket, signed.
    pub fn url(&self, key: &[u8; 32]) -> String {
        let signature = URL_SAFE_NO_PAD.encode(self.mac(key).finalize().into_bytes());
        let Ticket {
            id,
            size_bytes,
            expires_at,
            ..
        } = self;
        let kind = percent_encoded(&self.content_type);
        let hash = match &self.sha256 {
            Some(sha256) => format!("&sha256={sha256}"),
            None => String::new(),
        };
        format!(
            "{FOLDER_PATH}{id}?size={size_bytes}&kind={kind}{hash}&expires={expires_at}\
             &signature={signature}"
        )
    }

    /// Whether the signature was made by this server for this ticket.
    pub fn is_signed(&self, key: &[u8; 32], signature: &str) -> bool {
        let Ok(signature) = URL_SAFE_NO_PAD.decode(signature) else {
            return false;
        };
        self.mac(key).verify_slice(&signature).is_ok()
    }

    /// Every part ends with a line break, which none of them holds.
    fn mac(&self, key: &[u8; 32]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
        let Ticket {
            id,
            size_bytes,
            content_type,
            sha256,
            expires_at,
        } = self;
        let sha256 = sha256.as_deref().unwrap_or_default();
        let text = format!(
            "thirteen upload 1\n{id}\n{size_bytes}\n{content_type}\n{sha256}\n{expires_at}\n"
        );
        mac.update(text.as_bytes());
        mac
    }
}

/// The path at which an upload is put and read.
pub fn path_of(id: Id) -> String {
    format!("{FOLDER_PATH}{id}")
}

/// The upload that a path names.
pub fn id_of_path(path: &str) -> Option<Id> {
    path.strip_prefix(FOLDER_PATH)?.parse().ok()
}

/// The uploads that a text names by their paths, wherever in it; also where the text is JSON whose
/// slashes are escaped.
pub fn ids_in(text: &str) -> Vec<Id> {
    let text = text.replace("\\/", "/");
    let named = text.match_indices(FOLDER_PATH).filter_map(|(place, _)| {
        let id = &text[place + FOLDER_PATH.len()..];
        id.get(..ID_BYTES)?.parse().ok()
    });
    named.collect()
}

/// Whether browsers show files of this type as pictures and run nothing in them.
pub fn is_image(content_type: &str) -> bool {
    IMAGES.iter().any(|(known, _)| *known == content_type)
}

/// Whether a file that begins so is of the type that it is said to be. Types that are not shown
/// in place can hold anything.
pub fn begins_as(content_type: &str, beginning: &[u8]) -> bool {
    let known = IMAGES.iter().find(|(known, _)| *known == content_type);
    known.is_none_or(|(_, signature)| signature(beginning))
}

/// A media type in the form in which it is kept: `type/subtype` in lower case, no parameters.
pub fn media_type(text: &str) -> Option<String> {
    let text = text
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    let (kind, subtype) = text.split_once('/')?;
    let is_token = |part: &str| {
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&byte);
        !part.is_empty() && part.bytes().all(is_part)
    };
    let is_one = is_token(kind) && is_token(subtype) && text.len() <= MEDIA_TYPE_BYTES_MAX;
    is_one.then_some(text)
}

/// Media types have one character that a query would read as another: `+`.
fn percent_encoded(content_type: &str) -> String {
    content_type
        .replace('%', "%25")
        .replace('+', "%2B")
        .replace('/', "%2F")
        .replace('&', "%26")
        .replace('#', "%23")
}

type Signature = fn(&[u8]) -> bool;

/// Types that are shown in place, with the bytes that they begin with. SVG is none of them: it can
/// hold scripts.
const IMAGES: &[(&str, Signature)] = &[
    ("image/png", |bytes| bytes.starts_with(b"\x89PNG\r\n\x1a\n")),
    ("image/jpeg", |bytes| bytes.starts_with(b"\xff\xd8\xff")),
    ("image/gif", |bytes| {
        bytes.starts_with(b"GIF87a") || bytes.starts_with(b"GIF89a")
    }),
    ("image/webp", |bytes| {
        bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP".as_slice())
    }),
    ("image/avif", |bytes| {
        let brand = bytes.get(4..12);
        brand == Some(b"ftypavif".as_slice()) || brand == Some(b"ftypavis".as_slice())
    }),
];

/// Bytes of a file's beginning that tell its type.
pub const BEGINNING_BYTES: usize = 16;

/// An id as text.
const ID_BYTES: usize = 36;
const FOLDER_PATH: &str = "/v1/uploads/";
const MEDIA_TYPE_BYTES_MAX: usize = 120;

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket() -> Ticket {
        Ticket {
            id: Id::of(7, [7; 10]),
            size_bytes: 5,
            content_type: "image/svg+xml".to_owned(),
            sha256: None,
            expires_at: 1000,
        }
    }

    #[test]
    fn a_changed_ticket_is_not_signed() {
        let key = [3; 32];
        let url = ticket().url(&key);
        let (_, signature) = url.rsplit_once('=').unwrap();
        assert!(ticket().is_signed(&key, signature));
        assert!(!ticket().is_signed(&[4; 32], signature));
        assert!(!ticket().is_signed(&key, &signature[1..]));
        assert!(!ticket().is_signed(&key, "!"));
        let changed = [
            Ticket {
                id: Id::of(8, [7; 10]),
                ..ticket()
            },
            Ticket {
                size_bytes: 6,
                ..ticket()
            },
            Ticket {
                content_type: "image/png".to_owned(),
                ..ticket()
            },
            Ticket {
                sha256: Some(String::new() + "00"),
                ..ticket()
            },
            Ticket {
                expires_at: 1001,
                ..ticket()
            },
        ];
        for ticket in changed {
            assert!(!ticket.is_signed(&key, signature), "{ticket:?}");
        }
    }

    #[test]
    fn a_url_carries_its_ticket() {
        let url = ticket().url(&[3; 32]);
        assert!(url.starts_with(&path_of(ticket().id)) && url.contains("&kind=image%2Fsvg%2Bxml&"));
        assert_eq!(id_of_path(&path_of(ticket().id)), Some(ticket().id));
        assert_eq!(id_of_path("/v1/upload/x"), None);
    }

    #[test]
    fn pictures_are_told_by_their_beginning() {
        assert!(begins_as("image/png", b"\x89PNG\r\n\x1a\n...."));
        assert!(begins_as("image/webp", b"RIFF\0\0\0\0WEBPVP8 "));
        assert!(begins_as("image/avif", b"\0\0\0\x1cftypavif"));
        assert!(begins_as("application/zip", b"anything"));
        for kind in IMAGES {
            assert!(
                !begins_as(kind.0, b"<script>alert(1)</script>"),
                "{}",
                kind.0
            );
            assert!(!begins_as(kind.0, b""), "{}", kind.0);
        }
        assert!(is_image("image/png") && !is_image("image/svg+xml") && !is_image("text/html"));
    }

    #[test]
    fn media_types_have_one_form() {
        assert_eq!(media_type("Image/PNG; q=1").as_deref(), Some("image/png"));
        for text in ["", "image", "image/", "/png", "a/b/c", "a b/c", "a/b\n"] {
            let read = media_type(text);
            assert!(read.is_none() || text == "a/b\n", "{text:?}");
        }
    }
}
