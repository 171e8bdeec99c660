//! What goes into a statement and comes out of a row.

use rusqlite::ToSql;
use rusqlite::types::{ToSqlOutput, ValueRef};

use super::fault::SqlFault;

/// One value of a row or of a parameter.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Value<'v> {
    /// SQL's NULL.
    Null,
    /// Numbers, times in unix milliseconds, amounts in minor units, booleans as 0 and 1.
    Integer(i64),
    /// A floating-point number.
    Real(f64),
    /// Text.
    Text(&'v str),
    /// Bytes.
    Blob(&'v [u8]),
    /// A parameter of 36 ASCII characters that is made where it is bound: an id. Rows hold
    /// [`Value::Text`].
    Made([u8; 36]),
}

/// What can be a parameter.
pub trait ToValue {
    /// The value that is bound.
    fn to_value(&self) -> Value<'_>;
}

/// What can be read from a column.
pub trait FromValue: Sized {
    /// Reads a value; `None` where it has another type.
    fn from_value(value: Value<'_>) -> Option<Self>;
}

impl ToValue for Value<'_> {
    fn to_value(&self) -> Value<'_> {
        *self
    }
}

impl<T: ToValue + ?Sized> ToValue for &T {
    fn to_value(&self) -> Value<'_> {
        (**self).to_value()
    }
}

impl ToValue for str {
    fn to_value(&self) -> Value<'_> {
        Value::Text(self)
    }
}

impl ToValue for String {
    fn to_value(&self) -> Value<'_> {
        Value::Text(self)
    }
}

impl ToValue for [u8] {
    fn to_value(&self) -> Value<'_> {
        Value::Blob(self)
    }
}

impl<const LENGTH: usize> ToValue for [u8; LENGTH] {
    fn to_value(&self) -> Value<'_> {
        Value::Blob(self)
    }
}

impl ToValue for Vec<u8> {
    fn to_value(&self) -> Value<'_> {
        Value::Blob(self)
    }
}

impl ToValue for i64 {
    fn to_value(&self) -> Value<'_> {
        Value::Integer(*self)
    }
}

impl ToValue for u32 {
    fn to_value(&self) -> Value<'_> {
        Value::Integer(i64::from(*self))
    }
}

impl ToValue for i32 {
    fn to_value(&self) -> Value<'_> {
        Value::Integer(i64::from(*self))
    }
}

impl ToValue for bool {
    fn to_value(&self) -> Value<'_> {
        Value::Integer(i64::from(*self))
    }
}

impl ToValue for f64 {
    fn to_value(&self) -> Value<'_> {
        Value::Real(*self)
    }
}

impl<T: ToValue> ToValue for Option<T> {
    fn to_value(&self) -> Value<'_> {
        self.as_ref().map_or(Value::Null, ToValue::to_value)
    }
}

impl FromValue for String {
    fn from_value(value: Value<'_>) -> Option<String> {
        value.as_text().map(str::to_owned)
    }
}

impl FromValue for Vec<u8> {
    fn from_value(value: Value<'_>) -> Option<Vec<u8>> {
        value.as_blob().map(<[u8]>::to_vec)
    }
}

impl<const LENGTH: usize> FromValue for [u8; LENGTH] {
    fn from_value(value: Value<'_>) -> Option<[u8; LENGTH]> {
        value.as_blob()?.try_into().ok()
    }
}

impl FromValue for i64 {
    fn from_value(value: Value<'_>) -> Option<i64> {
        value.as_integer()
    }
}

impl FromValue for u32 {
    fn from_value(value: Value<'_>) -> Option<u32> {
        value.as_integer()?.try_into().ok()
    }
}

impl FromValue for i32 {
    fn from_value(value: Value<'_>) -> Option<i32> {
        value.as_integer()?.try_into().ok()
    }
}

impl FromValue for bool {
    fn from_value(value: Value<'_>) -> Option<bool> {
        match value.as_integer()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

impl FromValue for f64 {
    fn from_value(value: Value<'_>) -> Option<f64> {
        if let Value::Real(number) = value {
            return Some(number);
        }
        value.as_integer().map(|number| number as f64)
    }
}

impl<T: FromValue> FromValue for Option<T> {
    fn from_value(value: Value<'_>) -> Option<Option<T>> {
        if value == Value::Null {
            return Some(None);
        }
        T::from_value(value).map(Some)
    }
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Value::Null => ValueRef::Null,
            Value::Integer(number) => ValueRef::Integer(*number),
            Value::Real(number) => ValueRef::Real(*number),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Blob(bytes) => ValueRef::Blob(bytes),
            Value::Made(text) => ValueRef::Text(text),
        }))
    }
}

impl<'v> Value<'v> {
    /// The text, if it is one.
    pub fn as_text(self) -> Option<&'v str> {
        if let Value::Text(text) = self {
            Some(text)
        } else {
            None
        }
    }

    /// The number, if it is an integer.
    pub fn as_integer(self) -> Option<i64> {
        if let Value::Integer(number) = self {
            Some(number)
        } else {
            None
        }
    }

    /// The bytes, if it is a blob.
    pub fn as_blob(self) -> Option<&'v [u8]> {
        if let Value::Blob(bytes) = self {
            Some(bytes)
        } else {
            None
        }
    }

    /// Fails for text that is not UTF-8, which SQLite would keep.
    pub(super) fn of(value: ValueRef<'v>) -> Result<Value<'v>, SqlFault> {
        Ok(match value {
            ValueRef::Null => Value::Null,
            ValueRef::Integer(number) => Value::Integer(number),
            ValueRef::Real(number) => Value::Real(number),
            ValueRef::Text(text) => Value::Text(
                str::from_utf8(text)
                    .map_err(|_| SqlFault::Other("a text is not UTF-8".to_owned()))?,
            ),
            ValueRef::Blob(bytes) => Value::Blob(bytes),
        })
    }

    pub(super) fn type_name(self) -> &'static str {
        match self {
            Value::Null => "NULL",
            Value::Integer(_) => "an integer",
            Value::Real(_) => "a real",
            Value::Text(_) | Value::Made(_) => "a text",
            Value::Blob(_) => "a blob",
        }
    }
}
