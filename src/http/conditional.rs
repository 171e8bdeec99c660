//! Conditional requests (RFC 9110, section 13): entity tags, `If-Match` and `If-None-Match`.
//!
//! A resource with a version has the strong tag `"v<version>"`. A reply that is compressed on its
//! way out is another representation, so its tag ends with the coding: `"v7-br"` (RFC 9110,
//! section 8.8.3.3), and with `+` after it where it was compressed again with more effort. One that
//! holds what the version does not count has a digest after a point: `"v7.09ab…"`. Each of a
//! version's tags stands for that version when it comes back.

use serde::Serialize;
use thirteen_kernels::http::Method;

use crate::json::{Describe, Schemas};

use super::cache::Rendered;
use super::coding::{AcceptedCodings, Coding};
use super::endpoint::Signature;
use super::outcome::{Answer, described};
use super::problem::Problem;
use super::reply::Reply;
use super::request::Request;

/// The version that a client expects a resource to have: what `If-Match` asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Any: there is no such header, or it is `*` and the resource only has to exist.
    Any,
    /// One of these. A tag that this server never gave and a weak one name no version.
    Versions(Vec<i64>),
}

/// 200 with this value and the ETag of its version, or 304 where the client has it.
#[derive(Debug)]
pub struct Versioned<T> {
    /// Its version.
    pub version: i64,
    /// What is sent.
    pub value: T,
}

/// As [`Versioned`], for what also holds what its version does not count, such as a product's
/// stock: its tag has a digest, as that of [`Rendered::of_parts`].
#[derive(Debug)]
pub struct VersionedParts<T> {
    /// Its version.
    pub version: i64,
    /// What is sent.
    pub value: T,
}

/// One entity tag of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TagCondition<'t> {
    /// `*`: whatever there is.
    Whatever,
    /// A tag.
    Tag(EntityTag<'t>),
}

/// An entity tag as it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntityTag<'t> {
    /// Whether it is one.
    pub strength: Strength,
    /// The tag with its quotes, without the `W/` of a weak one.
    pub quoted: &'t [u8],
}

/// How much two equal tags promise (RFC 9110, section 8.8.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strength {
    /// The same bytes.
    Strong,
    /// The same meaning.
    Weak,
}

/// What `If-Match` asks for.
pub fn if_match(request: &Request<'_>) -> Expected {
    let mut conditions = conditions(request, "if-match").peekable();
    if conditions.peek().is_none() && request.header("if-match").is_none() {
        return Expected::Any;
    }
    let mut versions = Vec::new();
    for condition in conditions {
        match condition {
            TagCondition::Whatever => return Expected::Any,
            TagCondition::Tag(tag) => versions.extend(tag.version()),
        }
    }
    Expected::Versions(versions)
}

/// The tag of `If-None-Match` that names the representation which the client has, if it is still
/// the one: 304 is the answer then, with this tag. `etag` is the tag of the plain representation.
/// The comparison is the weak one (RFC 9110, section 13.1.2).
pub fn not_modified<'r>(request: &Request<'r>, etag: &'r [u8]) -> Option<&'r [u8]> {
    conditions(request, "if-none-match").find_map(|condition| match condition {
        TagCondition::Whatever => Some(etag),
        TagCondition::Tag(tag) => match tag.names(etag)? {
            None => Some(tag.quoted),
            // A cache that others share may have more codings than the one who asks takes.
            Some(coding) => {
                let lines = request.values("accept-encoding");
                AcceptedCodings::read(lines)
                    .takes(coding)
                    .then_some(tag.quoted)
            }
        },
    })
}

/// The tags of every header line of this name, in lower case.
pub fn conditions<'r>(
    request: &Request<'r>,
    name: &'static str,
) -> impl Iterator<Item = TagCondition<'r>> + use<'r> {
    request.values(name).flat_map(Tags)
}

/// The tag of a version, strong.
pub fn etag_of(version: i64) -> String {
    format!("\"v{version}\"")
}

/// The tag of a version whose representation also holds what the version does not count, such as
/// a product's stock: a digest of the representation tells those apart. It names the version all
/// the same when it comes back in `If-Match`.
pub fn etag_of_parts(version: i64, digest: u64) -> String {
    format!("\"v{version}.{digest:016x}\"")
}

