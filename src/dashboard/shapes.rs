//! What comes to the dashboard's endpoints, and what goes out.

use serde_json::{Value, json};
use thirteen_kernels::config::Field;

use crate::http::PageQuery;
use crate::json::{At, Describe, Faults, Raw, Read, Schemas, Text, Time};
use crate::registry::listing::sql::Listed;
use crate::state::document::{takes_hex, u32_of_hex};
use crate::state::variables::VariablesFormat;

crate::shape! {
    /// What `POST /_dashboard/api/config` takes.
    pub struct ChangeField reads {
        /// A field by its name; `configVersion` is `version`, as the document calls it.
        pub field: FieldName,
        /// Its new value.
        pub value: FieldValue,
    }
}

crate::shape! {
    /// A field with the value that it has got.
    pub struct FieldChanged writes {
        /// The field.
        pub updated: String,
        /// Its value.
        pub value: u64,
        /// The number of the change.
        pub sequence: u64,
    }
}

crate::shape! {
    /// How variables are wanted.
    pub struct VariablesQuery reads {
        /// `json` where it is not said.
        pub format: Option<VariablesFormat>,
    }
}

crate::shape! {
    /// Which packages are wanted.
    pub struct PackagesQuery reads {
        /// What their names hold, in any case.
        pub q: Option<Text<0, 256>>,
        ..pub page: PageQuery
    }
}

crate::shape! {
    /// A package of a list.
    pub struct PackageLine writes {
        /// Its name.
        pub name: String,
        /// `hosted`, or the hash of the upstream that it comes from.
        pub origin: String,
        /// The version of its tag `latest`.
        pub latest: Option<String>,
        /// Versions that are to be had.
        pub versions: i64,
        /// When it changed.
        pub modified: Time,
    }
}

/// A field of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldName(pub Field);

/// A value as far as a field could take it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldValue {
    /// A number.
    Whole(i64),
    /// `0x` and up to 8 digits.
    Hex(u32),
}

impl FieldValue {
    /// The number, where the field takes it in this form; its range is another matter.
    pub fn of(self, field: Field) -> Option<u64> {
        match self {
            FieldValue::Whole(number) => u64::try_from(number).ok(),
            FieldValue::Hex(number) => takes_hex(field).then_some(number.into()),
        }
    }
}

impl Read for FieldName {
    fn read(raw: Raw<'_, '_>, at: &At<'_>, faults: &mut Faults) -> Option<FieldName> {
        let field = raw.text().and_then(|text| match text {
            "configVersion" => Some(Field::Version),
            name => Field::from_name(name),
        });
        if field.is_none() {
            let names = Field::ALL.map(Field::name).join(" ");
            faults.add(at, "choice", format!("must be one of {names}"));
        }
        field.map(FieldName)
    }
}

impl Read for FieldValue {
    fn read(raw: Raw<'_, '_>, at: &At<'_>, faults: &mut Faults) -> Option<FieldValue> {
        let whole = raw.integer().map(FieldValue::Whole);
        let value = whole.or_else(|| raw.text().and_then(u32_of_hex).map(FieldValue::Hex));
        if value.is_none() {
            let detail = "must be a whole number, or 0x and 1 to 8 hexadecimal digits";
            faults.add(at, "type", detail);
        }
        value
    }
}

impl Describe for FieldName {
    fn schema(_: &mut Schemas) -> Value {
        let names = Field::ALL.map(Field::name).into_iter();
        let names: Vec<&str> = names.chain(["configVersion"]).collect();
        json!({ "type": "string", "enum": names })
    }
}

impl Describe for FieldValue {
    fn schema(_: &mut Schemas) -> Value {
        let hex = json!({ "type": "string", "pattern": "^0x[0-9A-Fa-f]{1,8}$" });
        json!({ "anyOf": [{ "type": "integer", "minimum": 0 }, hex] })
    }
}

impl From<Listed> for PackageLine {
    fn from(listed: Listed) -> PackageLine {
        PackageLine {
            name: listed.name.as_str().to_owned(),
            origin: match listed.upstream {
                None => "hosted".to_owned(),
                Some(hash) => format!("0x{hash:08x}"),
            },
            latest: listed.latest,
            versions: listed.versions,
            modified: Time(listed.modified_at),
        }
    }
}
