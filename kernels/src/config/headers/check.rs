//! The check of a whole set of headers, which reports every fault at once.

use super::explain::explain;
use super::faults::FaultList;
use super::name::{Header, NameKind, kind_of_name};
use super::read::{Fields, Reading, number_of_hex};
use super::token::ProxyToken;
use crate::config::digits::u64_of_hex;
use crate::config::field::Field;
use crate::config::state::ConfigState;
use crate::level::Level;

/// The headers that a request must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Required {
    /// None: those that came are checked.
    None,
    /// Those of a proxy's client: version, hash, flags and token. A dump does not stand in for
    /// the separate headers.
    Proxy,
}

/// The domain that a request names, for the caller to judge; at least one of the two is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Domain<'h> {
    /// The name without its `@`, if `X-Bun-Domain` came.
    pub name: Option<&'h str>,
    /// The number of `X-Bun-Domain-Hash`, if it came.
    pub hash: Option<u32>,
}

/// Whether the caller knows a domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DomainStatus {
    /// It does, and name and hash belong together.
    Known,
    /// It does not: the request gets an `UNKNOWN_DOMAIN`.
    Unknown,
}

/// A set of headers without a fault.
#[derive(Clone, Copy, Debug)]
pub struct ValidHeaders<'h> {
    state: Option<ConfigState>,
    fields: Fields,
    token: Option<ProxyToken<'h>>,
    request_id: Option<u64>,
    package_scope: Option<&'h str>,
    domain: Option<&'h str>,
    domain_hash: Option<u32>,
}

/// Checks the headers of a request, reports every fault, and gives what they say if there is none.
///
/// `headers` are the pairs of name and trimmed value of the whole head; names that do not begin
/// with `X-Bun-` are passed over. Domains are not judged: see [`validate_with_domains`].
///
/// Faults come in this order: unknown and repeated headers as they stand in the head, missing
/// ones, the separate fields, the dump and what contradicts it, then the other headers. A good
/// set is read in one pass; a bad one is walked again to explain it.
#[inline]
pub fn validate<'h>(
    level: Level,
    headers: impl Iterator<Item = (&'h [u8], &'h [u8])> + Clone,
    required: Required,
    faults: &mut FaultList<'h>,
) -> Option<ValidHeaders<'h>> {
    validate_with_domains(level, headers, required, |_| DomainStatus::Known, faults)
}

/// As [`validate`], and asks `domains` about the domain that a request names: once, if
/// `X-Bun-Domain` or `X-Bun-Domain-Hash` came and what came is well-formed. How a hash belongs to
/// a name is for the caller to know.
#[inline]
pub fn validate_with_domains<'h>(
    level: Level,
    headers: impl Iterator<Item = (&'h [u8], &'h [u8])> + Clone,
    required: Required,
    domains: impl FnOnce(Domain<'h>) -> DomainStatus,
    faults: &mut FaultList<'h>,
) -> Option<ValidHeaders<'h>> {
    let Some(valid) = ValidHeaders::read(level, headers.clone(), required) else {
        explain(level, headers, required, domains, faults);
        return None;
    };
    let domain = Domain {
        name: valid.domain,
        hash: valid.domain_hash,
    };
    if domain.name.is_none() && domain.hash.is_none() {
        return Some(valid);
    }
    match domains(domain) {
        DomainStatus::Known => Some(valid),
        DomainStatus::Unknown => {
            explain(level, headers, required, |_| DomainStatus::Unknown, faults);
            None
        }
    }
}

