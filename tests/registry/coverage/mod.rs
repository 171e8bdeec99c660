//! A walk over the table of the registry door: every route is asked for what it is there for, and
//! for what it has to refuse.
//!
//! - `walk`: the table beside the lines, and what each line must hold; `town`: who asks;
//! - `packages`, `people`, `house`: the lines.

mod house;
mod packages;
mod people;
mod town;
mod walk;
