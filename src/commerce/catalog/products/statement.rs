//! Statements put together from fixed pieces, with what is bound to them.

use crate::commerce::inventory::sql::IS_AVAILABLE;
use crate::id::Id;
use crate::store::{ToValue, Value};

use super::rules::{Filter, StockFilter};

/// A statement in the making, with what is bound to it.
pub struct Statement {
    /// The text so far.
    pub text: String,
    bound: Vec<Bound>,
    /// Whether it gives up after a number of rows.
    pub is_bounded: bool,
}

/// What is bound to one parameter.
pub enum Bound {
    /// A number.
    Number(i64),
    /// A text.
    Text(String),
}

impl ToValue for Bound {
    fn to_value(&self) -> Value<'_> {
        match self {
            Bound::Number(number) => Value::Integer(*number),
            Bound::Text(text) => Value::Text(text),
        }
    }
}

impl From<i64> for Bound {
    fn from(number: i64) -> Bound {
        Bound::Number(number)
    }
}

impl From<&str> for Bound {
    fn from(text: &str) -> Bound {
        Bound::Text(text.to_owned())
    }
}

impl From<Id> for Bound {
    fn from(id: Id) -> Bound {
        Bound::Text(id.to_string())
    }
}

impl Statement {
    /// A statement that begins so.
    pub fn of(text: &str) -> Statement {
        Statement {
            text: text.to_owned(),
            bound: Vec::new(),
            is_bounded: false,
        }
    }

    /// What is bound, in the order of the parameters.
    pub fn arguments(&self) -> Vec<&dyn ToValue> {
        self.bound
            .iter()
            .map(|bound| bound as &dyn ToValue)
            .collect()
    }

    /// Adds a fixed piece.
    pub fn add(&mut self, piece: &str) {
        self.text.push_str(piece);
    }

    /// Adds a parameter.
    pub fn bind(&mut self, value: impl Into<Bound>) {
        self.bound.push(value.into());
        self.add("?");
        self.add(&self.bound.len().to_string());
    }

    /// Adds a fixed piece and a parameter after it.
    pub fn condition(&mut self, piece: &str, value: impl Into<Bound>) {
        self.add(piece);
        self.bind(value);
    }

    /// The conditions on `walked`, written so that no index is chosen for them.
    pub fn meet(&mut self, filter: &Filter) {
        if let Some(vendor) = filter.vendor {
            self.condition(" AND (walked.vendor_id || '') = ", vendor);
        }
        if let Some(price) = filter.price_min {
            self.condition(" AND (walked.price_amount + 0) >= ", price);
        }
        if let Some(price) = filter.price_max {
            self.condition(" AND (walked.price_amount + 0) <= ", price);
        }
        if let Some(rating) = filter.rating_min_centi {
            self.condition(" AND (walked.rating_average_centi + 0) >= ", rating);
        }
        for value in &filter.values {
            self.add(" AND EXISTS (SELECT 1 FROM product_attributes AS held");
            self.condition(
                " WHERE held.product_number = walked.number AND held.value_id = ",
                *value,
            );
            self.add(")");
        }
        match filter.stock {
            StockFilter::Any => {}
            StockFilter::Available => self.add(&format!(" AND {IS_AVAILABLE}")),
            StockFilter::SoldOut => self.add(&format!(" AND NOT {IS_AVAILABLE}")),
        }
        if let Some(family) = &filter.category {
            self.add(" AND walked.category_id IN (SELECT id FROM categories");
            self.condition(
                " WHERE deleted_at IS NULL AND path >= ",
                family.path.as_str(),
            );
            self.condition(" AND path < ", family.path_end.as_str());
            self.add(")");
        }
    }

    /// The condition on the state of `walked`, which is one of the filter's.
    pub fn with_statuses(&mut self, filter: &Filter) {
        let mut before = " AND walked.status IN (";
        for status in &filter.statuses {
            self.condition(before, status.as_str());
            before = ", ";
        }
        self.add(")");
    }
}
