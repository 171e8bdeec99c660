//! Boot only.
fn main() {}
