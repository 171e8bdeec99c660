//! What the kernels' tests share: guarded memory, generated heads, and a parse as plain values.
#![allow(dead_code)] // each test file uses its part

pub(crate) mod generated;
pub(crate) mod guarded;
pub(crate) mod parsed;
