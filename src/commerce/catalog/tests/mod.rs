//! The catalogue on a real store.

mod lists;
mod search;
mod tree;
