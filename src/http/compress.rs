//! Compression of replies: which are worth it, and how much of it a shard may do itself.
//!
//! The levels are chosen by `benches/compression.rs`. Of a page of the catalogue, 8 KB, on one
//! core: zstd 1 leaves 24 % in 17 µs, brotli 2 leaves 25 % in 51 µs, gzip 1 leaves 30 % in 27 µs.
//! Less effort than that saves no time; brotli 4 leaves 24 % in 100 µs. For what is sent often
//! brotli 5 leaves 22 % in 184 µs, zstd 9 leaves 23 % in 134 µs, gzip 6 leaves 24 % in 71 µs.

use std::cell::RefCell;
use std::io;

use brotli::enc::BrotliEncoderParams;
use flate2::{Compress, Compression, Crc, FlushCompress, Status};

use super::coding::Coding;

/// How hard to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// What pays for replies that are made per request.
    Usual,
    /// More, for what is compressed once and sent often.
    Kept,
}

/// What the compressors of this thread keep between replies.
struct Compressors {
    zstd: [Option<zstd::bulk::Compressor<'static>>; 2],
    gzip: [Option<Compress>; 2],
}

/// Appends a body in a coding.
///
/// # Errors
/// The coding's library refuses; nothing was appended then.
pub fn compress(coding: Coding, effort: Effort, body: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
    let start = out.len();
    let done = match coding {
        Coding::Brotli => brotli(effort, body, out),
        Coding::Zstd => {
            COMPRESSORS.with_borrow_mut(|compressors| compressors.zstd(effort, body, out))
        }
        Coding::Gzip => {
            COMPRESSORS.with_borrow_mut(|compressors| compressors.gzip(effort, body, out))
        }
    };
    done.inspect_err(|_| out.truncate(start))
}

/// Whether bodies of a media type shrink: text, in its several guises.
pub(super) fn is_text(content_type: &str) -> bool {
    let media_type = content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim_ascii_end();
    let Some((kind, subtype)) = media_type.split_once('/') else {
        return false;
    };
    match kind {
        "text" => subtype != "event-stream",
        "application" => {
            matches!(subtype, "json" | "javascript" | "xml" | "manifest+json")
                || subtype.ends_with("+json")
                || subtype.ends_with("+xml")
                || subtype == "openmetrics-text"
        }
        "image" => subtype == "svg+xml",
        _ => false,
    }
}

impl Compressors {
    fn zstd(&mut self, effort: Effort, body: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        let place = &mut self.zstd[effort as usize];
        let compressor = match place {
            Some(compressor) => compressor,
            None => place.insert(zstd::bulk::Compressor::new(ZSTD_LEVELS[effort as usize])?),
        };
        let start = out.len();
        out.resize(start + zstd::zstd_safe::compress_bound(body.len()), 0);
        let written = compressor.compress_to_buffer(body, &mut out[start..])?;
        out.truncate(start + written);
        Ok(())
    }

    /// The frame of gzip around a raw stream, since the library's own is not for reuse.
    fn gzip(&mut self, effort: Effort, body: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        let level = Compression::new(GZIP_LEVELS[effort as usize]);
        let deflate = self.gzip[effort as usize].get_or_insert_with(|| Compress::new(level, false));
        deflate.reset();
        out.extend_from_slice(GZIP_HEAD);
        out.reserve(body.len() / 2 + 64);
        loop {
            let read = usize::try_from(deflate.total_in()).map_err(io::Error::other)?;
            let status = deflate.compress_vec(&body[read..], out, FlushCompress::Finish)?;
            match status {
                Status::StreamEnd => break,
                Status::Ok | Status::BufError => out.reserve(body.len() / 2 + 64),
            }
        }
        let mut crc = Crc::new();
        crc.update(body);
        out.extend_from_slice(&crc.sum().to_le_bytes());
        out.extend_from_slice(&crc.amount().to_le_bytes());
        Ok(())
    }
}

fn brotli(effort: Effort, body: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
    let window = usize::BITS - body.len().leading_zeros();
    // Below 18 bits quality 5 looks for matches in a way that takes ten times as long.
    let window = match effort {
        Effort::Usual => window.clamp(10, 22),
        Effort::Kept => window.clamp(18, 22),
    };
    let parameters = BrotliEncoderParams {
        quality: BROTLI_QUALITIES[effort as usize],
        lgwin: window as i32,
        size_hint: body.len(),
        ..BrotliEncoderParams::default()
    };
    let mut rest = body;
    brotli::BrotliCompress(&mut rest, out, &parameters).map(drop)
}

/// By effort.
const ZSTD_LEVELS: [i32; 2] = [1, 9];
const GZIP_LEVELS: [u32; 2] = [1, 6];
const BROTLI_QUALITIES: [i32; 2] = [2, 5];

/// RFC 1952: no name, no time, no system.
const GZIP_HEAD: &[u8] = &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

thread_local! {
    static COMPRESSORS: RefCell<Compressors> = const {
        RefCell::new(Compressors { zstd: [None, None], gzip: [None, None] })
    };
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use proptest::prelude::*;

    use super::*;

    fn decoded(coding: Coding, bytes: &[u8]) -> Vec<u8> {
        let mut plain = Vec::new();
        match coding {
            Coding::Brotli => {
                brotli::BrotliDecompress(&mut &*bytes, &mut plain).unwrap();
            }
            Coding::Zstd => plain = zstd::decode_all(bytes).unwrap(),
            Coding::Gzip => {
                let mut decoder = flate2::read::GzDecoder::new(bytes);
                decoder.read_to_end(&mut plain).unwrap();
            }
        }
        plain
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn what_was_written_is_read_again(
            pieces in prop::collection::vec("[a-z]{0,40}|\\PC{0,40}", 0..60),
            repeats in 1..20_usize,
        ) {
            let body = pieces.concat().repeat(repeats);
            for coding in Coding::ALL {
                for effort in [Effort::Usual, Effort::Kept] {
                    let mut out = b"before".to_vec();
                    compress(coding, effort, body.as_bytes(), &mut out).unwrap();
                    prop_assert_eq!(&out[..6], b"before");
                    prop_assert_eq!(decoded(coding, &out[6..]), body.as_bytes());
                }
            }
        }
    }

    #[test]
    fn text_shrinks_and_nothing_else_is_tried() {
        let body = r#"{"name":"a chair","price_amount":12900},"#.repeat(100);
        for coding in Coding::ALL {
            let mut out = Vec::new();
            compress(coding, Effort::Usual, body.as_bytes(), &mut out).unwrap();
            assert!(out.len() < body.len() / 8, "{coding:?}: {}", out.len());
        }
        for text in [
            "application/json",
            "application/problem+json",
            "text/html; charset=utf-8",
            "text/plain;version=0.0.4",
            "application/openmetrics-text; version=1.0.0",
            "image/svg+xml",
            "application/javascript",
        ] {
            assert!(is_text(text), "{text}");
        }
        for other in [
            "image/png",
            "application/octet-stream",
            "application/gzip",
            "",
            "json",
        ] {
            assert!(!is_text(other), "{other}");
        }
    }
}
