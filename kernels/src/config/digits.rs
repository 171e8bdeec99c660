//! Hexadecimal and decimal digits, many at a time.
#![allow(unsafe_code)] // the vector form of hex digits

/// The sixteen hex digits of a number, the most significant first.
#[cfg(target_arch = "x86_64")]
#[inline]
pub(super) fn hex_of_u64(number: u64) -> [u8; 16] {
    // SAFETY: every x86-64 processor has SSE2, the only feature the function asks for.
    unsafe { sse2::hex_of_u64(number) }
}

/// The number that eight hex digits of either case spell, the most significant first.
#[cfg(target_arch = "x86_64")]
#[inline]
pub(super) fn u32_of_hex(digits: &[u8; 8]) -> Option<u32> {
    // SAFETY: every x86-64 processor has SSE2, the only feature the function asks for.
    unsafe { sse2::u32_of_hex(digits) }
}

/// The number that sixteen hex digits of either case spell, the most significant first.
#[cfg(target_arch = "x86_64")]
#[inline]
pub(super) fn u64_of_hex(digits: &[u8; 16]) -> Option<u64> {
    // SAFETY: every x86-64 processor has SSE2, the only feature the function asks for.
    unsafe { sse2::u64_of_hex(digits) }
}

#[cfg(not(target_arch = "x86_64"))]
pub(super) use scalar::{hex_of_u64, u32_of_hex, u64_of_hex};

/// All digits in one register: half the instructions of the scalar form, which took a dump from
/// 11 ns to 5.
#[cfg(target_arch = "x86_64")]
mod sse2 {
    use core::arch::x86_64::{
        __m128i, _mm_add_epi8, _mm_and_si128, _mm_cmpeq_epi8, _mm_cmpgt_epi8, _mm_cvtsi64_si128,
        _mm_cvtsi128_si64, _mm_loadu_si128, _mm_min_epu8, _mm_movemask_epi8, _mm_or_si128,
        _mm_packus_epi16, _mm_set1_epi8, _mm_set1_epi16, _mm_slli_epi16, _mm_srli_epi16,
        _mm_storeu_si128, _mm_sub_epi8, _mm_unpacklo_epi8,
    };

    #[target_feature(enable = "sse2")]
    #[inline]
    pub(super) fn hex_of_u64(number: u64) -> [u8; 16] {
        let bytes = _mm_cvtsi64_si128(number.swap_bytes() as i64);
        let low_nibbles = _mm_set1_epi8(0x0f);
        let high = _mm_and_si128(_mm_srli_epi16::<4>(bytes), low_nibbles);
        let low = _mm_and_si128(bytes, low_nibbles);
        let nibbles = _mm_unpacklo_epi8(high, low);
        let is_letter = _mm_cmpgt_epi8(nibbles, _mm_set1_epi8(9));
        let to_letter = _mm_and_si128(is_letter, _mm_set1_epi8(0x61 - 0x30 - 10));
        let text = _mm_add_epi8(_mm_add_epi8(nibbles, _mm_set1_epi8(0x30)), to_letter);
        let mut digits = [0; 16];
        // SAFETY: the pointer is that of 16 writable bytes, and the store needs no alignment.
        unsafe { _mm_storeu_si128(digits.as_mut_ptr().cast::<__m128i>(), text) };
        digits
    }

    #[target_feature(enable = "sse2")]
    #[inline]
    pub(super) fn u32_of_hex(digits: &[u8; 8]) -> Option<u32> {
        let (bytes, good) = bytes_of_hex(_mm_cvtsi64_si128(i64::from_le_bytes(*digits)));
        if good & 0xff == 0xff {
            Some((bytes as u32).swap_bytes())
        } else {
            None
        }
    }

    #[target_feature(enable = "sse2")]
    #[inline]
    pub(super) fn u64_of_hex(digits: &[u8; 16]) -> Option<u64> {
        // SAFETY: the pointer is that of 16 readable bytes, and the load needs no alignment.
        let text = unsafe { _mm_loadu_si128(digits.as_ptr().cast::<__m128i>()) };
        let (bytes, good) = bytes_of_hex(text);
        if good == 0xffff {
            Some(bytes.swap_bytes())
        } else {
            None
        }
    }

