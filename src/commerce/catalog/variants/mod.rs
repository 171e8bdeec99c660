//! Variants: the forms that a product comes in, each with its own sku and stock.

pub mod api;
pub mod change;
pub mod rules;
pub mod shapes;
pub mod sql;
