//! How much there is of each product and variant, what is promised of it, and how it came so.
//!
//! - `rules`: levels and their bounds, sums of lines, when stock is low;
//! - `sql`: the counts and their history;
//! - `reservations`: stock promised for a while, and the sweeper of what expired;
//! - `low`: tells that something has become low;
//! - `change`: the commands of staff, with their audit rows; `shapes`: what the endpoints take
//!   and give; `api`: the endpoints.
//!
//! Other rooms call the functions of `sql` and `reservations::sql` in their own commands.

pub mod api;
pub mod change;
pub mod low;
pub mod reservations;
pub mod rules;
pub mod shapes;
pub mod sql;

#[cfg(test)]
mod scene;
#[cfg(test)]
mod tests;
