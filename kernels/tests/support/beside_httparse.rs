//! The head parser and httparse on the same bytes.

use thirteen_kernels::http::{HEADERS_MAX, HeadFault, HeadParser, HeadStatus, HeadTable, Version};

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

/// What both parsers say about one buffer.
pub(crate) enum Agreement {
    BothAccept,
    BothRefuse,
    BothWait,
    StricterHere,
}

/// Parses with both, asserts whatever has to agree, and says what they agreed on.
pub(crate) fn compare(parser: HeadParser, table: &mut HeadTable, bytes: &[u8]) -> Agreement {
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
