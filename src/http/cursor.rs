//! Cursors: where a page of a list begins, as text that only this server reads.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Serialize, Serializer};
use serde_json::{Value as Schema, json};

use crate::id::Id;
use crate::json::{At, Describe, Faults, Raw, Read, Schemas};

use super::page::{INVALID_CURSOR, invalid_cursor};
use super::problem::Problem;

/// The keys of the last item of a page, in the order of the list's sort.
///
/// It is no secret and is not signed: a client that makes one up reads from another place of a
/// list that it may read anyway. So its values are input like any other.
#[derive(Clone, PartialEq, Eq)]
pub struct Cursor {
    bytes: Vec<u8>,
    text: String,
}

/// The values of a cursor, one after another.
pub struct CursorValues<'c> {
    rest: &'c [u8],
}

impl Cursor {
    /// A cursor of a list in one of its orders, without values. The order is part of it, so that
    /// a cursor of one order is refused in another.
    pub fn new(order: u8) -> Cursor {
        let mut cursor = Cursor {
            bytes: vec![VERSION, order],
            text: String::new(),
        };
        cursor.render();
        cursor
    }

    /// Adds a number.
    #[must_use]
    pub fn int(mut self, value: i64) -> Cursor {
        self.bytes.push(INT);
        self.bytes.extend_from_slice(&value.to_be_bytes());
        self.render();
        self
    }

    /// Adds a text.
    ///
    /// # Panics
    /// When it is longer than [`TEXT_BYTES_MAX`]: a key that a list is sorted by is bounded.
    #[must_use]
    pub fn string(mut self, value: &str) -> Cursor {
        assert!(value.len() <= TEXT_BYTES_MAX, "a sort key is bounded");
        self.bytes.push(TEXT);
        self.bytes
            .extend_from_slice(&(value.len() as u16).to_be_bytes());
        self.bytes.extend_from_slice(value.as_bytes());
        self.render();
        self
    }

    /// Reads a cursor of a client; `None` where it has not the form of one.
    pub fn read(text: &str) -> Option<Cursor> {
        if text.len() > ENCODED_BYTES_MAX {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let mut values = match &*bytes {
            [VERSION, _order, values @ ..] => CursorValues { rest: values },
            _ => return None,
        };
        let mut count = 0;
        while !values.rest.is_empty() {
            values.next()?;
            count += 1;
        }
        (count <= VALUES_MAX).then(|| Cursor {
            bytes,
            text: text.to_owned(),
        })
    }

    /// As a query carries it: every byte is one that a URI has.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The values of a cursor of this order.
    ///
    /// # Errors
    /// 422 where it is of another.
    pub fn values(&self, order: u8) -> Result<CursorValues<'_>, Problem> {
        if self.bytes[1] != order {
            return Err(invalid_cursor());
        }
        Ok(CursorValues {
            rest: &self.bytes[2..],
        })
    }

    fn render(&mut self) {
        self.text = URL_SAFE_NO_PAD.encode(&self.bytes);
    }
}

impl<'c> CursorValues<'c> {
    /// The next value, a number.
    ///
    /// # Errors
    /// 422 where it is none.
    pub fn int(&mut self) -> Result<i64, Problem> {
        match self.next() {
            Some(Value::Int(value)) => Ok(value),
            Some(Value::Text(_)) | None => Err(invalid_cursor()),
        }
    }

    /// The next value, a text.
    ///
    /// # Errors
    /// 422 where it is none.
    pub fn string(&mut self) -> Result<&'c str, Problem> {
        match self.next() {
            Some(Value::Text(value)) => Ok(value),
            Some(Value::Int(_)) | None => Err(invalid_cursor()),
        }
    }

    /// The next value, an id.
    ///
    /// # Errors
    /// 422 where it is none.
    pub fn id(&mut self) -> Result<Id, Problem> {
        self.string()?.parse().map_err(|_| invalid_cursor())
    }

    /// Makes sure that there are no more values.
    ///
    /// # Errors
    /// 422 where there are.
    pub fn end(self) -> Result<(), Problem> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(invalid_cursor())
        }
    }

    fn next(&mut self) -> Option<Value<'c>> {
        match self.rest {
            [INT, rest @ ..] => {
                let (value, rest) = rest.split_first_chunk()?;
                self.rest = rest;
                Some(Value::Int(i64::from_be_bytes(*value)))
            }
            [TEXT, rest @ ..] => {
                let (length, rest) = rest.split_first_chunk()?;
                let length = usize::from(u16::from_be_bytes(*length));
                let (value, rest) = rest.split_at_checked(length)?;
                self.rest = rest;
                (length <= TEXT_BYTES_MAX).then_some(())?;
                str::from_utf8(value).ok().map(Value::Text)
            }
            _ => None,
        }
    }
}

