//! Classes of bytes: what RFC 9110, RFC 9112 and RFC 3986 allow where.

/// A set of ASCII bytes, in the two shapes that the scalar and the vector scans look up.
pub(crate) struct Class {
    member: [bool; 256],
    /// Indexed by the low nibble of a byte; bit `n` is set when the byte with high nibble `n`
    /// is a member. High nibbles 8 to 15 have no bit: bytes over 0x7F are never members.
    pub(crate) by_low_nibble: [u8; 16],
}

impl Class {
    const fn of(ranges: &[(u8, u8)], singles: &[u8]) -> Class {
        let mut class = Class {
            member: [false; 256],
            by_low_nibble: [0; 16],
        };
        let mut index = 0;
        while index < ranges.len() {
            let (mut byte, last) = ranges[index];
            while byte <= last {
                class.add(byte);
                byte += 1;
            }
            index += 1;
        }
        index = 0;
        while index < singles.len() {
            class.add(singles[index]);
            index += 1;
        }
        class
    }

    const fn add(&mut self, byte: u8) {
        assert!(byte.is_ascii(), "the vector form holds ASCII only");
        self.member[byte as usize] = true;
        self.by_low_nibble[(byte & 0x0f) as usize] |= 1 << (byte >> 4);
    }

    /// Whether the class holds this byte.
    #[inline(always)]
    pub(crate) const fn contains(&self, byte: u8) -> bool {
        self.member[byte as usize]
    }
}

/// `tchar` of RFC 9110, section 5.6.2: methods, header names, cookie names.
pub(crate) static TOKEN: Class = Class::of(
    &[(b'0', b'9'), (b'A', b'Z'), (b'a', b'z')],
    b"!#$%&'*+-.^_`|~",
);

/// Characters of base64url (RFC 4648, section 5) and the dots between the parts of a JWT.
pub(crate) static JWT: Class = Class::of(&[(b'0', b'9'), (b'A', b'Z'), (b'a', b'z')], b"-_.");

/// What ends a field value or must not be in one (RFC 9110, section 5.5): controls but HTAB.
pub(crate) static CONTROL: Class = Class::of(&[(0x00, 0x08), (0x0a, 0x1f)], &[0x7f]);

/// What ends a cookie's value or must not be in one: controls but HTAB, and the semicolon.
pub(crate) static COOKIE_STOP: Class = Class::of(&[(0x00, 0x08), (0x0a, 0x1f)], &[0x7f, b';']);

/// What a request target may hold: visible ASCII but `"`, `#`, `<` and `>`.
///
/// RFC 3986 also excludes ``\ ^ ` { | }``, but URL serializers of browsers emit those in a query.
pub(crate) static TARGET: Class = Class::of(&[(b'$', b';'), (b'?', b'~')], b"!=");

/// A registered name or an IPv4 address (RFC 3986, section 3.2.2).
pub(crate) static REGISTERED_NAME: Class = Class::of(
    &[(b'0', b'9'), (b'A', b'Z'), (b'a', b'z')],
    b"-._~%!$&'()*+,;=",
);

/// Decimal digits.
pub(crate) static DIGIT: Class = Class::of(&[(b'0', b'9')], b"");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_shapes_hold_the_same_bytes() {
        for class in [
            &TOKEN,
            &CONTROL,
            &COOKIE_STOP,
            &TARGET,
            &REGISTERED_NAME,
            &DIGIT,
            &JWT,
        ] {
            for byte in 0..=255u8 {
                let row = class.by_low_nibble[usize::from(byte & 0x0f)];
                let by_nibble = byte.is_ascii() && row & (1 << (byte >> 4)) != 0;
                assert_eq!(class.contains(byte), by_nibble, "byte {byte:#04x}");
            }
        }
    }

    #[test]
    fn the_classes_are_those_of_the_standards() {
        for byte in 0..=255u8 {
            let tchar = byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
            assert_eq!(TOKEN.contains(byte), tchar, "token {byte:#04x}");
            let control = byte.is_ascii_control() && byte != b'\t';
            assert_eq!(CONTROL.contains(byte), control, "control {byte:#04x}");
            let cookie_stop = control || byte == b';';
            assert_eq!(
                COOKIE_STOP.contains(byte),
                cookie_stop,
                "cookie {byte:#04x}"
            );
            let target = byte.is_ascii_graphic() && !b"\"#<>".contains(&byte);
            assert_eq!(TARGET.contains(byte), target, "target {byte:#04x}");
            let host = byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=".contains(&byte);
            assert_eq!(REGISTERED_NAME.contains(byte), host, "host {byte:#04x}");
            assert_eq!(
                DIGIT.contains(byte),
                byte.is_ascii_digit(),
                "digit {byte:#04x}"
            );
        }
    }
}
