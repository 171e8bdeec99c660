//! The check of a whole set of headers, which reports every fault at once.

use super::faults::{FaultCode, FaultList, HeaderFault};
use super::name::Header;
use super::read::{Dump, Fields, Received, Stray, number_of_hex};
use super::token::ProxyToken;
use crate::config::digits::u32_of_hex;
use crate::config::field::Field;
use crate::config::state::ConfigState;

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
/// ones, the separate fields, the dump and what contradicts it, then the other headers.
#[inline]
pub fn validate<'h>(
    headers: impl IntoIterator<Item = (&'h [u8], &'h [u8])>,
    required: Required,
    faults: &mut FaultList<'h>,
) -> Option<ValidHeaders<'h>> {
    validate_with_domains(headers, required, |_| DomainStatus::Known, faults)
}

/// As [`validate`], and asks `domains` about the domain that a request names: once, if
/// `X-Bun-Domain` or `X-Bun-Domain-Hash` came and what came is well-formed. How a hash belongs to
/// a name is for the caller to know.
#[inline]
pub fn validate_with_domains<'h>(
    headers: impl IntoIterator<Item = (&'h [u8], &'h [u8])>,
    required: Required,
    domains: impl FnOnce(Domain<'h>) -> DomainStatus,
    faults: &mut FaultList<'h>,
) -> Option<ValidHeaders<'h>> {
    let count_before = faults.count();
    let received = Received::collect(headers, |stray| faults.push(fault_of_stray(stray)));
    report_missing(&received, required, faults);
    let mut report = |header, code, value: &'h [u8], message| {
        faults.push(HeaderFault::of(header, code, value, message));
    };
    let fields = Fields::read(&received, &mut report);
    let dump = Dump::read(&received, &fields, &mut report);
    let valid = ValidHeaders {
        state: dump.map_or_else(|| fields.state(), |dump| dump.state()),
        fields,
        token: read(&received, Header::ProxyToken, ProxyToken::parse, faults),
        request_id: read(&received, Header::RequestId, number_of_request_id, faults),
        package_scope: read(&received, Header::PackageScope, name_after_at, faults),
        domain: read(&received, Header::Domain, name_after_at, faults),
        domain_hash: read(&received, Header::DomainHash, number_of_hex, faults),
    };
    report_domain(&received, &valid, domains, faults);
    if faults.count() == count_before {
        Some(valid)
    } else {
        None
    }
}

impl<'h> ValidHeaders<'h> {
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

fn fault_of_stray(stray: Stray<'_>) -> HeaderFault<'_> {
    match stray {
        Stray::Unknown(name, value) => HeaderFault::unknown(name, value),
        Stray::Repeated(header, value) => HeaderFault::of(
            header,
            FaultCode::InvalidFormat,
            value,
            "must come only once",
        ),
    }
}

#[inline]
fn report_missing<'h>(received: &Received<'h>, required: Required, faults: &mut FaultList<'h>) {
    let needed: &[Header] = match required {
        Required::None => &[],
        Required::Proxy => &[
            Header::ConfigVersion,
            Header::RegistryHash,
            Header::FeatureFlags,
            Header::ProxyToken,
        ],
    };
    for &header in needed {
        if !received.has(header) {
            let message = "is required";
            faults.push(HeaderFault::of(
                header,
                FaultCode::MissingHeader,
                b"",
                message,
            ));
        }
    }
}

#[inline]
fn report_domain<'h>(
    received: &Received<'h>,
    valid: &ValidHeaders<'h>,
    domains: impl FnOnce(Domain<'h>) -> DomainStatus,
    faults: &mut FaultList<'h>,
) {
    let domain = Domain {
        name: valid.domain,
        hash: valid.domain_hash,
    };
    let is_whole = received.has(Header::Domain) == domain.name.is_some()
        && received.has(Header::DomainHash) == domain.hash.is_some();
    if !is_whole || (domain.name.is_none() && domain.hash.is_none()) {
        return;
    }
    match domains(domain) {
        DomainStatus::Known => {}
        DomainStatus::Unknown => {
            let header = if domain.name.is_some() {
                Header::Domain
            } else {
                Header::DomainHash
            };
            let value = received.value(header).unwrap_or_default();
            let message = "names no domain of this server";
            faults.push(HeaderFault::of(
                header,
                FaultCode::UnknownDomain,
                value,
                message,
            ));
        }
    }
}

/// Reads a header that came, or reports that it is not well-formed.
#[inline]
fn read<'h, T>(
    received: &Received<'h>,
    header: Header,
    parse: impl FnOnce(&'h [u8]) -> Option<T>,
    faults: &mut FaultList<'h>,
) -> Option<T> {
    let value = received.value(header)?;
    let parsed = parse(value);
    if parsed.is_none() {
        let (code, message) = shape_fault(header);
        faults.push(HeaderFault::of(header, code, value, message));
    }
    parsed
}

fn shape_fault(header: Header) -> (FaultCode, &'static str) {
    match header {
        Header::ProxyToken => (
            FaultCode::InvalidToken,
            "must be three base64url parts joined by dots",
        ),
        Header::RequestId => (FaultCode::InvalidFormat, "must be 16 hex digits"),
        Header::PackageScope => (FaultCode::InvalidFormat, "must be @scope in lower case"),
        Header::Domain => (FaultCode::InvalidFormat, "must be @name in lower case"),
        Header::DomainHash
        | Header::ConfigVersion
        | Header::RegistryHash
        | Header::FeatureFlags
        | Header::TerminalMode
        | Header::TerminalRows
        | Header::TerminalCols
        | Header::Reserved
        | Header::ConfigDump => (FaultCode::InvalidFormat, "must be 0x and 8 hex digits"),
    }
}

#[inline]
fn number_of_request_id(text: &[u8]) -> Option<u64> {
    let text: &[u8; 16] = text.try_into().ok()?;
    let high = u32_of_hex(text.first_chunk()?)?;
    let low = u32_of_hex(text.last_chunk()?)?;
    Some(u64::from(high) << 32 | u64::from(low))
}

/// The name in `@name`, by the registry's rule for names: lower case letters, digits and `-._`,
/// none of the three in front, at most 214 bytes with the `@`.
#[inline]
fn name_after_at(text: &[u8]) -> Option<&str> {
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
