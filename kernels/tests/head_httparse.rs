//! The head parser beside httparse, on generated heads.
//!
//! What is accepted here is accepted there, with every part at the same place. What is accepted
//! there and refused here is refused on purpose: `is_stricter_by_design` lists the reasons.

mod support;

use support::generated::{Choices, head, random_bytes};
use thirteen_kernels::http::{HEADERS_MAX, HeadFault, HeadParser, HeadStatus, HeadTable, Version};
use thirteen_kernels::level::Level;

/// Whether httparse may accept a head that has this fault.
fn is_stricter_by_design(fault: HeadFault) -> bool {
    match fault {
        // httparse takes LF alone as the end of a line.
        HeadFault::BareLf => true,
        // httparse skips any number of empty lines before the request, we two.
        HeadFault::BadMethod => true,
        // httparse takes any visible byte and UTF-8 as a target, and knows no forms.
        HeadFault::BadTarget => true,
        // httparse has no bounds but the number of headers.
        HeadFault::MethodTooLong | HeadFault::TargetTooLong | HeadFault::TooLarge => true,
        // httparse leaves the meaning of headers to its user.
        HeadFault::MissingHost
        | HeadFault::RepeatedHost
        | HeadFault::BadHost
        | HeadFault::BadLength
        | HeadFault::RepeatedLength
        | HeadFault::LengthAndChunked
        | HeadFault::RepeatedTransferCoding
        | HeadFault::UnknownTransferCoding
        | HeadFault::TransferCodingInHttp10 => true,
        HeadFault::BareCr
        | HeadFault::NulByte
        | HeadFault::ObsoleteFolding
        | HeadFault::SpaceBeforeColon
        | HeadFault::BadVersion
        | HeadFault::UnsupportedVersion
        | HeadFault::BadHeaderName
        | HeadFault::BadHeaderValue
        | HeadFault::TooManyHeaders => false,
    }
}

enum Agreement {
    BothAccept,
    BothRefuse,
    BothWait,
    StricterHere,
}

fn compare(parser: HeadParser, table: &mut HeadTable, bytes: &[u8]) -> Agreement {
    let mut slots = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut slots);
    let theirs = request.parse(bytes);
    let shown = bytes.escape_ascii();
    match parser.parse(bytes, table) {
        Ok(HeadStatus::Complete { bytes: length }) => {
            assert_eq!(theirs, Ok(httparse::Status::Complete(length)), "{shown}");
            let head = table.view(bytes);
            assert_eq!(
                request.method.map(str::as_bytes),
                Some(head.method_bytes()),
                "{shown}"
            );
            assert_eq!(
                request.path.map(str::as_bytes),
                Some(head.target()),
                "{shown}"
            );
            let version = match head.version() {
                Version::Http10 => 0,
                Version::Http11 => 1,
            };
            assert_eq!(request.version, Some(version), "{shown}");
            assert_eq!(request.headers.len(), head.header_count(), "{shown}");
            for (theirs, (name, value)) in request.headers.iter().zip(head.headers()) {
                // The same slices of the same buffer, and not only equal ones.
                assert_eq!(
                    theirs.name.as_bytes().as_ptr_range(),
                    name.as_ptr_range(),
                    "{shown}"
                );
                assert_eq!(theirs.value, value, "{shown}");
                if !value.is_empty() {
                    assert_eq!(theirs.value.as_ptr_range(), value.as_ptr_range(), "{shown}");
                }
            }
            Agreement::BothAccept
        }
        Ok(HeadStatus::Partial) => {
            // httparse may see a fault sooner; it must not see an end.
            assert!(
                !matches!(theirs, Ok(httparse::Status::Complete(_))),
                "{shown}"
            );
            Agreement::BothWait
        }
        Err(_) if theirs.is_err() => Agreement::BothRefuse,
        Err(fault) => {
            let waits = theirs == Ok(httparse::Status::Partial);
            assert!(
                waits || is_stricter_by_design(fault),
                "{fault:?} in {shown}"
            );
            Agreement::StricterHere
        }
    }
}

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
