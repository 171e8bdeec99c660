//! `--demo`: a shop to try, the same every time.
//!
//! - `chance`: numbers from a seed; `words`: departments, categories and what things are called;
//! - `make`: what the n-th product is; `fill`: puts it all into an empty store.

pub mod chance;
pub mod fill;
pub mod make;
pub mod words;
