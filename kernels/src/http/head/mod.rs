//! Request heads: one pass over the bytes into a table of offsets.

mod fault;
mod fields;
mod parser;
mod table;
mod target;
mod words;

pub use fault::HeadFault;
pub use parser::{HeadParser, HeadStatus};
pub use table::{
    BodyLength, Connection, Escapes, Expectation, Head, HeadTable, Method, TargetForm, Version,
};

/// The longest head, from the first byte of the request to the empty line: 431 past it.
pub const HEAD_BYTES_MAX: usize = 16 * 1024;

/// The longest request target: 414 past it.
pub const TARGET_BYTES_MAX: usize = 8 * 1024;

/// The longest method; no registered one is over 17 bytes. 501 past it.
pub const METHOD_BYTES_MAX: usize = 32;

/// The most header lines: 431 past it.
pub const HEADERS_MAX: usize = 100;

/// Empty lines before a request line that are skipped (RFC 9112, section 2.2).
pub const EMPTY_LINES_MAX: usize = 2;

const _: () = assert!(HEAD_BYTES_MAX <= u16::MAX as usize, "offsets are 16 bits");
const _: () = assert!(
    TARGET_BYTES_MAX + METHOD_BYTES_MAX < HEAD_BYTES_MAX,
    "414 comes first"
);
