//! Moments: RFC 3339 outside, milliseconds of Unix time inside.

use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::fault::{At, Faults};
use super::schema::{Describe, Schemas};
use super::shape::{Raw, Read};
use super::text::text_of;

/// A moment in milliseconds of Unix time; JSON has it as RFC 3339 in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(pub i64);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = crate::telemetry::date::rfc3339_ms(self.0.max(0) as u64);
        serializer.serialize_str(str::from_utf8(&text).expect("a date is ASCII"))
    }
}

impl Read for Time {
    fn read(raw: Raw<'_, '_>, at: &At<'_>, faults: &mut Faults) -> Option<Time> {
        let text = text_of(raw, at, faults)?;
        let moment: Result<jiff::Timestamp, _> = text.parse();
        match moment.map(|moment| moment.as_millisecond()) {
            Ok(ms) if (0..=END_OF_9999_MS).contains(&ms) => Some(Time(ms)),
            Ok(_) => {
                faults.add(at, "range", "must be in the years 1970 to 9999");
                None
            }
            Err(_) => {
                let detail = "must be a time such as 2026-01-31T12:00:00Z (RFC 3339)";
                faults.add(at, "format", detail);
                None
            }
        }
    }
}

impl Describe for Time {
    fn schema(_: &mut Schemas) -> Value {
        json!({ "type": "string", "format": "date-time" })
    }
}

/// The last moment with a year of four digits.
const END_OF_9999_MS: i64 = 253_402_300_799_999;