impl<'h> ValidHeaders<'h> {
    /// Reads a set in one pass and gives up at its first fault.
    #[inline]
    fn read(
        level: Level,
        headers: impl Iterator<Item = (&'h [u8], &'h [u8])>,
        required: Required,
    ) -> Option<ValidHeaders<'h>> {
        let mut reading = Reading::NOTHING;
        let mut token = None;
        let mut request_id = None;
        let mut package_scope = None;
        let mut domain = None;
        let mut domain_hash = None;
        for (name, text) in headers {
            let header = match kind_of_name(name) {
                NameKind::Foreign => continue,
                NameKind::Unknown => return None,
                NameKind::Known(header) => header,
            };
            match header {
                Header::ProxyToken => set_once(&mut token, ProxyToken::parse(level, text))?,
                Header::RequestId => set_once(&mut request_id, number_of_request_id(text))?,
                Header::PackageScope => set_once(&mut package_scope, name_after_at(text))?,
                Header::Domain => set_once(&mut domain, name_after_at(text))?,
                Header::DomainHash => set_once(&mut domain_hash, number_of_hex(text))?,
                Header::ConfigVersion
                | Header::RegistryHash
                | Header::FeatureFlags
                | Header::TerminalMode
                | Header::TerminalRows
                | Header::TerminalCols
                | Header::Reserved
                | Header::ConfigDump => reading.take(header, text)?,
            }
        }
        let is_complete = match required {
            Required::None => true,
            Required::Proxy => reading.fields().have_proxy_fields() && token.is_some(),
        };
        let state = reading.state().ok()?;
        let fields = *reading.fields();
        is_complete.then_some(ValidHeaders {
            state,
            fields,
            token,
            request_id,
            package_scope,
            domain,
            domain_hash,
        })
    }

    /// The configuration, if the dump came or all six separate headers did.
    pub const fn state(&self) -> Option<ConfigState> {
        self.state
    }

    /// A field's value, if the dump or its own header came.
    pub fn value(&self, field: Field) -> Option<u64> {
        match self.state {
            Some(state) => Some(state.value(field)),
            None => self.fields.value(field).map(u64::from),
        }
    }

    /// The token, of which only the shape was checked.
    pub const fn token(&self) -> Option<ProxyToken<'h>> {
        self.token
    }

    /// The client's id for the request.
    pub const fn request_id(&self) -> Option<u64> {
        self.request_id
    }

    /// The scope without its `@`.
    pub const fn package_scope(&self) -> Option<&'h str> {
        self.package_scope
    }

    /// The domain without its `@`.
    pub const fn domain(&self) -> Option<&'h str> {
        self.domain
    }

    /// The domain's hash.
    pub const fn domain_hash(&self) -> Option<u32> {
        self.domain_hash
    }
}

/// Fills a place that is empty with a value that is there.
#[inline(always)]
fn set_once<T>(place: &mut Option<T>, value: Option<T>) -> Option<()> {
    if place.is_some() || value.is_none() {
        return None;
    }
    *place = value;
    Some(())
}

#[inline]
pub(super) fn number_of_request_id(text: &[u8]) -> Option<u64> {
    u64_of_hex(text.try_into().ok()?)
}

/// The name in `@name`, by the registry's rule for names: lower case letters, digits and `-._`,
/// none of the three in front, at most 214 bytes with the `@`.
#[inline]
pub(super) fn name_after_at(text: &[u8]) -> Option<&str> {
    let name = text.strip_prefix(b"@")?;
    let first = name.first()?;
    let is_allowed = |byte: &u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_');
    if text.len() > NAME_BYTES_MAX || b"-._".contains(first) || !name.iter().all(is_allowed) {
        return None;
    }
    str::from_utf8(name).ok()
}

