//! What the endpoints of stock take and give.

use serde_json::{Value, json};

use crate::http::PageQuery;
use crate::id::Id;
use crate::json::{At, Describe, Faults, Int, Line, List, Raw, Read, Schemas, Time};

use super::rules::{Item, LEVEL_MAX};
use super::sql::{Counted, Entry};

crate::shape! {
    /// How much there is of a product or of one of its variants.
    pub struct Inventory writes {
        pub id: Id,
        /// Moves with `on_hand` and `reorder_point`, and not with `reserved`.
        pub version: i64,
        pub product_id: Id,
        /// Null where the product itself is counted.
        pub variant_id: Option<Id>,
        /// In the house.
        pub on_hand: i64,
        /// Of that, what is promised to somebody.
        pub reserved: i64,
        /// What can be sold: `on_hand` less `reserved`.
        pub available: i64,
        /// What is available is low from here down.
        pub reorder_point: i64,
        /// Whether it is time to order more.
        pub low: bool,
        pub created_at: Time,
        pub updated_at: Time,
    }
}

crate::shape! {
    /// A change of a level that happened.
    pub struct InventoryChange writes {
        pub id: Id,
        pub product_id: Id,
        /// Null where the product itself is counted.
        pub variant_id: Option<Id>,
        pub delta: i64,
        pub on_hand_after: i64,
        pub reason: String,
        /// The user who did it; null where it was the server.
        pub actor: Option<Id>,
        /// The reservation that was sold.
        pub reservation_id: Option<Id>,
        pub created_at: Time,
    }
}

crate::shape! {
    /// The parameters of `GET /api/v1/inventory`.
    pub struct InventoryQuery reads {
        /// A product with its variants.
        pub product_id: Option<Id>,
        ..pub page: PageQuery
    }
}

crate::shape! {
    /// The parameters of `GET /api/v1/inventory/low-stock`.
    pub struct LowStockQuery reads {
        ..pub page: PageQuery
    }
}

crate::shape! {
    /// The parameters of `GET /api/v1/inventory/history`.
    pub struct HistoryQuery reads {
        /// A product with its variants.
        pub product_id: Option<Id>,
        /// One variant.
        pub variant_id: Option<Id>,
        /// The first moment.
        pub from: Option<Time>,
        /// The last moment.
        pub to: Option<Time>,
        ..pub page: PageQuery
    }
}

crate::shape! {
    /// What `PUT /api/v1/inventory/:productId` takes. What is not given stays as it is.
    pub struct UpdateInventory reads {
        /// Which variant; the product itself where it is not given.
        pub variant_id: Option<Id>,
        pub on_hand: Option<Level>,
        pub reorder_point: Option<Level>,
        /// For the history; `set` where it is not given.
        pub reason: Option<Reason>,
    }
}

crate::shape! {
    /// A change of one level.
    pub struct Adjustment reads {
        pub product_id: Id,
        /// Which variant; the product itself where it is not given.
        pub variant_id: Option<Id>,
        /// By how much; not 0.
        pub delta: Delta,
        /// For the history.
        pub reason: Reason,
    }
}

crate::shape! {
    /// Changes that happen together or not at all, one after another.
    pub struct Adjustments reads {
        pub adjustments: List<Adjustment, 1, ADJUSTMENTS_MAX>,
    }
}

crate::shape! {
    /// The items that were adjusted, in the order of the adjustments.
    pub struct Adjusted writes {
        pub items: Vec<Inventory>,
    }
}

/// A level of stock.
pub type Level = Int<0, LEVEL_MAX>;
/// Why stock changes.
pub type Reason = Line<1, 200>;

/// By how much a level changes; not 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delta(i64);

/// What `POST /api/v1/inventory/adjust` takes: one adjustment, or several.
#[derive(Clone, Debug)]
pub enum Adjust {
    /// One, as the body itself.
    One(Adjustment),
    /// Several, under `adjustments`.
    Several(Vec<Adjustment>),
}

impl Delta {
    /// The number.
    pub fn value(self) -> i64 {
        self.0
    }
}

impl Read for Delta {
    fn read(raw: Raw<'_, '_>, at: &At<'_>, faults: &mut Faults) -> Option<Delta> {
        let delta = DeltaBounds::read(raw, at, faults)?.value();
        if delta == 0 {
            faults.add(at, "range", "must not be 0");
            return None;
        }
        Some(Delta(delta))
    }
}

impl Describe for Delta {
    fn schema(schemas: &mut Schemas) -> Value {
        let mut schema = DeltaBounds::schema(schemas);
        schema["not"] = json!({ "const": 0 });
        schema
    }
}

