//! A target that must fail: a fuzzer that does not find this sees no coverage, and what it says
//! about the other targets is worth nothing.
#![no_main]

use libfuzzer_sys::fuzz_target;

// Eight bytes, each behind a branch of its own: by chance alone, one run in 2^64.
fuzz_target!(|input: &[u8]| {
    let mut rest = input;
    for expected in *b"thirteen" {
        match rest.split_first() {
            Some((byte, after)) if *byte == expected => rest = after,
            Some(_) | None => return,
        }
    }
    panic!("the canary is found");
});
