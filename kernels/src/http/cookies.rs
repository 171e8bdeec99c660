//! The pairs of a Cookie header.
#![allow(unsafe_code)] // calls of the per-level instantiations, each proved by its level

#[cfg(target_arch = "x86_64")]
use super::scan::{Blocks, Vectors};
use super::scan::{Bytewise, CookiePairs, LineScan};
use crate::level::Level;
#[cfg(target_arch = "x86_64")]
use crate::level::{Avx2, Avx512};

/// The pairs of one Cookie header, in order, as RFC 6265bis section 4.2.1 has them.
///
/// A name is a token. A value may hold any byte but controls and the semicolon: browsers store
/// and send back spaces, commas and quotes that the grammar for servers leaves out. A value in
/// double quotes is given without them. A pair without `=`, with an empty or malformed name or
/// with a control character is skipped and counted; an empty pair is only skipped.
pub struct Cookies<'a> {
    walk: Walk<'a>,
    scan: LevelScan<'a>,
}

/// The pairs of the value of a Cookie header.
#[inline]
pub fn cookies(level: Level, header: &[u8]) -> Cookies<'_> {
    let scan = match level {
        Level::Scalar => LevelScan::Scalar(Bytewise::new(header)),
        // Vectors of 16 bytes gain less than a fifth: most pairs are longer than one.
        #[cfg(target_arch = "x86_64")]
        Level::Sse42(_) => LevelScan::Scalar(Bytewise::new(header)),
        #[cfg(target_arch = "x86_64")]
        Level::Avx2(proof) => LevelScan::Avx2(Vectors::new(proof, header).before_lines()),
        #[cfg(target_arch = "x86_64")]
        Level::Avx512(proof) => LevelScan::Avx512(Vectors::new(proof, header).before_lines()),
    };
    Cookies {
        walk: Walk {
            header,
            position: 0,
            malformed_count: 0,
        },
        scan,
    }
}

/// The value of the first cookie of this name; names are case-sensitive.
pub fn find_cookie<'a>(level: Level, header: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    cookies(level, header)
        .find(|(found, _)| *found == name)
        .map(|(_, value)| value)
}

impl Cookies<'_> {
    /// How many malformed pairs were skipped so far.
    pub fn malformed_count(&self) -> usize {
        self.walk.malformed_count
    }
}

impl<'a> Iterator for Cookies<'a> {
    type Item = (&'a [u8], &'a [u8]);

    #[inline]
    fn next(&mut self) -> Option<(&'a [u8], &'a [u8])> {
        let walk = &mut self.walk;
        match &mut self.scan {
            LevelScan::Scalar(scan) => walk.next_pair(scan),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the scan holds the proof of every feature that the function enables.
            LevelScan::Avx2(scan) => unsafe { next_avx2(walk, scan) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the scan holds the proof of every feature that the function enables.
            LevelScan::Avx512(scan) => unsafe { next_avx512(walk, scan) },
        }
    }
}

/// The scan of one header at one level.
enum LevelScan<'a> {
    Scalar(Bytewise<'a, CookiePairs>),
    #[cfg(target_arch = "x86_64")]
    Avx2(Blocks<'a, Avx2, CookiePairs>),
    #[cfg(target_arch = "x86_64")]
    Avx512(Blocks<'a, Avx512, CookiePairs>),
}

type Pair<'a> = (&'a [u8], &'a [u8]);

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn next_avx2<'a>(
    walk: &mut Walk<'a>,
    scan: &mut Blocks<'a, Avx2, CookiePairs>,
) -> Option<Pair<'a>> {
    walk.next_pair(scan)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx2,bmi1,bmi2,lzcnt,popcnt")]
fn next_avx512<'a>(
    walk: &mut Walk<'a>,
    scan: &mut Blocks<'a, Avx512, CookiePairs>,
) -> Option<Pair<'a>> {
    walk.next_pair(scan)
}

/// How far the pairs of a header are read. The scan stands at `position`.
struct Walk<'a> {
    header: &'a [u8],
    position: usize,
    malformed_count: usize,
}

impl<'a> Walk<'a> {
    #[inline(always)]
    fn next_pair<S: LineScan>(&mut self, scan: &mut S) -> Option<Pair<'a>> {
        let header = self.header;
        loop {
            while let Some(b' ' | b'\t' | b';') = header.get(self.position) {
                self.position += 1;
                scan.skip_byte();
            }
            let start = self.position;
            if start == header.len() {
                return None;
            }
            let name_end = scan.token_end();
            let mut stop = name_end;
            if name_end > start && header.get(name_end) == Some(&b'=') {
                stop = scan.value_end();
                if matches!(header.get(stop), None | Some(b';')) {
                    self.position = header.len().min(stop + 1);
                    return Some((
                        &header[start..name_end],
                        plain_value(&header[name_end + 1..stop]),
                    ));
                }
            }
            while !matches!(header.get(stop), None | Some(b';')) {
                stop = scan.value_end();
            }
            self.position = header.len().min(stop + 1);
            self.malformed_count += 1;
        }
    }
}

/// A value without the blanks and the double quotes around it. Nearly all values have neither.
#[inline(always)]
fn plain_value(value: &[u8]) -> &[u8] {
    match value {
        [] => value,
        [first, .., last] if *first > b'"' && *last > b' ' => value,
        [only] if *only > b' ' => value,
        _ => unquote(value.trim_ascii()),
    }
}

#[inline(never)]
fn unquote(value: &[u8]) -> &[u8] {
    match value {
        [b'"', inner @ .., b'"'] => inner,
        _ => value,
    }
}
