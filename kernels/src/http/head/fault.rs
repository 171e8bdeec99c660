//! Why a request head is refused, and with which status.

/// The first fault of a request head, in the order of its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum HeadFault {
    /// A line feed without the carriage return before it.
    BareLf,
    /// A carriage return without the line feed after it.
    BareCr,
    /// A NUL byte anywhere.
    NulByte,
    /// A header line that starts with a space or a tab.
    ObsoleteFolding,
    /// A space or a tab between a header's name and the colon.
    SpaceBeforeColon,
    /// The method is empty or has a byte that is not a token's.
    BadMethod,
    /// The method is longer than any that exists ([`METHOD_BYTES_MAX`](super::METHOD_BYTES_MAX)).
    MethodTooLong,
    /// The request target has a forbidden byte, or is of no form that its method allows.
    BadTarget,
    /// The request target is longer than [`TARGET_BYTES_MAX`](super::TARGET_BYTES_MAX).
    TargetTooLong,
    /// The request line does not end in `HTTP/` and two digits around a dot.
    BadVersion,
    /// The version is neither 1.0 nor 1.1.
    UnsupportedVersion,
    /// A header's name is empty, has no colon or has a byte that is not a token's.
    BadHeaderName,
    /// A control character in a header's value.
    BadHeaderValue,
    /// The head is longer than [`HEAD_BYTES_MAX`](super::HEAD_BYTES_MAX).
    TooLarge,
    /// More header lines than [`HEADERS_MAX`](super::HEADERS_MAX).
    TooManyHeaders,
    /// HTTP/1.1 without a Host header.
    MissingHost,
    /// More than one Host header.
    RepeatedHost,
    /// The Host header is not a host with an optional port.
    BadHost,
    /// The content length is not a decimal number of at most 19 digits.
    BadLength,
    /// More than one content length, equal or not.
    RepeatedLength,
    /// Both a content length and a transfer coding.
    LengthAndChunked,
    /// More than one Transfer-Encoding header.
    RepeatedTransferCoding,
    /// A transfer coding that is not exactly `chunked`.
    UnknownTransferCoding,
    /// A transfer coding in HTTP/1.0, which has none.
    TransferCodingInHttp10,
}

impl HeadFault {
    /// Every fault, for tables and metrics.
    pub const ALL: [HeadFault; 24] = [
        HeadFault::BareLf,
        HeadFault::BareCr,
        HeadFault::NulByte,
        HeadFault::ObsoleteFolding,
        HeadFault::SpaceBeforeColon,
        HeadFault::BadMethod,
        HeadFault::MethodTooLong,
        HeadFault::BadTarget,
        HeadFault::TargetTooLong,
        HeadFault::BadVersion,
        HeadFault::UnsupportedVersion,
        HeadFault::BadHeaderName,
        HeadFault::BadHeaderValue,
        HeadFault::TooLarge,
        HeadFault::TooManyHeaders,
        HeadFault::MissingHost,
        HeadFault::RepeatedHost,
        HeadFault::BadHost,
        HeadFault::BadLength,
        HeadFault::RepeatedLength,
        HeadFault::LengthAndChunked,
        HeadFault::RepeatedTransferCoding,
        HeadFault::UnknownTransferCoding,
        HeadFault::TransferCodingInHttp10,
    ];

    /// The HTTP status that answers this fault: 400, 414, 431, 501 or 505.
    pub const fn status(self) -> u16 {
        match self {
            HeadFault::BareLf
            | HeadFault::BareCr
            | HeadFault::NulByte
            | HeadFault::ObsoleteFolding
            | HeadFault::SpaceBeforeColon
            | HeadFault::BadMethod
            | HeadFault::BadTarget
            | HeadFault::BadVersion
            | HeadFault::BadHeaderName
            | HeadFault::BadHeaderValue
            | HeadFault::MissingHost
            | HeadFault::RepeatedHost
            | HeadFault::BadHost
            | HeadFault::BadLength
            | HeadFault::RepeatedLength
            | HeadFault::LengthAndChunked
            | HeadFault::RepeatedTransferCoding
            | HeadFault::TransferCodingInHttp10 => 400,
            HeadFault::TargetTooLong => 414,
            HeadFault::TooLarge | HeadFault::TooManyHeaders => 431,
            HeadFault::MethodTooLong | HeadFault::UnknownTransferCoding => 501,
            HeadFault::UnsupportedVersion => 505,
        }
    }

    /// A plain sentence for the client, without anything that the client sent.
    pub const fn as_str(self) -> &'static str {
        match self {
            HeadFault::BareLf => "a line ends in LF without CR",
            HeadFault::BareCr => "a CR is not followed by LF",
            HeadFault::NulByte => "the head holds a NUL byte",
            HeadFault::ObsoleteFolding => "a header line starts with whitespace",
            HeadFault::SpaceBeforeColon => "whitespace stands before a header's colon",
            HeadFault::BadMethod => "the method is not a token",
            HeadFault::MethodTooLong => "the method is not one that exists",
            HeadFault::BadTarget => "the request target is malformed",
            HeadFault::TargetTooLong => "the request target is too long",
            HeadFault::BadVersion => "the request line does not end in an HTTP version",
            HeadFault::UnsupportedVersion => "the HTTP version is neither 1.0 nor 1.1",
            HeadFault::BadHeaderName => "a header's name is malformed",
            HeadFault::BadHeaderValue => "a header's value holds a control character",
            HeadFault::TooLarge => "the head is too large",
            HeadFault::TooManyHeaders => "the head has too many header lines",
            HeadFault::MissingHost => "the Host header is missing",
            HeadFault::RepeatedHost => "the Host header is repeated",
            HeadFault::BadHost => "the Host header is malformed",
            HeadFault::BadLength => "the content length is malformed",
            HeadFault::RepeatedLength => "the content length is repeated",
            HeadFault::LengthAndChunked => "content length and transfer coding exclude each other",
            HeadFault::RepeatedTransferCoding => "the Transfer-Encoding header is repeated",
            HeadFault::UnknownTransferCoding => "the transfer coding is not chunked",
            HeadFault::TransferCodingInHttp10 => "HTTP/1.0 has no transfer codings",
        }
    }
}

impl core::fmt::Display for HeadFault {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl core::error::Error for HeadFault {}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_fault_has_its_own_sentence_and_a_client_or_server_status() {
        let sentences: HashSet<&str> = HeadFault::ALL.iter().map(|fault| fault.as_str()).collect();
        assert_eq!(sentences.len(), HeadFault::ALL.len());
        for (index, fault) in HeadFault::ALL.into_iter().enumerate() {
            assert_eq!(
                fault as usize, index,
                "ALL is in the order of the declaration"
            );
            assert!(
                [400, 414, 431, 501, 505].contains(&fault.status()),
                "{fault:?}"
            );
        }
    }
}
