//! Hexadecimal and decimal digits, eight at a time in one machine word.

/// The eight hex digits of a number, the most significant first.
#[inline]
pub(super) const fn hex_of_u32(number: u32) -> [u8; 8] {
    let mut word = number.swap_bytes() as u64;
    word = (word | word << 16) & 0x0000_ffff_0000_ffff;
    word = (word | word << 8) & 0x00ff_00ff_00ff_00ff;
    let nibbles = (word >> 4 & LOW_NIBBLES) | (word & LOW_NIBBLES) << 8;
    let letters = (nibbles + EACH * 6) >> 4 & EACH;
    (nibbles + EACH * b'0' as u64 + letters * (b'a' - b'0' - 10) as u64).to_le_bytes()
}

/// The number that eight hex digits of either case spell, the most significant first.
#[inline]
pub(super) const fn u32_of_hex(digits: &[u8; 8]) -> Option<u32> {
    let word = u64::from_le_bytes(*digits);
    let low = word & (EACH * 0x7f);
    let folded = low | (EACH * 0x20);
    // Adding makes the top bit of a byte say whether the byte reaches a bound; seven-bit bytes
    // cannot carry into their neighbour.
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

/// The digits of a byte in decimal, padded with what must be overwritten, and how many count.
#[inline]
pub(super) const fn decimal_of_u8(number: u8) -> ([u8; 3], usize) {
    let [first, second, third, count] = DECIMALS[number as usize];
    ([first, second, third], count as usize)
}

/// The number that decimal digits spell: `None` unless there are digits, nothing else, and no
/// zero in front. Numbers past `u32::MAX` read as `u32::MAX`, out of every range here.
#[inline]
pub(super) fn u32_of_decimal(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() || (digits[0] == b'0' && digits.len() > 1) {
        return None;
    }
    let mut number: u32 = 0;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number = number.saturating_mul(10).saturating_add(u32::from(digit));
    }
    Some(number)
}

const EACH: u64 = 0x0101_0101_0101_0101;
const LOW_NIBBLES: u64 = 0x000f_000f_000f_000f;

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
        let mut number = 0x9e37_79b9_u32;
        for special in [0, 1, 0xa1b2_c3d4, 0x7fff_ffff, u32::MAX] {
            assert_eq!(
                hex_of_u32(special).as_slice(),
                format!("{special:08x}").as_bytes()
            );
        }
        for _ in 0..20_000 {
            number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let digits = hex_of_u32(number);
            assert_eq!(digits.as_slice(), format!("{number:08x}").as_bytes());
            assert_eq!(u32_of_hex(&digits), Some(number));
            assert_eq!(
                u32_of_hex(&digits.map(|digit| digit.to_ascii_uppercase())),
                Some(number)
            );
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
                }
            }
        }
    }

    #[test]
    fn decimals_round_trip_and_count_their_digits() {
        for number in 0..=u8::MAX {
            let (digits, count) = decimal_of_u8(number);
            assert_eq!(&digits[..count], number.to_string().as_bytes());
            assert_eq!(u32_of_decimal(&digits[..count]), Some(u32::from(number)));
        }
    }

    #[test]
    fn what_is_not_plain_decimal_is_refused() {
        for text in [
            "", " 1", "1 ", "+1", "-1", "01", "00", "1.", "0x1", "1a", "١",
        ] {
            assert_eq!(u32_of_decimal(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(u32_of_decimal(b"0"), Some(0));
        assert_eq!(u32_of_decimal(b"4294967295"), Some(u32::MAX));
        assert_eq!(u32_of_decimal(b"99999999999999999999999"), Some(u32::MAX));
    }
}
