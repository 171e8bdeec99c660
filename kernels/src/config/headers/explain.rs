//! What is wrong with a set of headers: every fault, for a set that was found to have one.

use super::check::{Domain, DomainStatus, Required, name_after_at, number_of_request_id};
use super::faults::{FaultCode, FaultList, HeaderFault, dump_fault};
use super::name::{Header, NameKind, kind_of_name};
use super::read::{Fields, number_of_field, number_of_hex};
use super::token::ProxyToken;
use crate::config::dump::packed_of_dump;
use crate::config::field::Field;
use crate::level::Level;

/// Reports every fault of a set, in the order that [`validate`](super::validate) promises.
#[cold]
pub(super) fn explain<'h>(
    level: Level,
    headers: impl Iterator<Item = (&'h [u8], &'h [u8])>,
    required: Required,
    domains: impl FnOnce(Domain<'h>) -> DomainStatus,
    faults: &mut FaultList<'h>,
) {
    let count_before = faults.count();
    let received = Received::collect(headers, faults);
    received.report_missing(required, faults);
    let fields = received.read_fields(faults);
    received.report_dump(&fields, faults);
    let parse_token = |text| ProxyToken::parse(level, text);
    received.read(Header::ProxyToken, parse_token, faults);
    received.read(Header::RequestId, number_of_request_id, faults);
    received.read(Header::PackageScope, name_after_at, faults);
    let domain = Domain {
        name: received.read(Header::Domain, name_after_at, faults),
        hash: received.read(Header::DomainHash, number_of_hex, faults),
    };
    received.report_domain(domain, domains, faults);
    assert!(
        faults.count() > count_before,
        "a set that was refused has a fault to report"
    );
}

/// The values of a head's `X-Bun-*` headers, by name; of repeated ones the first.
struct Received<'h> {
    values: [Option<&'h [u8]>; Header::ALL.len()],
}

impl<'h> Received<'h> {
    fn collect(
        headers: impl Iterator<Item = (&'h [u8], &'h [u8])>,
        faults: &mut FaultList<'h>,
    ) -> Received<'h> {
        let mut received = Received {
            values: [None; Header::ALL.len()],
        };
        for (name, value) in headers {
            match kind_of_name(name) {
                NameKind::Foreign => {}
                NameKind::Unknown => faults.push(HeaderFault::unknown(name, value)),
                NameKind::Known(header) if received.value(header).is_some() => {
                    let message = "must come only once";
                    faults.push(HeaderFault::of(
                        header,
                        FaultCode::InvalidFormat,
                        value,
                        message,
                    ));
                }
                NameKind::Known(header) => received.values[header as usize] = Some(value),
            }
        }
        received
    }

    const fn value(&self, header: Header) -> Option<&'h [u8]> {
        self.values[header as usize]
    }

    fn report_missing(&self, required: Required, faults: &mut FaultList<'h>) {
        let needed: &[Header] = match required {
            Required::None => &[],
            Required::Proxy => &[
                Header::ConfigVersion,
                Header::RegistryHash,
                Header::FeatureFlags,
                Header::ProxyToken,
            ],
        };
        for &header in needed
            .iter()
            .filter(|header| self.value(**header).is_none())
        {
            faults.push(HeaderFault::of(
                header,
                FaultCode::MissingHeader,
                b"",
                "is required",
            ));
        }
    }

    /// Reads the separate headers and reports those that are not well-formed or out of range.
    fn read_fields(&self, faults: &mut FaultList<'h>) -> Fields {
        let mut fields = Fields::NOTHING;
        for field in Field::ALL {
            let header = header_of_field(field);
            let Some(text) = self.value(header) else {
                continue;
            };
            match number_of_field(field, text) {
                Ok(number) => fields.set(field, number),
                Err((code, message)) => {
                    faults.push(HeaderFault::of(header, code, text, message));
                }
            }
        }
        fields
    }

    /// Reports the faults of the dump, and the separate headers that contradict it.
    fn report_dump(&self, fields: &Fields, faults: &mut FaultList<'h>) {
        let text = self.value(Header::ConfigDump);
        let dump = text.and_then(packed_of_dump);
        if !fields.reserved_agrees(dump) {
            let said = self.value(Header::Reserved).unwrap_or_default();
            let message = "reserved must be 0, or byte 12 of the dump";
            let code = FaultCode::ReservedBitsSet;
            faults.push(HeaderFault::of(Header::Reserved, code, said, message));
        }
        let Some(text) = text else { return };
        let Some(dump) = dump else {
            faults.push(dump_fault::format(text));
            return;
        };
        if !dump.checksum_holds() {
            faults.push(dump_fault::checksum(text));
        }
        let dump = fields.in_confirmed_order(dump);
        for field in Field::ALL {
            if field.check(u64::from(dump.value(field))).is_err() {
                faults.push(dump_fault::range(text, field));
            }
        }
        for field in Field::ALL
            .into_iter()
            .filter(|field| *field != Field::Reserved)
        {
            if fields
                .value(field)
                .is_some_and(|said| said != dump.value(field))
            {
                let header = header_of_field(field);
                let said = self.value(header).unwrap_or_default();
                let message = "does not agree with X-Bun-Config-Dump";
                let code = FaultCode::ChecksumMismatch;
                faults.push(HeaderFault::of(header, code, said, message));
            }
        }
    }

    fn report_domain(
        &self,
        domain: Domain<'h>,
        domains: impl FnOnce(Domain<'h>) -> DomainStatus,
        faults: &mut FaultList<'h>,
    ) {
        let is_whole = self.value(Header::Domain).is_some() == domain.name.is_some()
            && self.value(Header::DomainHash).is_some() == domain.hash.is_some();
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
                let value = self.value(header).unwrap_or_default();
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
    fn read<T>(
        &self,
        header: Header,
        parse: impl FnOnce(&'h [u8]) -> Option<T>,
        faults: &mut FaultList<'h>,
    ) -> Option<T> {
        let value = self.value(header)?;
        let parsed = parse(value);
        if parsed.is_none() {
            let (code, message) = shape_fault(header);
            faults.push(HeaderFault::of(header, code, value, message));
        }
        parsed
    }
}

/// The first headers are the fields, in their order.
const fn header_of_field(field: Field) -> Header {
    Header::ALL[field as usize]
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
