//! Whole numbers with bounds.

use serde::Serialize;
use serde_json::{Value, json};

use super::fault::{At, Faults};
use super::schema::{Describe, Schemas};
use super::shape::{Raw, Read};

/// A whole number from `MIN` to `MAX`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Int<const MIN: i64, const MAX: i64>(i64);

/// Money in the minor unit of its currency. The bound leaves room for sums of a million of them.
pub type Amount = Int<0, 1_000_000_000_000>;

impl<const MIN: i64, const MAX: i64> Int<MIN, MAX> {
    /// The number, if it is within the bounds.
    pub const fn new(number: i64) -> Option<Int<MIN, MAX>> {
        if MIN <= number && number <= MAX {
            Some(Int(number))
        } else {
            None
        }
    }

    /// The number.
    pub const fn value(self) -> i64 {
        self.0
    }
}

impl<const MIN: i64, const MAX: i64> Read for Int<MIN, MAX> {
    fn read(raw: Raw<'_, '_>, at: &At<'_>, faults: &mut Faults) -> Option<Self> {
        let Some(number) = raw.integer() else {
            faults.add(at, "type", "must be a whole number");
            return None;
        };
        let number = Int::new(number);
        if number.is_none() {
            faults.add(at, "range", format!("must be {MIN} to {MAX}"));
        }
        number
    }
}

impl<const MIN: i64, const MAX: i64> Describe for Int<MIN, MAX> {
    fn schema(_: &mut Schemas) -> Value {
        json!({ "type": "integer", "minimum": MIN, "maximum": MAX })
    }
}

impl Read for bool {
    fn read(raw: Raw<'_, '_>, at: &At<'_>, faults: &mut Faults) -> Option<bool> {
        let flag = raw.boolean();
        if flag.is_none() {
            faults.add(at, "type", "must be true or false");
        }
        flag
    }
}
