//! Many changes of products in one request.

pub mod api;
pub mod rules;
pub mod shapes;
