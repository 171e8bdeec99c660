//! Variants: the forms that a product comes in, each with its own sku and stock.

pub mod rules;
pub mod sql;
