//! `/metrics`: the page, the two formats it is written in, and the choice between them.

mod accept;
mod exposition;
mod page;
#[cfg(test)]
mod strict;

pub use exposition::Format;
pub use page::Page;