impl Expected {
    /// Whether this is the version that the client expects; 412 where it is not.
    ///
    /// # Errors
    /// The resource has changed since the client read it.
    pub fn check(&self, version: i64) -> Result<(), Problem> {
        if self.is_met(version) {
            Ok(())
        } else {
            Err(Problem::new(412, "The resource has changed since."))
        }
    }

    /// Whether this is the version that the client expects.
    pub fn is_met(&self, version: i64) -> bool {
        match self {
            Expected::Any => true,
            Expected::Versions(versions) => versions.contains(&version),
        }
    }
}

impl<T: Serialize + Describe + 'static> Answer for Versioned<T> {
    fn write(self, request: &Request<'_>, reply: &mut Reply<'_>) -> Result<(), Problem> {
        answer_tagged(&etag_of(self.version), &self.value, request, reply);
        Ok(())
    }

    fn describe(schemas: &mut Schemas, signature: &mut Signature) {
        described::<T>(200, schemas, signature);
    }
}

impl<T: Serialize + Describe + 'static> Answer for VersionedParts<T> {
    fn write(self, request: &Request<'_>, reply: &mut Reply<'_>) -> Result<(), Problem> {
        let rendered = Rendered::of_parts(self.version, &self.value);
        answer_tagged(rendered.etag(), &self.value, request, reply);
        Ok(())
    }

    fn describe(schemas: &mut Schemas, signature: &mut Signature) {
        described::<T>(200, schemas, signature);
    }
}

impl EntityTag<'_> {
    /// The version that a tag of [`etag_of`] stands for, in whichever coding it was sent.
    pub fn version(&self) -> Option<i64> {
        if self.strength == Strength::Weak {
            return None;
        }
        let (plain, _) = self.plain();
        let plain = plain.split(|byte| *byte == b'.').next()?;
        let digits = plain.strip_prefix(b"\"v")?;
        let version = str::from_utf8(digits).ok()?.parse().ok()?;
        // The same number can be written in other ways, and a tag is compared byte by byte.
        let is_ours = etag_of(version).as_bytes().strip_suffix(b"\"") == Some(plain);
        is_ours.then_some(version)
    }

    /// Whether this is the tag of a representation, or that of the same one in a coding; in which.
    fn names(&self, etag: &[u8]) -> Option<Option<Coding>> {
        let etag = etag.strip_prefix(b"W/").unwrap_or(etag);
        if self.quoted == etag {
            return Some(None);
        }
        let (plain, coding) = self.plain();
        (etag.strip_suffix(b"\"") == Some(plain)).then_some(coding)
    }

    /// The tag without its last quote and its coding.
    fn plain(&self) -> (&[u8], Option<Coding>) {
        let open = &self.quoted[..self.quoted.len() - 1];
        let coded_part = open.strip_suffix(BETTER_SUFFIX).unwrap_or(open);
        let coded = Coding::ALL.into_iter().find_map(|coding| {
            let plain = coded_part.strip_suffix(coding.tag_suffix())?;
            Some((plain, Some(coding)))
        });
        coded.unwrap_or((open, None))
    }
}

fn answer_tagged(etag: &str, value: &impl Serialize, request: &Request<'_>, reply: &mut Reply<'_>) {
    let is_read = matches!(request.method(), Method::Get | Method::Head);
    if is_read && let Some(known) = not_modified(request, etag.as_bytes()) {
        reply.status(304).header("ETag", known).empty();
    } else {
        reply.status(200).header("ETag", etag).json(value);
    }
}

/// What the tag of a reply that was compressed with more effort has after its coding: other
/// bytes, so another tag.
pub(super) const BETTER_SUFFIX: &[u8] = b"+";

/// The tags of one line. What is no tag ends the list: it matches nothing, so a precondition that
/// cannot be read is one that does not hold.
struct Tags<'t>(&'t [u8]);

impl<'t> Iterator for Tags<'t> {
    type Item = TagCondition<'t>;

    fn next(&mut self) -> Option<TagCondition<'t>> {
        let separator = |byte: &u8| matches!(byte, b',' | b' ' | b'\t');
        let start = self.0.iter().position(|byte| !separator(byte))?;
        let list = &self.0[start..];
        if let Some(rest) = list.strip_prefix(b"*") {
            self.0 = rest;
            return Some(TagCondition::Whatever);
        }
        let (strength, list) = match list.strip_prefix(b"W/") {
            Some(list) => (Strength::Weak, list),
            None => (Strength::Strong, list),
        };
        let Some(end) = closing_quote(list) else {
            self.0 = b"";
            return None;
        };
        let (quoted, rest) = list.split_at(end + 1);
        self.0 = rest;
        Some(TagCondition::Tag(EntityTag { strength, quoted }))
    }
}

