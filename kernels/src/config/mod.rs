//! The 13-byte configuration: its state, its headers and its frames.
//!
//! Layouts come from the protocol page. `headers` reads and writes the `X-Bun-*` lines of a
//! request head, `frame` the binary messages of the WebSocket.

mod crc64;
mod digits;
mod dump;
mod feature;
mod field;
pub mod frame;
pub mod headers;
mod packed;
mod registry_hash;
mod slot;
mod state;

pub use crc64::crc64_xz;
pub use dump::{DUMP_BYTES, parse_dump, write_dump};
pub use feature::{Feature, Switch};
pub use field::{Field, OffsetBase, RangeFault};
pub use registry_hash::registry_hash_of_url;
pub use slot::{SLOT_BYTES, decode_slot, encode_slot};
pub use state::{ConfigState, STATE_BYTES, StateCell, TerminalMode};
