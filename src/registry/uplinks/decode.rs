//! Taking the coding off an upstream's answer, to a bound.

use std::borrow::Cow;
use std::io::{self, Read};

/// Codings that we ask upstreams for.
pub(super) const ACCEPTED: &str = "br, gzip";

/// Why an answer cannot be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DecodeFault {
    /// It is in a coding that we did not ask for.
    Coding,
    /// It is not what its coding says.
    Malformed,
    /// Decoded it is longer than allowed.
    TooLong,
}

/// How long a body's text may be at the first try: all that is allowed where it is not coded,
/// otherwise what codings usually make of one. Whoever decodes it needs room for as much.
pub(super) fn likely_bytes(coding: Option<&str>, body_bytes: usize, bytes_max: usize) -> usize {
    match is_plain(coding) {
        true => body_bytes,
        false => (LIKELY_BYTES_MIN + body_bytes * LIKELY_RATIO).min(bytes_max),
    }
}

/// Whether there is nothing to be taken off.
pub(super) fn is_plain(coding: Option<&str>) -> bool {
    let coding = coding.unwrap_or_default().trim();
    coding.is_empty() || coding.eq_ignore_ascii_case("identity")
}

/// Decodes a body by its `Content-Encoding`; takes as long as the body has it. What has none is
/// borrowed.
///
/// # Errors
/// Why it cannot be.
pub(super) fn decode<'b>(
    coding: Option<&str>,
    body: &'b [u8],
    bytes_max: usize,
) -> Result<Cow<'b, [u8]>, DecodeFault> {
    if is_plain(coding) {
        return match body.len() <= bytes_max {
            true => Ok(Cow::Borrowed(body)),
            false => Err(DecodeFault::TooLong),
        };
    }
    let coding = coding.unwrap_or_default().trim();
    if coding.eq_ignore_ascii_case("gzip") || coding.eq_ignore_ascii_case("x-gzip") {
        return read(flate2::read::MultiGzDecoder::new(body), bytes_max);
    }
    if coding.eq_ignore_ascii_case("br") {
        return read(brotli::Decompressor::new(body, 32 << 10), bytes_max);
    }
    Err(DecodeFault::Coding)
}

fn read<'b>(decoder: impl Read, bytes_max: usize) -> Result<Cow<'b, [u8]>, DecodeFault> {
    let mut decoded = Vec::new();
    let outcome: io::Result<usize> = decoder.take(bytes_max as u64 + 1).read_to_end(&mut decoded);
    match outcome {
        Err(_) => Err(DecodeFault::Malformed),
        Ok(_) if decoded.len() > bytes_max => Err(DecodeFault::TooLong),
        Ok(_) => Ok(Cow::Owned(decoded)),
    }
}

/// Packuments of npm become five to ten times as long.
const LIKELY_RATIO: usize = 16;
const LIKELY_BYTES_MIN: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn gzip(body: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(body).unwrap();
        encoder.finish().unwrap()
    }

    fn br(body: &[u8]) -> Vec<u8> {
        let mut coded = Vec::new();
        let mut encoder = brotli::CompressorWriter::new(&mut coded, 4096, 5, 20);
        encoder.write_all(body).unwrap();
        drop(encoder);
        coded
    }

    #[test]
    fn codings_are_taken_off() {
        let body = b"{\"name\":\"a\"}".repeat(50);
        for (coding, coded) in [
            (None, body.clone()),
            (Some("identity"), body.clone()),
            (Some("gzip"), gzip(&body)),
            (Some(" X-Gzip "), gzip(&body)),
            (Some("br"), br(&body)),
        ] {
            let decoded = decode(coding, &coded, body.len());
            assert_eq!(decoded.as_deref(), Ok(&*body));
            assert!(likely_bytes(coding, coded.len(), 1 << 20) >= body.len());
        }
    }

    #[test]
    fn bombs_and_nonsense_are_refused() {
        let bomb = vec![0; 10 << 20];
        for (coding, coded) in [("gzip", gzip(&bomb)), ("br", br(&bomb))] {
            assert!(coded.len() < 20_000);
            assert!(likely_bytes(Some(coding), coded.len(), 1 << 20) < 1 << 20);
            let outcome = decode(Some(coding), &coded, 1 << 20);
            assert_eq!(outcome, Err(DecodeFault::TooLong), "{coding}");
        }
        let cut = gzip(b"abcdefghij");
        let cut = cut[..cut.len() - 4].to_vec();
        assert_eq!(decode(Some("gzip"), &cut, 99), Err(DecodeFault::Malformed));
        let outcome = decode(Some("br"), b"\xff\xff", 99);
        assert_eq!(outcome, Err(DecodeFault::Malformed));
        let outcome = decode(Some("zstd"), b"", 99);
        assert_eq!(outcome, Err(DecodeFault::Coding));
        assert_eq!(decode(None, &[0; 100], 99), Err(DecodeFault::TooLong));
    }
}