fn closing_quote(list: &[u8]) -> Option<usize> {
    let opaque = list.strip_prefix(b"\"")?;
    let end = opaque.iter().position(|byte| *byte == b'"')?;
    let is_tag = opaque[..end]
        .iter()
        .all(|byte| matches!(byte, 0x21 | 0x23..=0x7e | 0x80..));
    is_tag.then_some(end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_in_a_tag_does_not_hide_its_version() {
        let of = |text: &str| {
            let tag = EntityTag {
                strength: Strength::Strong,
                quoted: text.as_bytes(),
            };
            tag.version()
        };
        assert_eq!(of(&etag_of_parts(7, 0xab)), Some(7));
        assert_eq!(of("\"v7.00ab-br\""), Some(7));
        for text in ["\"v.00\"", "\"v07.00\"", "\"7.00\"", "\"h7.00\""] {
            assert_eq!(of(text), None, "{text}");
        }
    }

    fn tags(line: &str) -> Vec<String> {
        Tags(line.as_bytes())
            .map(|condition| match condition {
                TagCondition::Whatever => "*".to_owned(),
                TagCondition::Tag(tag) => {
                    let quoted = String::from_utf8_lossy(tag.quoted);
                    match tag.strength {
                        Strength::Strong => quoted.into_owned(),
                        Strength::Weak => format!("W/{quoted}"),
                    }
                }
            })
            .collect()
    }

    fn versions(line: &str) -> Vec<i64> {
        Tags(line.as_bytes())
            .filter_map(|condition| match condition {
                TagCondition::Whatever => None,
                TagCondition::Tag(tag) => tag.version(),
            })
            .collect()
    }

    #[test]
    fn lists_are_read_to_their_first_fault() {
        assert_eq!(
            tags(r#""a", W/"b" ,,"c,d""#),
            [r#""a""#, r#"W/"b""#, r#""c,d""#]
        );
        assert_eq!(tags("*"), ["*"]);
        assert_eq!(tags(r#""""#), [r#""""#]);
        assert_eq!(tags(r#""a", b, "c""#), [r#""a""#]);
        assert_eq!(tags(r#""a"#), [""; 0]);
        assert_eq!(tags(r#""a b""#), [""; 0]);
        assert_eq!(tags(r#"w/"a""#), [""; 0]);
        assert_eq!(tags(""), [""; 0]);
    }

    #[test]
    fn versions_are_told_from_other_tags() {
        assert_eq!(
            versions(
                r#""v1", "v2-br", "v3-gzip+", "v4-zstd", "v4+", W/"v5", "6", "v07", "v+8", "x""#
            ),
            [1, 2, 3, 4]
        );
        assert_eq!(versions(r#""v-3""#), [-3]);
        assert_eq!(versions(&etag_of(i64::MAX)), [i64::MAX]);
    }

    #[test]
    fn another_version_is_412() {
        let expected = Expected::Versions(vec![3, 4]);
        assert_eq!(expected.check(4), Ok(()));
        assert_eq!(expected.check(5).unwrap_err().status, 412);
        assert_eq!(Expected::Any.check(5), Ok(()));
        assert!(!Expected::Versions(Vec::new()).is_met(1));
    }

    #[test]
    fn a_representation_is_named_in_any_coding_and_strength() {
        let names = |line: &str, etag: &str| {
            Tags(line.as_bytes()).any(|condition| match condition {
                TagCondition::Whatever => true,
                TagCondition::Tag(tag) => tag.names(etag.as_bytes()).is_some(),
            })
        };
        for line in [
            r#""v7""#,
            r#"W/"v7""#,
            r#""v7-br""#,
            r#""x", "v7-zstd""#,
            "*",
        ] {
            assert!(names(line, r#""v7""#), "{line}");
            assert!(names(line, r#"W/"v7""#), "{line}");
        }
        for line in [r#""v70""#, r#""v7-deflate""#, "v7", ""] {
            assert!(!names(line, r#""v7""#), "{line}");
        }
        // A tag that itself ends like a coding's.
        assert!(names(r#""x-br""#, r#""x-br""#));
    }
}
