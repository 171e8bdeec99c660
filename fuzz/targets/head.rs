//! Request heads: every level gives the scalar answer, a prefix agrees with the whole, and httparse
//! accepts what is accepted here.
#![no_main]

#[path = "../../kernels/tests/support/beside_httparse.rs"]
mod beside_httparse;
#[allow(dead_code)] // the tests use the rest
#[path = "../../kernels/tests/support/parsed.rs"]
mod parsed;

use libfuzzer_sys::fuzz_target;
use thirteen_kernels::http::{HeadParser, HeadTable};
use thirteen_kernels::level::Level;

// The first byte says where the head is cut.
fuzz_target!(|input: &[u8]| {
    let Some((&cut, bytes)) = input.split_first() else {
        return;
    };
    let whole = parsed::parse_at_every_level(bytes);
    let prefix = &bytes[..usize::from(cut).min(bytes.len())];
    match parsed::parse_at_every_level(prefix) {
        Ok(None) => {}
        early => assert_eq!(early, whole, "a prefix of {} bytes", prefix.len()),
    }
    let mut table = HeadTable::new();
    beside_httparse::compare(HeadParser::new(Level::detect()), &mut table, bytes);
});
