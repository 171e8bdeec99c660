//! Fields that may be there, and what that means.

use serde_json::Value;

use super::fault::{At, Faults};
use super::schema::{Describe, Schemas, nullable};
use super::shape::{Raw, Read};

/// A field of an update that can be cleared: absent keeps what is there, null clears it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Change<T> {
    /// Nothing is said about it.
    #[default]
    Keep,
    /// It is to be empty.
    Clear,
    /// It is to be this.
    Set(T),
}

impl<T> Change<T> {
    /// What the field is after the change.
    pub fn over(self, present: Option<T>) -> Option<T> {
        match self {
            Change::Keep => present,
            Change::Clear => None,
            Change::Set(value) => Some(value),
        }
    }

    /// The same change of another type.
    pub fn map<U>(self, convert: impl FnOnce(T) -> U) -> Change<U> {
        match self {
            Change::Keep => Change::Keep,
            Change::Clear => Change::Clear,
            Change::Set(value) => Change::Set(convert(value)),
        }
    }
}

impl<T: Read> Read for Change<T> {
    fn read(raw: Raw<'_, '_>, at: &At<'_>, faults: &mut Faults) -> Option<Self> {
        if raw.is_null() {
            Some(Change::Clear)
        } else {
            T::read(raw, at, faults).map(Change::Set)
        }
    }

    fn absent() -> Option<Self> {
        Some(Change::Keep)
    }
}

impl<T: Describe> Describe for Change<T> {
    const IS_OPTIONAL: bool = true;

    fn schema(schemas: &mut Schemas) -> Value {
        nullable(T::schema(schemas))
    }
}

impl<T: Read> Read for Option<T> {
    fn read(raw: Raw<'_, '_>, at: &At<'_>, faults: &mut Faults) -> Option<Self> {
        if raw.is_null() {
            Some(None)
        } else {
            T::read(raw, at, faults).map(Some)
        }
    }

    fn absent() -> Option<Self> {
        Some(None)
    }
}