/// The longest package name that npm knows; a scope is a part of one.
const NAME_BYTES_MAX: usize = 214;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::headers::{FAULTS_MAX, FaultCode, HeaderFault};

    const DUMP: &str = "0x01a1b2c3d40000000702185000";

    const PROXY: [(&str, &str); 4] = [
        ("X-Bun-Config-Version", "1"),
        ("X-Bun-Registry-Hash", "0xa1b2c3d4"),
        ("X-Bun-Feature-Flags", "0x00000007"),
        ("X-Bun-Proxy-Token", "ab.cd.ef"),
    ];

    const WHOLE: [(&str, &str); 13] = [
        ("X-Bun-Config-Version", "1"),
        ("X-Bun-Registry-Hash", "0xa1b2c3d4"),
        ("X-Bun-Feature-Flags", "0x00000007"),
        ("X-Bun-Terminal-Mode", "2"),
        ("X-Bun-Terminal-Rows", "24"),
        ("X-Bun-Terminal-Cols", "80"),
        ("X-Bun-Reserved", "0"),
        ("X-Bun-Config-Dump", DUMP),
        ("X-Bun-Proxy-Token", "ab.cd.ef"),
        ("X-Bun-Request-ID", "0123456789abcdef"),
        ("X-Bun-Package-Scope", "@mycompany"),
        ("X-Bun-Domain", "@shop.example"),
        ("X-Bun-Domain-Hash", "0x0000beef"),
    ];

    /// Values that their header refuses, and how.
    const REFUSED: [(&str, FaultCode, &[&str]); 17] = [
        (
            "X-Bun-Config-Version",
            FaultCode::OutOfRange,
            &["256", "99999999999"],
        ),
        (
            "X-Bun-Config-Version",
            FaultCode::InvalidFormat,
            &["", "x", "01", "+1", "1.0"],
        ),
        (
            "X-Bun-Registry-Hash",
            FaultCode::InvalidFormat,
            &[
                "",
                "a1b2c3d4",
                "0Xa1b2c3d4",
                "0xa1b2c3d",
                "0xa1b2c3d4e",
                "0xa1b2c3dg",
            ],
        ),
        (
            "X-Bun-Feature-Flags",
            FaultCode::ReservedBitsSet,
            &["0x00000800", "0x80000007", "0xffffffff"],
        ),
        (
            "X-Bun-Feature-Flags",
            FaultCode::InvalidFormat,
            &["7", "0x7", "0x0000000"],
        ),
        ("X-Bun-Terminal-Mode", FaultCode::OutOfRange, &["4", "9"]),
        (
            "X-Bun-Terminal-Mode",
            FaultCode::InvalidFormat,
            &["", "02", "22", "raw", "-"],
        ),
        ("X-Bun-Terminal-Rows", FaultCode::OutOfRange, &["0", "256"]),
        (
            "X-Bun-Terminal-Rows",
            FaultCode::InvalidFormat,
            &["", "024", "2x"],
        ),
        ("X-Bun-Terminal-Cols", FaultCode::OutOfRange, &["0", "1000"]),
        ("X-Bun-Reserved", FaultCode::OutOfRange, &["256"]),
        ("X-Bun-Reserved", FaultCode::ReservedBitsSet, &["1", "255"]),
        ("X-Bun-Reserved", FaultCode::InvalidFormat, &["", "0x0"]),
        (
            "X-Bun-Proxy-Token",
            FaultCode::InvalidToken,
            &["", "ab.cd", "ab.cd.ef.gh", "Bearer ab.cd.ef"],
        ),
        (
            "X-Bun-Request-ID",
            FaultCode::InvalidFormat,
            &[
                "",
                "0x01234567890123",
                "0123456789abcde",
                "0123456789abcdef0",
            ],
        ),
        (
            "X-Bun-Package-Scope",
            FaultCode::InvalidFormat,
            &[
                "",
                "@",
                "mycompany",
                "@My",
                "@my/pkg",
                "@.my",
                "@_my",
                "@-my",
                "@é",
            ],
        ),
        (
            "X-Bun-Domain-Hash",
            FaultCode::InvalidFormat,
            &["", "beef", "0xbeef"],
        ),
    ];

    type Pairs<'p> = &'p [(&'p str, &'p str)];

    fn bytes<'p>(pairs: Pairs<'p>) -> impl Iterator<Item = (&'p [u8], &'p [u8])> + Clone {
        pairs
            .iter()
            .map(|(name, value)| (name.as_bytes(), value.as_bytes()))
    }

    /// The faults of a set, each as `CODE name value`.
    fn faults_of(pairs: Pairs<'_>, required: Required) -> Vec<String> {
        let mut faults = FaultList::new();
        let valid = validate(Level::detect(), bytes(pairs), required, &mut faults);
        assert_eq!(valid.is_some(), faults.is_empty());
        assert!(faults.iter().all(|fault| !fault.message().is_empty()));
        let shown = |fault: &HeaderFault<'_>| {
            let [name, value] = [fault.name(), fault.shown_value()].map(<[u8]>::escape_ascii);
            format!("{} {name} {value}", fault.code().as_str())
        };
        faults.iter().map(shown).collect()
    }

    /// The whole set with one value replaced.
    fn with<'p>(name: &str, value: &'p str) -> Vec<(&'p str, &'p str)> {
        let mut pairs = WHOLE.to_vec();
        pairs.iter_mut().find(|pair| pair.0 == name).unwrap().1 = value;
        pairs
    }

    #[test]
    fn a_whole_set_without_fault_is_read() {
        let mut faults = FaultList::new();
        let valid = validate(Level::detect(), bytes(&WHOLE), Required::Proxy, &mut faults).unwrap();
        assert_eq!(valid.state(), Some(ConfigState::DEFAULT));
        assert_eq!(valid.token().unwrap().as_bytes(), b"ab.cd.ef");
        assert_eq!(valid.request_id(), Some(0x0123_4567_89ab_cdef));
        assert_eq!(valid.package_scope(), Some("mycompany"));
        assert_eq!(valid.domain(), Some("shop.example"));
        assert_eq!(valid.domain_hash(), Some(0xbeef));
        for field in Field::ALL {
            assert_eq!(valid.value(field), Some(ConfigState::DEFAULT.value(field)));
        }
    }

    #[test]
    fn what_did_not_come_is_not_known() {
        let mut faults = FaultList::new();
        let valid = validate(Level::detect(), bytes(&PROXY), Required::Proxy, &mut faults).unwrap();
        assert_eq!(valid.state(), None);
        assert_eq!(valid.value(Field::RegistryHash), Some(0xa1b2_c3d4));
        assert_eq!(valid.value(Field::Rows), None);
        assert_eq!(valid.request_id(), None);
        let foreign = [("Host", "x"), ("X-Bunny", "x"), ("", ""), ("X-Bun", "")];
        let valid = validate(
            Level::detect(),
            bytes(&foreign),
            Required::None,
            &mut faults,
        )
        .unwrap();
        assert_eq!(
            (valid.state(), valid.domain(), valid.domain_hash()),
            (None, None, None)
        );
    }

    #[test]
    fn each_header_has_its_format_and_its_range() {
        for (name, code, values) in REFUSED {
            for value in values {
                let expected = format!("{} {name} {}", code.as_str(), value.escape_default());
                let found = faults_of(&[(name, value)], Required::None);
                assert_eq!(found.len(), 1, "{name}: {value}");
                if value.is_ascii() {
                    assert_eq!(faults_of(&with(name, value), Required::Proxy), found);
                    assert_eq!(found, [expected]);
                }
            }
        }
        let longest = format!("@{}", "a".repeat(213));
        assert!(faults_of(&[("X-Bun-Domain", &longest)], Required::None).is_empty());
        let past = longest + "a";
        assert_eq!(
            faults_of(&[("X-Bun-Domain", &past)], Required::None).len(),
            1
        );
    }

    #[test]
    fn a_dump_has_each_of_its_faults() {
        let table: [(&str, &[&str]); 8] = [
            (DUMP, &[]),
            ("0x01a1b2c3d40000000702185048", &[]),
            ("0x01a1b2c3d40000000702185001", &["CHECKSUM_MISMATCH"]),
            ("0x01a1b2c3d400000007021850", &["INVALID_FORMAT"]),
            ("01a1b2c3d4000000070218500000", &["INVALID_FORMAT"]),
            ("0x01a1b2c3d40000000704185000", &["OUT_OF_RANGE"]),
            ("0x01a1b2c3d40000080702185000", &["RESERVED_BITS_SET"]),
            (
                "0x01a1b2c3d48000000704000001",
                &[
                    "CHECKSUM_MISMATCH",
                    "RESERVED_BITS_SET",
                    "OUT_OF_RANGE",
                    "OUT_OF_RANGE",
                    "OUT_OF_RANGE",
                ],
            ),
        ];
        for (dump, codes) in table {
            let expected: Vec<String> = codes
                .iter()
                .map(|code| format!("{code} X-Bun-Config-Dump {dump}"))
                .collect();
            assert_eq!(
                faults_of(&[("X-Bun-Config-Dump", dump)], Required::None),
                expected
            );
        }
    }

    #[test]
    fn each_header_that_contradicts_the_dump_is_named() {
        let table = [
            ("X-Bun-Config-Version", "2"),
            ("X-Bun-Registry-Hash", "0xa1b2c3d5"),
            ("X-Bun-Registry-Hash", "0xd4c3b2a1"),
            ("X-Bun-Feature-Flags", "0x00000006"),
            ("X-Bun-Terminal-Mode", "1"),
            ("X-Bun-Terminal-Rows", "80"),
            ("X-Bun-Terminal-Cols", "24"),
        ];
        for (name, value) in table {
            let expected = format!("CHECKSUM_MISMATCH {name} {value}");
            assert_eq!(faults_of(&with(name, value), Required::None), [expected]);
        }
    }

    #[test]
    fn a_little_endian_dump_is_held_against_all_separate_headers() {
        let dump = "0x01d4c3b2a10700000002185000";
        assert!(faults_of(&with("X-Bun-Config-Dump", dump), Required::Proxy).is_empty());
        let mut pairs = with("X-Bun-Config-Dump", dump);
        pairs[4].1 = "25";
        let expected = ["CHECKSUM_MISMATCH X-Bun-Terminal-Rows 25"];
        assert_eq!(faults_of(&pairs, Required::Proxy), expected);
        let alone = [("X-Bun-Config-Dump", dump)];
        let expected = [format!("RESERVED_BITS_SET X-Bun-Config-Dump {dump}")];
        assert_eq!(faults_of(&alone, Required::None), expected);
    }

    #[test]
    fn the_reserved_header_may_repeat_the_checksum() {
        let dump = ("X-Bun-Config-Dump", "0x01a1b2c3d40000000702185048");
        assert!(faults_of(&[dump, ("X-Bun-Reserved", "72")], Required::None).is_empty());
        assert!(faults_of(&[dump, ("X-Bun-Reserved", "0")], Required::None).is_empty());
        let expected = ["RESERVED_BITS_SET X-Bun-Reserved 73"];
        assert_eq!(
            faults_of(&[dump, ("X-Bun-Reserved", "73")], Required::None),
            expected
        );
    }

    #[test]
    fn each_required_header_is_missed_and_a_dump_does_not_stand_in() {
        assert!(faults_of(&PROXY, Required::Proxy).is_empty());
        for missing in 0..PROXY.len() {
            let mut pairs = PROXY.to_vec();
            let (name, _) = pairs.remove(missing);
            pairs.push(("X-Bun-Config-Dump", DUMP));
            let expected = [format!("MISSING_HEADER {name} ")];
            assert_eq!(faults_of(&pairs, Required::Proxy), expected);
            assert!(faults_of(&pairs, Required::None).is_empty());
        }
    }

    #[test]
    fn repeated_headers_are_faults_even_when_equal() {
        for (name, value) in WHOLE {
            let pairs = [&WHOLE[..], &[(name, value), (name, "x")]].concat();
            let expected = [value, "x"].map(|value| format!("INVALID_FORMAT {name} {value}"));
            assert_eq!(faults_of(&pairs, Required::Proxy), expected);
        }
    }

    #[test]
    fn unknown_names_of_ours_are_faults_and_keep_their_spelling() {
        let pairs = [
            ("x-bun-FOO", "1"),
            ("X-Bun-", ""),
            ("X-Bun-Config-Dumps", DUMP),
        ];
        let expected = pairs.map(|(name, value)| format!("UNKNOWN_HEADER {name} {value}"));
        assert_eq!(faults_of(&pairs, Required::None), expected);
    }

    #[test]
    fn domains_are_judged_by_the_caller_when_well_formed() {
        let name = ("X-Bun-Domain", "@shop");
        let hash = ("X-Bun-Domain-Hash", "0x00000007");
        let table: [(Pairs<'_>, Option<Domain<'_>>, &str); 5] = [
            (
                &[name],
                Some(Domain {
                    name: Some("shop"),
                    hash: None,
                }),
                "X-Bun-Domain",
            ),
            (
                &[hash],
                Some(Domain {
                    name: None,
                    hash: Some(7),
                }),
                "X-Bun-Domain-Hash",
            ),
            (
                &[hash, name],
                Some(Domain {
                    name: Some("shop"),
                    hash: Some(7),
                }),
                "X-Bun-Domain",
            ),
            (&[name, ("X-Bun-Domain-Hash", "7")], None, ""),
            (&[], None, ""),
        ];
        for (pairs, expected, blamed) in table {
            for status in [DomainStatus::Known, DomainStatus::Unknown] {
                let mut asked = None;
                let mut faults = FaultList::new();
                let judge = |domain| {
                    asked = Some(domain);
                    status
                };
                validate_with_domains(
                    Level::detect(),
                    bytes(pairs),
                    Required::None,
                    judge,
                    &mut faults,
                );
                assert_eq!(asked, expected);
                let found: Vec<_> = faults
                    .iter()
                    .filter(|fault| fault.code() == FaultCode::UnknownDomain)
                    .map(|fault| str::from_utf8(fault.name()).unwrap())
                    .collect();
                let is_blamed = expected.is_some() && status == DomainStatus::Unknown;
                assert_eq!(found, [blamed][..usize::from(is_blamed)]);
            }
        }
    }

    #[test]
    fn all_faults_are_reported_at_once_in_their_order() {
        let pairs = [
            ("X-Bun-Feature-Flags", "0x80000000"),
            ("X-Bun-Terminal-Mode", "7"),
            ("X-Bun-Terminal-Rows", "zero"),
            ("X-Bun-Color", "red"),
            ("X-Bun-Terminal-Cols", "81"),
            ("X-Bun-Terminal-Cols", "80"),
            ("X-Bun-Reserved", "3"),
            ("X-Bun-Config-Dump", "0x01a1b2c3d40000000702005009"),
            ("X-Bun-Proxy-Token", "eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCJ9"),
            ("X-Bun-Request-ID", "1"),
            ("X-Bun-Package-Scope", "scope"),
            ("X-Bun-Domain", "@shop"),
        ];
        let mut faults = FaultList::new();
        let judge = |_| DomainStatus::Unknown;
        validate_with_domains(
            Level::detect(),
            bytes(&pairs),
            Required::Proxy,
            judge,
            &mut faults,
        );
        let found: Vec<String> = faults
            .iter()
            .map(|fault| {
                let [name, value] =
                    [fault.name(), fault.shown_value()].map(|text| str::from_utf8(text).unwrap());
                format!("{} {name} {value}", fault.code().as_str())
            })
            .collect();
        assert_eq!(
            found,
            [
                "UNKNOWN_HEADER X-Bun-Color red",
                "INVALID_FORMAT X-Bun-Terminal-Cols 80",
                "MISSING_HEADER X-Bun-Config-Version ",
                "MISSING_HEADER X-Bun-Registry-Hash ",
                "RESERVED_BITS_SET X-Bun-Feature-Flags 0x80000000",
                "OUT_OF_RANGE X-Bun-Terminal-Mode 7",
                "INVALID_FORMAT X-Bun-Terminal-Rows zero",
                "RESERVED_BITS_SET X-Bun-Reserved 3",
                "CHECKSUM_MISMATCH X-Bun-Config-Dump 0x01a1b2c3d40000000702005009",
                "OUT_OF_RANGE X-Bun-Config-Dump 0x01a1b2c3d40000000702005009",
                "CHECKSUM_MISMATCH X-Bun-Terminal-Cols 81",
                "INVALID_TOKEN X-Bun-Proxy-Token eyJhbGciOiJFZERTQSIs",
                "INVALID_FORMAT X-Bun-Request-ID 1",
                "INVALID_FORMAT X-Bun-Package-Scope scope",
                "UNKNOWN_DOMAIN X-Bun-Domain @shop",
            ]
        );
        let codes: std::collections::HashSet<_> = faults.iter().map(HeaderFault::code).collect();
        assert_eq!(
            codes.len(),
            FaultCode::ALL.len(),
            "every code has its case here"
        );
    }

    #[test]
    fn more_faults_than_the_list_keeps_are_counted() {
        let pairs = [("X-Bun-Color", "red"); 100];
        let mut faults = FaultList::new();
        assert!(validate(Level::detect(), bytes(&pairs), Required::Proxy, &mut faults).is_none());
        assert_eq!(faults.iter().count(), FAULTS_MAX);
        assert_eq!(
            (faults.count(), faults.omitted_count()),
            (104, 104 - FAULTS_MAX)
        );
    }

    #[test]
    fn faults_from_before_do_not_spoil_a_good_set() {
        let mut faults = FaultList::new();
        assert!(
            validate(
                Level::detect(),
                bytes(&[("X-Bun-Color", "red")]),
                Required::None,
                &mut faults
            )
            .is_none()
        );
        assert!(validate(Level::detect(), bytes(&WHOLE), Required::Proxy, &mut faults).is_some());
        assert_eq!(faults.count(), 1);
    }

    proptest! {
        #[test]
        fn any_values_are_read_or_reported(
            picks in proptest::collection::vec(
                (0..WHOLE.len(), proptest::collection::vec(any::<u8>(), 0..40)),
                0..20,
            )
        ) {
            let pairs = picks
                .iter()
                .map(|(index, value)| (WHOLE[*index].0.as_bytes(), value.as_slice()));
            for required in [Required::None, Required::Proxy] {
                let mut faults = FaultList::new();
                let valid = validate(Level::detect(), pairs.clone(), required, &mut faults);
                prop_assert_eq!(valid.is_some(), faults.is_empty());
            }
        }

        #[test]
        fn a_fault_in_one_header_does_not_hide_one_in_another(
            broken in proptest::sample::subsequence((0..WHOLE.len()).collect::<Vec<_>>(), 0..=13)
        ) {
            let mut pairs = WHOLE.to_vec();
            for &index in &broken {
                pairs[index].1 = "?";
            }
            let found = faults_of(&pairs, Required::Proxy);
            prop_assert_eq!(found.len(), broken.len());
            for index in broken {
                let name = format!(" {} ", WHOLE[index].0);
                prop_assert!(found.iter().any(|fault| fault.contains(&name)));
            }
        }
    }
}
