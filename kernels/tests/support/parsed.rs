//! A parse as plain values that can be compared.

use thirteen_kernels::http::{
    BodyLength, Connection, Escapes, Expectation, HeadFault, HeadParser, HeadStatus, HeadTable,
    Method, TargetForm, Version,
};
use thirteen_kernels::level::Level;

/// Everything that a head's view tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Parsed {
    pub(crate) head_bytes: usize,
    pub(crate) method: Method,
    pub(crate) method_bytes: Vec<u8>,
    pub(crate) target: Vec<u8>,
    pub(crate) form: TargetForm,
    pub(crate) path: Vec<u8>,
    pub(crate) escapes: Escapes,
    pub(crate) query: Option<Vec<u8>>,
    pub(crate) version: Version,
    pub(crate) host: Option<Vec<u8>>,
    pub(crate) headers: Vec<(Vec<u8>, Vec<u8>)>,
    pub(crate) cookie: Option<Vec<u8>>,
    pub(crate) body: BodyLength,
    pub(crate) connection: Connection,
    pub(crate) upgrade: Option<Vec<u8>>,
    pub(crate) expectation: Expectation,
}

/// The head that `bytes` starts with: `None` when it is not complete.
pub(crate) fn parse(level: Level, bytes: &[u8]) -> Result<Option<Parsed>, HeadFault> {
    let mut table = HeadTable::new();
    match HeadParser::new(level).parse(bytes, &mut table)? {
        HeadStatus::Partial => Ok(None),
        HeadStatus::Complete { bytes: head_bytes } => {
            let head = table.view(bytes);
            let owned = |bytes: &[u8]| bytes.to_vec();
            let headers: Vec<(Vec<u8>, Vec<u8>)> = head
                .headers()
                .map(|(name, value)| (name.to_vec(), value.to_vec()))
                .collect();
            assert_eq!(headers.len(), head.header_count());
            Ok(Some(Parsed {
                head_bytes,
                method: head.method(),
                method_bytes: head.method_bytes().to_vec(),
                target: head.target().to_vec(),
                form: head.target_form(),
                path: head.path().to_vec(),
                escapes: head.path_escapes(),
                query: head.query().map(owned),
                version: head.version(),
                host: head.host().map(owned),
                headers,
                cookie: head.cookie().map(owned),
                body: head.body(),
                connection: head.connection(),
                upgrade: head.upgrade().map(owned),
                expectation: head.expectation(),
            }))
        }
    }
}

/// The answer of the scalar level, once every other level has given the same.
pub(crate) fn parse_at_every_level(bytes: &[u8]) -> Result<Option<Parsed>, HeadFault> {
    let scalar = parse(Level::Scalar, bytes);
    for level in Level::all_available() {
        assert_eq!(
            parse(level, bytes),
            scalar,
            "{}: {}",
            level.name(),
            bytes.escape_ascii()
        );
    }
    scalar
}

/// The answer for `bytes`, once every prefix has been seen to agree with it: a prefix is partial,
/// or has the same fault already.
pub(crate) fn parse_every_prefix(bytes: &[u8]) -> Result<Option<Parsed>, HeadFault> {
    let whole = parse_at_every_level(bytes);
    for end in 0..bytes.len() {
        match parse_at_every_level(&bytes[..end]) {
            Ok(None) => {}
            Ok(Some(early)) => {
                assert!(early.head_bytes <= end);
                assert_eq!(
                    Ok(Some(early)),
                    whole,
                    "prefix {end} of {}",
                    bytes.escape_ascii()
                );
            }
            Err(fault) => {
                assert_eq!(
                    Err(fault),
                    whole,
                    "prefix {end} of {}",
                    bytes.escape_ascii()
                );
            }
        }
    }
    whole
}
