//! Range requests (RFC 9110, section 14): one range of bytes.

use thirteen_kernels::http::Method;

use super::conditional::{Strength, TagCondition, conditions};
use super::request::Request;

/// Which part of a representation a request asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// All of it, with status 200: nothing else is asked for, or not in a form that is served. A
    /// server may ignore any range (section 14.2), and several at once are.
    Whole,
    /// These bytes, the last one included, with status 206.
    Bytes {
        /// The first one's position.
        first: u64,
        /// The last one's.
        last: u64,
    },
    /// None that there is: 416.
    Unsatisfiable,
}

/// Which part of a representation of this length and strong tag a request asks for.
pub fn part(request: &Request<'_>, etag: &[u8], length: u64) -> Part {
    let mut ranges = request.values("range");
    let (Some(range), None) = (ranges.next(), ranges.next()) else {
        return Part::Whole;
    };
    if request.method() != Method::Get || !is_still_the_one(request, etag) {
        return Part::Whole;
    }
    part_of(range, length)
}

/// Whether `If-Range` lets the range count: it names this representation by a strong tag (section
/// 13.1.5). A date never does, since none was given.
fn is_still_the_one(request: &Request<'_>, etag: &[u8]) -> bool {
    if request.header("if-range").is_none() {
        return true;
    }
    conditions(request, "if-range").any(|condition| match condition {
        TagCondition::Tag(tag) => tag.strength == Strength::Strong && tag.quoted == etag,
        TagCondition::Whatever => false,
    })
}

fn part_of(range: &[u8], length: u64) -> Part {
    let Some((unit, set)) = split(range.trim_ascii(), b'=') else {
        return Part::Whole;
    };
    if !unit.eq_ignore_ascii_case(b"bytes") {
        return Part::Whole;
    }
    let Some((first, last)) = split(set.trim_ascii(), b'-') else {
        return Part::Whole;
    };
    match (number(first), number(last)) {
        (Bound::None, Bound::Number(count)) => match count.min(length) {
            0 => Part::Unsatisfiable,
            count => Part::Bytes {
                first: length - count,
                last: length - 1,
            },
        },
        (Bound::Number(first), _) if first >= length && is_fine(last, first) => Part::Unsatisfiable,
        (Bound::Number(first), Bound::None) => Part::Bytes {
            first,
            last: length - 1,
        },
        (Bound::Number(first), Bound::Number(last)) if first <= last => Part::Bytes {
            first,
            last: last.min(length - 1),
        },
        (_, _) => Part::Whole,
    }
}

fn is_fine(last: &[u8], first: u64) -> bool {
    match number(last) {
        Bound::None => true,
        Bound::Number(last) => first <= last,
        Bound::Odd => false,
    }
}

fn split(text: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let position = text.iter().position(|byte| *byte == at)?;
    Some((&text[..position], &text[position + 1..]))
}

enum Bound {
    None,
    Number(u64),
    Odd,
}

fn number(text: &[u8]) -> Bound {
    if text.is_empty() {
        return Bound::None;
    }
    let is_number = text.iter().all(u8::is_ascii_digit);
    let digits = str::from_utf8(text).unwrap_or_default();
    match is_number {
        // One that no counter holds lies behind every end.
        true => Bound::Number(digits.parse().unwrap_or(u64::MAX)),
        false => Bound::Odd,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_of_bytes_is_read() {
        let of = |first, last| Part::Bytes { first, last };
        for (range, part) in [
            ("bytes=0-0", of(0, 0)),
            ("bytes=0-9", of(0, 9)),
            ("bytes=2-4", of(2, 4)),
            ("bytes=2-", of(2, 9)),
            ("bytes=2-99", of(2, 9)),
            ("bytes=2-99999999999999999999999", of(2, 9)),
            ("bytes=-3", of(7, 9)),
            ("bytes=-99", of(0, 9)),
            ("Bytes = 1-2", Part::Whole),
            ("BYTES=1-2", of(1, 2)),
            ("bytes=10-", Part::Unsatisfiable),
            ("bytes=10-12", Part::Unsatisfiable),
            ("bytes=99999999999999999999999-", Part::Unsatisfiable),
            ("bytes=-0", Part::Unsatisfiable),
            ("bytes=4-2", Part::Whole),
            ("bytes=12-11", Part::Whole),
            ("bytes=-", Part::Whole),
            ("bytes=", Part::Whole),
            ("bytes=0-1,3-4", Part::Whole),
            ("bytes=a-b", Part::Whole),
            ("bytes=+1-2", Part::Whole),
            ("lines=1-2", Part::Whole),
            ("", Part::Whole),
        ] {
            assert_eq!(part_of(range.as_bytes(), 10), part, "{range}");
        }
        assert_eq!(part_of(b"bytes=0-", 0), Part::Unsatisfiable);
        assert_eq!(part_of(b"bytes=-1", 0), Part::Unsatisfiable);
    }
}
