//! CRC-64/XZ, which guards the slots of the state file.

/// The CRC-64/XZ of some bytes (ECMA-182 polynomial, reflected, inverted at both ends).
///
/// One table and one byte a step: a slot is summed once for each change and each start, next to
/// a write to the disk, so wider tables would cost more cache than they save time.
pub const fn crc64_xz(bytes: &[u8]) -> u64 {
    let mut sum = u64::MAX;
    let mut index = 0;
    while index < bytes.len() {
        sum = sum >> 8 ^ TABLE[(sum as u8 ^ bytes[index]) as usize];
        index += 1;
    }
    !sum
}

const POLYNOMIAL_REFLECTED: u64 = 0xc96c_5795_d787_0f42;

static TABLE: [u64; 256] = {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut sum = index as u64;
        let mut bit = 0;
        while bit < 8 {
            sum = if sum & 1 == 1 {
                sum >> 1 ^ POLYNOMIAL_REFLECTED
            } else {
                sum >> 1
            };
            bit += 1;
        }
        table[index] = sum;
        index += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The definition, a bit at a time and from the other end: most significant bit first with
    /// the polynomial as published, over bytes reversed on their way in.
    fn oracle(bytes: &[u8]) -> u64 {
        const POLYNOMIAL: u64 = 0x42f0_e1eb_a9ea_3693;
        let mut sum = u64::MAX;
        for byte in bytes {
            for bit in 0..8 {
                let input = u64::from(byte >> bit & 1);
                let carry = sum >> 63 ^ input;
                sum = (sum << 1) ^ (POLYNOMIAL * carry);
            }
        }
        !sum.reverse_bits()
    }

    #[test]
    fn check_value_of_the_catalogue() {
        assert_eq!(crc64_xz(b"123456789"), 0x995d_c9bb_df19_39fa);
        assert_eq!(crc64_xz(b""), 0);
    }

    proptest! {
        #[test]
        fn agrees_with_the_definition(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(crc64_xz(&bytes), oracle(&bytes));
        }
    }
}