    /// The bytes that 16 digits spell, the first the lowest, and a bit for each good digit.
    #[target_feature(enable = "sse2")]
    #[inline]
    fn bytes_of_hex(text: __m128i) -> (u64, i32) {
        let digit = _mm_sub_epi8(text, _mm_set1_epi8(0x30));
        let is_digit = _mm_cmpeq_epi8(_mm_min_epu8(digit, _mm_set1_epi8(9)), digit);
        let folded = _mm_or_si128(text, _mm_set1_epi8(0x20));
        let letter = _mm_sub_epi8(folded, _mm_set1_epi8(0x61));
        let is_letter = _mm_cmpeq_epi8(_mm_min_epu8(letter, _mm_set1_epi8(5)), letter);
        // Of the two readings of a good digit, the one that is not meant is the larger.
        let nibbles = _mm_min_epu8(digit, _mm_add_epi8(letter, _mm_set1_epi8(10)));
        let pairs = _mm_or_si128(_mm_slli_epi16::<4>(nibbles), _mm_srli_epi16::<8>(nibbles));
        let bytes = _mm_and_si128(pairs, _mm_set1_epi16(0x00ff));
        let bytes = _mm_cvtsi128_si64(_mm_packus_epi16(bytes, bytes)) as u64;
        (bytes, _mm_movemask_epi8(_mm_or_si128(is_digit, is_letter)))
    }
}

/// The oracle of the vector form, and the form of other processors.
#[cfg(any(test, not(target_arch = "x86_64")))]
mod scalar {

    pub(in crate::config) fn hex_of_u64(number: u64) -> [u8; 16] {
        let mut digits = [0; 16];
        for (index, digit) in digits.iter_mut().enumerate() {
            *digit = b"0123456789abcdef"[(number >> (60 - 4 * index) & 15) as usize];
        }
        digits
    }

    pub(in crate::config) fn u32_of_hex(digits: &[u8; 8]) -> Option<u32> {
        let word = u64::from_le_bytes(*digits);
        let low = word & (EACH * 0x7f);
        let folded = low | (EACH * 0x20);
        // Adding makes the top bit of a byte say whether the byte reaches a bound; seven-bit
        // bytes cannot carry into their neighbour.
        let digit = (low + EACH * (0x80 - 0x30)) & !(low + EACH * (0x7f - 0x39));
        let letter = (folded + EACH * (0x80 - 0x61)) & !(folded + EACH * (0x7f - 0x66));
        if (word | !(digit | letter)) & (EACH * 0x80) != 0 {
            return None;
        }
        let nibbles = (word & (EACH * 0x0f)) + (word >> 6 & EACH) * 9;
        let mut bytes = (nibbles << 4 | nibbles >> 8) & 0x00ff_00ff_00ff_00ff;
        bytes = (bytes | bytes >> 8) & 0x0000_ffff_0000_ffff;
        Some(((bytes | bytes >> 16) as u32).swap_bytes())
    }

    pub(in crate::config) fn u64_of_hex(digits: &[u8; 16]) -> Option<u64> {
        let (first, last) = (digits.first_chunk()?, digits.last_chunk()?);
        Some(u64::from(u32_of_hex(first)?) << 32 | u64::from(u32_of_hex(last)?))
    }

    const EACH: u64 = 0x0101_0101_0101_0101;
}

/// The digits of a byte in decimal, padded with what must be overwritten, and how many count.
#[inline]
pub(super) const fn decimal_of_u8(number: u8) -> ([u8; 3], usize) {
    let [first, second, third, count] = DECIMALS[number as usize];
    ([first, second, third], count as usize)
}

/// The number that decimal digits spell: `None` unless there are digits, nothing else, and no
/// zero in front. Numbers of more than three digits read as 1000, out of every range here.
#[inline]
pub(super) fn number_of_decimal(digits: &[u8]) -> Option<u32> {
    let value = |digit: u8| u32::from(digit.wrapping_sub(b'0'));
    match *digits {
        [ones] if value(ones) <= 9 => Some(value(ones)),
        [tens, ones] if value(tens).wrapping_sub(1) <= 8 && value(ones) <= 9 => {
            Some(value(tens) * 10 + value(ones))
        }
        [hundreds, tens, ones]
            if value(hundreds).wrapping_sub(1) <= 8 && value(tens) <= 9 && value(ones) <= 9 =>
        {
            Some(value(hundreds) * 100 + value(tens) * 10 + value(ones))
        }
        [b'1'..=b'9', _, _, _, ..] if digits.iter().all(u8::is_ascii_digit) => Some(1000),
        [..] => None,
    }
}