impl Read for Adjust {
    fn read(raw: Raw<'_, '_>, at: &At<'_>, faults: &mut Faults) -> Option<Adjust> {
        let names_several = match raw {
            Raw::Json(value) => value
                .as_object()
                .is_some_and(|object| object.get("adjustments").is_some()),
            Raw::Text(_) => false,
        };
        if names_several {
            let several = Adjustments::read(raw, at, faults)?;
            return Some(Adjust::Several(several.adjustments.into_vec()));
        }
        Adjustment::read(raw, at, faults).map(Adjust::One)
    }
}

impl Describe for Adjust {
    fn schema(schemas: &mut Schemas) -> Value {
        json!({ "oneOf": [Adjustment::schema(schemas), Adjustments::schema(schemas)] })
    }
}

impl Adjust {
    /// Each adjustment with its pointer into the body.
    pub fn places(&self) -> Vec<(String, &Adjustment)> {
        match self {
            Adjust::One(one) => vec![(String::new(), one)],
            Adjust::Several(several) => several
                .iter()
                .enumerate()
                .map(|(index, one)| (format!("/adjustments/{index}"), one))
                .collect(),
        }
    }
}

impl Adjustment {
    /// What it changes.
    pub fn item(&self) -> Item {
        Item {
            product_id: self.product_id,
            variant_id: self.variant_id,
        }
    }
}

impl From<Counted> for Inventory {
    fn from(counted: Counted) -> Inventory {
        let Counted { item, stock, .. } = counted;
        Inventory {
            id: counted.id,
            version: counted.version,
            product_id: item.product_id,
            variant_id: item.variant_id,
            on_hand: stock.on_hand,
            reserved: stock.reserved,
            available: stock.available(),
            reorder_point: stock.reorder_point,
            low: stock.is_low(),
            created_at: Time(counted.created_at),
            updated_at: Time(counted.updated_at),
        }
    }
}

impl From<Entry> for InventoryChange {
    fn from(entry: Entry) -> InventoryChange {
        InventoryChange {
            id: entry.id,
            product_id: entry.item.product_id,
            variant_id: entry.item.variant_id,
            delta: entry.delta,
            on_hand_after: entry.on_hand_after,
            reason: entry.reason,
            actor: entry.actor,
            reservation_id: entry.reservation_id,
            created_at: Time(entry.created_at),
        }
    }
}

type DeltaBounds = Int<{ -LEVEL_MAX }, LEVEL_MAX>;

/// Adjustments of one request: with the longest reasons they still fit its body.
const ADJUSTMENTS_MAX: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{BodyFault, read_body};

    fn read(text: &str) -> Result<Adjust, Vec<(String, &'static str)>> {
        read_body(&mut text.as_bytes().to_vec()).map_err(|fault| match fault {
            BodyFault::Shape(faults) => {
                let told = faults.into_iter().map(|fault| (fault.pointer, fault.code));
                told.collect()
            }
            BodyFault::Malformed(cause) => panic!("{cause}"),
        })
    }

    fn adjustment(delta: &str) -> String {
        let id = "0190b1a0-0000-7000-8000-000000000001";
        format!(r#"{{"product_id":"{id}","delta":{delta},"reason":"found"}}"#)
    }

    #[test]
    fn one_and_several_are_read() {
        let Ok(Adjust::One(one)) = read(&adjustment("-3")) else {
            panic!("one is read");
        };
        assert_eq!((one.delta.value(), &*one.reason), (-3, "found"));
        let text = format!(
            r#"{{"adjustments":[{},{}]}}"#,
            adjustment("1"),
            adjustment("2")
        );
        let Ok(Adjust::Several(several)) = read(&text) else {
            panic!("several are read");
        };
        assert_eq!(several.len(), 2);
    }

    #[test]
    fn faults_are_those_of_the_form_that_was_meant() {
        let fault = |pointer: &str, code| (pointer.to_owned(), code);
        let one = read("{}").unwrap_err();
        let required = |name| fault(name, "required");
        assert_eq!(one, ["/product_id", "/delta", "/reason"].map(required));
        assert_eq!(read("[]").unwrap_err(), [fault("", "type")]);
        for (delta, code) in [("0", "range"), ("1000000001", "range"), ("1.5", "type")] {
            let text = format!(r#"{{"adjustments":[{}],"delta":1}}"#, adjustment(delta));
            assert_eq!(
                read(&text).unwrap_err(),
                [
                    fault("/adjustments/0/delta", code),
                    fault("/delta", "unknown_field")
                ]
            );
        }
        let none = read(r#"{"adjustments":[]}"#).unwrap_err();
        assert_eq!(none, [fault("/adjustments", "length")]);
    }
}
