//! The vectors of x86-64: 16, 32 and 64 bytes.
#![allow(unsafe_code)] // vector instructions; each impl's `self` proves that they exist
#![allow(clippy::multiple_unsafe_ops_per_block)] // that one fact covers each whole block

use core::arch::x86_64::*;

use super::class::Class;
use super::lanes::Lanes;
use crate::level::{Avx2, Avx512, Sse42};

// How `members` looks up 8 bits with two shuffles: the low nibble of a byte picks a row of the
// class, whose bit `n` answers for the high nibble `n`; the high nibble picks that bit. Bytes
// over 0x7F get no row from the first shuffle (its index has bit 7) and no bit from the second.
const BIT_OF_HIGH_NIBBLE: [u8; 16] = [1, 2, 4, 8, 16, 32, 64, 128, 0, 0, 0, 0, 0, 0, 0, 0];

impl Lanes for Sse42 {
    const BYTES: usize = 16;
    type Vector = __m128i;

    #[inline(always)]
    fn load(self, bytes: &[u8], at: usize) -> __m128i {
        let block: &[u8; 16] = bytes[at..]
            .first_chunk()
            .expect("a whole vector follows `at`");
        // SAFETY: `block` is 16 readable bytes, and SSE2 is in the baseline of x86-64.
        unsafe { _mm_loadu_si128(block.as_ptr().cast()) }
    }

    #[inline(always)]
    fn load_last(self, _bytes: &[u8], _at: usize) -> Option<__m128i> {
        None
    }

    #[inline(always)]
    fn members(self, vector: __m128i, class: &Class) -> u64 {
        let rows = table(&class.by_low_nibble);
        let bits = table(&BIT_OF_HIGH_NIBBLE);
        // SAFETY: `self` proves SSE4.2, which includes SSSE3 and SSE2.
        unsafe {
            let high = _mm_and_si128(_mm_srli_epi16(vector, 4), _mm_set1_epi8(0x0f));
            let hit = _mm_and_si128(_mm_shuffle_epi8(rows, vector), _mm_shuffle_epi8(bits, high));
            let miss = _mm_movemask_epi8(_mm_cmpeq_epi8(hit, _mm_setzero_si128()));
            u64::from(!(miss as u16))
        }
    }

    #[inline(always)]
    fn equals(self, vector: __m128i, byte: u8) -> u64 {
        // SAFETY: SSE2 is in the baseline of x86-64.
        unsafe {
            let same = _mm_cmpeq_epi8(vector, _mm_set1_epi8(byte as i8));
            u64::from(_mm_movemask_epi8(same) as u16)
        }
    }
}

impl Lanes for Avx2 {
    const BYTES: usize = 32;
    type Vector = __m256i;

    #[inline(always)]
    fn load(self, bytes: &[u8], at: usize) -> __m256i {
        let block: &[u8; 32] = bytes[at..]
            .first_chunk()
            .expect("a whole vector follows `at`");
        // SAFETY: `block` is 32 readable bytes, and `self` proves AVX2.
        unsafe { _mm256_loadu_si256(block.as_ptr().cast()) }
    }

    #[inline(always)]
    fn load_last(self, _bytes: &[u8], _at: usize) -> Option<__m256i> {
        None
    }

    #[inline(always)]
    fn members(self, vector: __m256i, class: &Class) -> u64 {
        let rows = table(&class.by_low_nibble);
        let bits = table(&BIT_OF_HIGH_NIBBLE);
        // SAFETY: `self` proves AVX2.
        unsafe {
            let rows = _mm256_broadcastsi128_si256(rows);
            let bits = _mm256_broadcastsi128_si256(bits);
            let high = _mm256_and_si256(_mm256_srli_epi16(vector, 4), _mm256_set1_epi8(0x0f));
            let hit = _mm256_and_si256(
                _mm256_shuffle_epi8(rows, vector),
                _mm256_shuffle_epi8(bits, high),
            );
            let miss = _mm256_movemask_epi8(_mm256_cmpeq_epi8(hit, _mm256_setzero_si256()));
            u64::from(!(miss as u32))
        }
    }

    #[inline(always)]
    fn equals(self, vector: __m256i, byte: u8) -> u64 {
        // SAFETY: `self` proves AVX2.
        unsafe {
            let same = _mm256_cmpeq_epi8(vector, _mm256_set1_epi8(byte as i8));
            u64::from(_mm256_movemask_epi8(same) as u32)
        }
    }
}

impl Lanes for Avx512 {
    const BYTES: usize = 64;
    type Vector = __m512i;

    #[inline(always)]
    fn load(self, bytes: &[u8], at: usize) -> __m512i {
        let block: &[u8; 64] = bytes[at..]
            .first_chunk()
            .expect("a whole vector follows `at`");
        // SAFETY: `block` is 64 readable bytes, and `self` proves AVX-512 F.
        unsafe { _mm512_loadu_si512(block.as_ptr().cast()) }
    }

    #[inline(always)]
    fn load_last(self, bytes: &[u8], at: usize) -> Option<__m512i> {
        let rest = &bytes[at..];
        let lanes = if rest.len() < 64 {
            (1 << rest.len()) - 1
        } else {
            u64::MAX
        };
        // SAFETY: `self` proves AVX-512 BW; lanes without a mask bit are neither read nor able to
        // fault, and those with one lie inside `rest`.
        Some(unsafe { _mm512_maskz_loadu_epi8(lanes, rest.as_ptr().cast()) })
    }

    #[inline(always)]
    fn members(self, vector: __m512i, class: &Class) -> u64 {
        let rows = table(&class.by_low_nibble);
        let bits = table(&BIT_OF_HIGH_NIBBLE);
        // SAFETY: `self` proves AVX-512 F and BW.
        unsafe {
            let rows = _mm512_broadcast_i32x4(rows);
            let bits = _mm512_broadcast_i32x4(bits);
            let high = _mm512_and_si512(_mm512_srli_epi16(vector, 4), _mm512_set1_epi8(0x0f));
            _mm512_test_epi8_mask(
                _mm512_shuffle_epi8(rows, vector),
                _mm512_shuffle_epi8(bits, high),
            )
        }
    }

    #[inline(always)]
    fn equals(self, vector: __m512i, byte: u8) -> u64 {
        // SAFETY: `self` proves AVX-512 BW.
        unsafe { _mm512_cmpeq_epi8_mask(vector, _mm512_set1_epi8(byte as i8)) }
    }
}

#[inline(always)]
fn table(rows: &[u8; 16]) -> __m128i {
    // SAFETY: `rows` is 16 readable bytes, and SSE2 is in the baseline of x86-64.
    unsafe { _mm_loadu_si128(rows.as_ptr().cast()) }
}
