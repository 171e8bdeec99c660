//! Cookie headers: every level finds the pairs that splitting finds.
#![no_main]

#[path = "../../kernels/tests/support/split_cookies.rs"]
mod split_cookies;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|header: &[u8]| {
    let expected = split_cookies::parse_by_splitting(header);
    assert_eq!(split_cookies::parse_at_every_level(header), expected);
});
