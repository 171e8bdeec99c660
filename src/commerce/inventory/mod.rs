//! How much there is of each product and variant.

pub mod sql;