/// For each byte its decimal digits and, last, their count.
static DECIMALS: [[u8; 4]; 256] = {
    let mut table = [[b'0'; 4]; 256];
    let mut number = 0;
    while number < 256 {
        let (hundreds, tens, ones) = (number / 100, number / 10 % 10, number % 10);
        let digits = [b'0' + hundreds as u8, b'0' + tens as u8, b'0' + ones as u8];
        let count = 1 + (number >= 10) as usize + (number >= 100) as usize;
        let mut index = 0;
        while index < count {
            table[number][index] = digits[3 - count + index];
            index += 1;
        }
        table[number][3] = count as u8;
        number += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_is_what_the_standard_library_writes() {
        let mut number = 0x9e37_79b9_7f4a_7c15_u64;
        for special in [0, 1, 0xa1b2_c3d4, 0x0123_4567_89ab_cdef, u64::MAX] {
            assert_eq!(
                hex_of_u64(special).as_slice(),
                format!("{special:016x}").as_bytes()
            );
        }
        for _ in 0..20_000 {
            number = number
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let digits = hex_of_u64(number);
            assert_eq!(digits.as_slice(), format!("{number:016x}").as_bytes());
            assert_eq!(digits, scalar::hex_of_u64(number));
            assert_eq!(u64_of_hex(&digits), Some(number));
            assert_eq!(
                u64_of_hex(&digits.map(|digit| digit.to_ascii_uppercase())),
                Some(number)
            );
            let last_eight = digits.last_chunk().unwrap();
            assert_eq!(u32_of_hex(last_eight), Some(number as u32));
        }
    }

    #[test]
    fn every_byte_in_every_place_is_a_hex_digit_or_refused() {
        for place in 0..8 {
            for byte in 0..=u8::MAX {
                for rest in *b"0f9A" {
                    let mut digits = [rest; 8];
                    digits[place] = byte;
                    let expected = str::from_utf8(&digits)
                        .ok()
                        .filter(|_| byte.is_ascii_hexdigit())
                        .map(|text| u32::from_str_radix(text, 16).unwrap());
                    assert_eq!(u32_of_hex(&digits), expected, "{digits:02x?}");
                    assert_eq!(scalar::u32_of_hex(&digits), expected, "{digits:02x?}");
                }
            }
        }
    }

    #[test]
    fn sixteen_digits_agree_with_two_words_for_every_byte_in_every_place() {
        for place in 0..16 {
            for byte in 0..=u8::MAX {
                for rest in *b"09afAF" {
                    let mut digits = [rest; 16];
                    digits[place] = byte;
                    assert_eq!(
                        u64_of_hex(&digits),
                        scalar::u64_of_hex(&digits),
                        "{digits:02x?}"
                    );
                }
            }
        }
        assert_eq!(u64_of_hex(b"0123456789abcdef"), Some(0x0123_4567_89ab_cdef));
        assert_eq!(u64_of_hex(b"FEDCBA9876543210"), Some(0xfedc_ba98_7654_3210));
    }

    #[test]
    fn decimals_round_trip_and_count_their_digits() {
        for number in 0..=u8::MAX {
            let (digits, count) = decimal_of_u8(number);
            assert_eq!(&digits[..count], number.to_string().as_bytes());
            assert_eq!(number_of_decimal(&digits[..count]), Some(u32::from(number)));
        }
    }

    #[test]
    fn what_is_not_plain_decimal_is_refused() {
        for text in [
            "", " 1", "1 ", "+1", "-1", "01", "00", "1.", "0x1", "1a", "١",
        ] {
            assert_eq!(number_of_decimal(text.as_bytes()), None, "{text:?}");
        }
        for number in 0..2000_u32 {
            let text = number.to_string();
            assert_eq!(number_of_decimal(text.as_bytes()), Some(number.min(1000)));
            assert_eq!(number_of_decimal(format!("0{text}").as_bytes()), None);
        }
        assert_eq!(number_of_decimal(b"99999999999999999999999"), Some(1000));
        for place in 0..5 {
            for byte in (0..=u8::MAX).filter(|byte| !byte.is_ascii_digit()) {
                for length in place + 1..=5 {
                    let mut text = b"12345"[..length].to_vec();
                    text[place] = byte;
                    assert_eq!(number_of_decimal(&text), None, "{}", text.escape_ascii());
                }
            }
        }
    }
}