impl std::fmt::Debug for Cursor {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Cursor({})", self.text)
    }
}

impl Read for Cursor {
    fn read(raw: Raw<'_, '_>, at: &At<'_>, faults: &mut Faults) -> Option<Cursor> {
        let cursor = raw.text().and_then(Cursor::read);
        if cursor.is_none() {
            faults.add(
                at,
                INVALID_CURSOR,
                "must be the `next` of a page of this list",
            );
        }
        cursor
    }
}

impl Describe for Cursor {
    fn schema(_: &mut Schemas) -> Schema {
        json!({ "type": "string", "maxLength": ENCODED_BYTES_MAX })
    }
}

impl Serialize for Cursor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

enum Value<'c> {
    Int(i64),
    Text(&'c str),
}

/// The first byte of every cursor; another layout gets another.
const VERSION: u8 = 1;
const INT: u8 = b'i';
const TEXT: u8 = b't';

/// Values of a cursor at most.
const VALUES_MAX: usize = 4;
/// The longest text of a cursor: as long as the longest text that a list is sorted by.
pub const TEXT_BYTES_MAX: usize = 1024;
/// The longest cursor that is read: two of the longest texts and two numbers.
const ENCODED_BYTES_MAX: usize = (2 + 2 * (3 + TEXT_BYTES_MAX) + 2 * 9).div_ceil(3) * 4;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn values_come_back(order: u8, number: i64, text in "\\PC{0,200}", last: i64) {
            let cursor = Cursor::new(order).int(number).string(&text).int(last);
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
            prop_assert!(cursor.text().bytes().all(is_plain));
            let read = Cursor::read(cursor.text()).unwrap();
            prop_assert_eq!(&read, &cursor);
            let mut values = read.values(order).unwrap();
            prop_assert_eq!(values.int().unwrap(), number);
            prop_assert_eq!(values.string().unwrap(), &text);
            prop_assert_eq!(values.int().unwrap(), last);
            prop_assert!(values.end().is_ok());
        }

        #[test]
        fn no_text_is_read_as_more_than_it_holds(text in "[A-Za-z0-9_=-]{0,64}") {
            if let Some(cursor) = Cursor::read(&text) {
                prop_assert_eq!(URL_SAFE_NO_PAD.encode(&cursor.bytes), text);
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let mut framed = vec![VERSION, 0];
            framed.extend(&bytes);
            if let Some(cursor) = Cursor::read(&URL_SAFE_NO_PAD.encode(&framed)) {
                let mut values = cursor.values(0).unwrap();
                while values.next().is_some() {}
                prop_assert!(values.end().is_ok());
            }
        }
    }

    #[test]
    fn another_order_and_other_types_are_refused() {
        let cursor = Cursor::new(1).int(7);
        let refused = |problem: Problem| assert_eq!(problem.code, "invalid_cursor");
        refused(cursor.values(2).err().unwrap());
        refused(cursor.values(1).unwrap().string().unwrap_err());
        refused(cursor.values(1).unwrap().end().unwrap_err());
        let mut values = cursor.values(1).unwrap();
        assert_eq!(values.int(), Ok(7));
        refused(values.int().unwrap_err());
    }

    #[test]
    fn the_longest_cursor_is_read_and_no_longer_one() {
        let longest = "x".repeat(TEXT_BYTES_MAX);
        let cursor = Cursor::new(0)
            .string(&longest)
            .int(1)
            .string(&longest)
            .int(2);
        assert_eq!(Cursor::read(cursor.text()), Some(cursor.clone()));
        let text = cursor.int(3);
        assert_eq!(Cursor::read(text.text()), None, "five values");
        assert_eq!(Cursor::read(&"A".repeat(ENCODED_BYTES_MAX + 4)), None);
    }

    #[test]
    fn what_no_server_gave_is_none() {
        for text in [
            "",
            "AQ",
            "AgA",
            "AQBp",
            "AQB4",
            "AQA=",
            "not base64!",
            "AQB0_____w",
        ] {
            assert_eq!(Cursor::read(text), None, "{text}");
        }
        assert!(Cursor::read("AQA").is_some());
    }
}
