//! The packages that are here, hosted and kept of upstreams, by name: what the dashboard shows.
//!
//! - `sql`: the walk and the count. What may not be read is neither in a list nor in its total.

pub mod sql;
