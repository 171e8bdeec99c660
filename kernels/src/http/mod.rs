//! HTTP/1.1 parsing: heads, chunked bodies, cookies, percent-encoding.

mod chunk;
pub(crate) mod class;
mod cookies;
mod head;
pub(crate) mod lanes;
#[cfg(target_arch = "x86_64")]
mod lanes_x86;
mod percent;
mod scan;

pub use chunk::{
    ChunkDecoder, ChunkEvent, ChunkFault, ChunkStep, EXTENSION_BYTES_MAX, TRAILER_BYTES_MAX,
};
pub use cookies::{Cookies, cookies, find_cookie};
pub use head::{
    BodyLength, Connection, EMPTY_LINES_MAX, Escapes, Expectation, HEAD_BYTES_MAX, HEADERS_MAX,
    Head, HeadFault, HeadParser, HeadStatus, HeadTable, METHOD_BYTES_MAX, Method, TARGET_BYTES_MAX,
    TargetForm, Version,
};
pub use percent::{PercentFault, percent_decode};
