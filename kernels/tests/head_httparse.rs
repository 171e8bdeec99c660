//! The head parser beside httparse, on generated heads.
//!
//! What is accepted here is accepted there, with every part at the same place. What is accepted
//! there and refused here is refused on purpose: `is_stricter_by_design` lists the reasons.

mod support;

use support::beside_httparse::compare;
use support::generated::{Choices, head, random_bytes};
use thirteen_kernels::http::{HeadParser, HeadTable};
use thirteen_kernels::level::Level;

#[test]
fn generated_heads() {
    let mut counts = [0; 4];
    let mut table = HeadTable::new();
    let parsers: Vec<HeadParser> = Level::all_available().map(HeadParser::new).collect();
    for seed in 0..20_000 {
        let bytes = head(&mut Choices::new(&random_bytes(seed + 1_000_000, 160)));
        for parser in &parsers {
            counts[compare(*parser, &mut table, &bytes) as usize] += 1;
        }
    }
    // Every kind of agreement has to occur, or the comparison says little.
    assert!(counts.iter().all(|count| *count > 500), "{counts:?}");
}

#[test]
fn one_wrong_byte_anywhere() {
    let bytes = b"GET /path?query HTTP/1.1\r\nHost: a\r\nName: value \t\r\nX:\r\n\r\n";
    let parser = HeadParser::new(Level::detect());
    let mut table = HeadTable::new();
    for at in 0..bytes.len() {
        let mut spoiled = bytes.to_vec();
        for value in 0..=255 {
            spoiled[at] = value;
            compare(parser, &mut table, &spoiled);
        }
        spoiled[at] = bytes[at];
        spoiled.remove(at);
        compare(parser, &mut table, &spoiled);
    }
}
