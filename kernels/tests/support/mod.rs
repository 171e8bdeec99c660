//! What the kernels' tests share, and the fuzz targets with them: guarded memory, generated heads,
//! a parse as plain values, and second opinions.
#![allow(dead_code)] // each test file uses its part

pub(crate) mod beside_httparse;
pub(crate) mod generated;
pub(crate) mod guarded;
pub(crate) mod parsed;
pub(crate) mod split_cookies;
