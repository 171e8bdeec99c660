//! Products, and the lists of them.
//!
//! - `api`, `shapes`: the endpoints and what they take and give; `asked`: what a query asks for;
//!   `shown`: rows as clients see them;
//! - `rules`: states, what a list filters and how it is sorted; `change`: what has to hold for a
//!   change, and the change;
//! - `walk`: one page out of several sorted lists; `listing`: the statements of those lists, put
//!   together by `statement`;
//! - `sql`: one product.

pub mod api;
pub mod asked;
pub mod change;
pub mod listing;
pub mod rules;
pub mod shapes;
pub mod shown;
pub mod sql;
pub mod statement;
pub mod walk;
