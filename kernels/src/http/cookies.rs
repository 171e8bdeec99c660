//! The pairs of a Cookie header.
#![allow(unsafe_code)] // calls of the per-level instantiations, each proved by its level

use super::scan::{Blocks, Bytewise, CookiePairs, Scan};
use crate::level::Level;
#[cfg(target_arch = "x86_64")]
use crate::level::{Avx2, Avx512, Sse42};

/// The pairs of one Cookie header, in order, as RFC 6265bis section 4.2.1 has them.
///
/// A name is a token. A value may hold any byte but controls and the semicolon: browsers store
/// and send back spaces, commas and quotes that the grammar for servers leaves out. A value in
/// double quotes is given without them. A pair without `=`, with an empty or malformed name or
/// with a control character is skipped and counted; an empty pair is only skipped.
#[derive(Clone, Debug)]
pub struct Cookies<'a> {
    level: Level,
    header: &'a [u8],
    position: usize,
    malformed_count: usize,
}

/// The pairs of the value of a Cookie header.
pub fn cookies(level: Level, header: &[u8]) -> Cookies<'_> {
    Cookies {
        level,
        header,
        position: 0,
        malformed_count: 0,
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
        self.malformed_count
    }
}

impl<'a> Iterator for Cookies<'a> {
    type Item = (&'a [u8], &'a [u8]);

    #[inline]
    fn next(&mut self) -> Option<(&'a [u8], &'a [u8])> {
        match self.level {
            Level::Scalar => next_pair(self, Bytewise::<CookiePairs>::new),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the proof holds every feature that the function enables.
            Level::Sse42(proof) => unsafe { next_sse42(proof, self) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the proof holds every feature that the function enables.
            Level::Avx2(proof) => unsafe { next_avx2(proof, self) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the proof holds every feature that the function enables.
            Level::Avx512(proof) => unsafe { next_avx512(proof, self) },
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse4.2,popcnt")]
fn next_sse42<'a>(proof: Sse42, cookies: &mut Cookies<'a>) -> Option<(&'a [u8], &'a [u8])> {
    next_pair(cookies, |rest| Blocks::<_, CookiePairs>::new(proof, rest))
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn next_avx2<'a>(proof: Avx2, cookies: &mut Cookies<'a>) -> Option<(&'a [u8], &'a [u8])> {
    next_pair(cookies, |rest| Blocks::<_, CookiePairs>::new(proof, rest))
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx2,bmi1,bmi2,lzcnt,popcnt")]
fn next_avx512<'a>(proof: Avx512, cookies: &mut Cookies<'a>) -> Option<(&'a [u8], &'a [u8])> {
    next_pair(cookies, |rest| Blocks::<_, CookiePairs>::new(proof, rest))
}

#[inline(always)]
fn next_pair<'a, S: Scan>(
    cookies: &mut Cookies<'a>,
    scan_from: impl Fn(&'a [u8]) -> S,
) -> Option<(&'a [u8], &'a [u8])> {
    let header = cookies.header;
    loop {
        let start = cookies.position + leading(&header[cookies.position..], b" \t;");
        if start == header.len() {
            cookies.position = start;
            return None;
        }
        let pair = &header[start..];
        let mut scan = scan_from(pair);
        let name_end = scan.token_end(0);
        let mut stop = scan.value_end(name_end);
        let is_whole = name_end > 0
            && pair.get(name_end) == Some(&b'=')
            && matches!(pair.get(stop), None | Some(b';'));
        if is_whole {
            cookies.position = start + stop;
            return Some((
                &pair[..name_end],
                unquote(pair[name_end + 1..stop].trim_ascii()),
            ));
        }
        while stop < pair.len() && pair[stop] != b';' {
            stop = scan.value_end(stop + 1);
        }
        cookies.position = start + stop;
        cookies.malformed_count += 1;
    }
}

#[inline(always)]
fn leading(bytes: &[u8], skipped: &[u8]) -> usize {
    let mut count = 0;
    while bytes.get(count).is_some_and(|byte| skipped.contains(byte)) {
        count += 1;
    }
    count
}

#[inline(always)]
fn unquote(value: &[u8]) -> &[u8] {
    match value {
        [b'"', inner @ .., b'"'] => inner,
        _ => value,
    }
}
