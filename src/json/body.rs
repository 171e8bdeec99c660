//! The bytes of a body and the pairs of a query, read into shapes.

use std::cell::RefCell;

use simd_json::{Buffers, to_tape_with_buffers};

use crate::limits::JSON_DEPTH_MAX;

use super::fault::{At, Fault, Faults};
use super::shape::{Fields, Object, Raw, Read};

/// Why a body or a query is not what was asked for.
#[derive(Debug, PartialEq, Eq)]
pub enum BodyFault {
    /// It is no JSON.
    Malformed(String),
    /// It is JSON of another shape; every fault of it.
    Shape(Vec<Fault>),
}

impl BodyFault {
    /// The places at fault.
    pub fn pointers(&self) -> Vec<&str> {
        match self {
            BodyFault::Malformed(_) => Vec::new(),
            BodyFault::Shape(faults) => faults.iter().map(|fault| &*fault.pointer).collect(),
        }
    }
}

/// Reads a body (RFC 8259, UTF-8, nested at most [`JSON_DEPTH_MAX`] deep); the bytes are scratch
/// afterwards.
pub fn read_body<T: Read>(bytes: &mut [u8]) -> Result<T, BodyFault> {
    BUFFERS.with_borrow_mut(|buffers| {
        let tape = to_tape_with_buffers(bytes, buffers)
            .map_err(|error| BodyFault::Malformed(error.to_string()))?;
        let mut faults = Faults::default();
        let whole = T::read(Raw::Json(tape.as_value()), &At::Root, &mut faults);
        settle(whole, faults)
    })
}

/// Reads the pairs of a query, percent-decoded.
pub fn read_query<T: Object>(
    pairs: impl IntoIterator<Item = (String, String)>,
) -> Result<T, BodyFault> {
    let mut faults = Faults::default();
    let mut fields = T::Partial::default();
    for (name, value) in pairs {
        let at = At::Key(&At::Root, &name);
        if !fields.offer(&name, Raw::Text(&value), &at, &mut faults) {
            faults.add(
                &at,
                "unknown_parameter",
                "is not a parameter of this resource",
            );
        }
    }
    let whole = fields.finish(&At::Root, &mut faults);
    settle(whole, faults)
}

fn settle<T>(whole: Option<T>, faults: Faults) -> Result<T, BodyFault> {
    match whole {
        Some(whole) if faults.is_empty() => Ok(whole),
        _ => Err(BodyFault::Shape(faults.into_list())),
    }
}

thread_local! {
    /// Scratch of the parser, kept between requests.
    static BUFFERS: RefCell<Buffers> = RefCell::new(Buffers::with_max_depth(4096, JSON_DEPTH_MAX));
}
