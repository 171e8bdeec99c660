//! The names of the `X-Bun-*` headers, found without regard to case by one table lookup.

/// A header of the configuration protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Header {
    /// `X-Bun-Config-Version`: decimal 0 to 255.
    ConfigVersion,
    /// `X-Bun-Registry-Hash`: `0x` and 8 hex digits.
    RegistryHash,
    /// `X-Bun-Feature-Flags`: `0x` and 8 hex digits, bits 11 to 31 zero.
    FeatureFlags,
    /// `X-Bun-Terminal-Mode`: one digit 0 to 3.
    TerminalMode,
    /// `X-Bun-Terminal-Rows`: decimal 1 to 255.
    TerminalRows,
    /// `X-Bun-Terminal-Cols`: decimal 1 to 255.
    TerminalCols,
    /// `X-Bun-Reserved`: a decimal byte.
    Reserved,
    /// `X-Bun-Config-Dump`: `0x` and 26 hex digits.
    ConfigDump,
    /// `X-Bun-Proxy-Token`: a proxy token.
    ProxyToken,
    /// `X-Bun-Request-ID`: 16 hex digits.
    RequestId,
    /// `X-Bun-Package-Scope`: `@scope`.
    PackageScope,
    /// `X-Bun-Domain`: `@name`.
    Domain,
    /// `X-Bun-Domain-Hash`: `0x` and 8 hex digits.
    DomainHash,
}

/// What a header name is to this protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NameKind {
    /// One of ours.
    Known(Header),
    /// It begins with `X-Bun-` and is none of ours.
    Unknown,
    /// A header of someone else.
    Foreign,
}

impl Header {
    /// Every header. The first seven are the fields of the configuration, in their order.
    pub const ALL: [Header; 13] = [
        Header::ConfigVersion,
        Header::RegistryHash,
        Header::FeatureFlags,
        Header::TerminalMode,
        Header::TerminalRows,
        Header::TerminalCols,
        Header::Reserved,
        Header::ConfigDump,
        Header::ProxyToken,
        Header::RequestId,
        Header::PackageScope,
        Header::Domain,
        Header::DomainHash,
    ];

    /// The name as we write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Header::ConfigVersion => "X-Bun-Config-Version",
            Header::RegistryHash => "X-Bun-Registry-Hash",
            Header::FeatureFlags => "X-Bun-Feature-Flags",
            Header::TerminalMode => "X-Bun-Terminal-Mode",
            Header::TerminalRows => "X-Bun-Terminal-Rows",
            Header::TerminalCols => "X-Bun-Terminal-Cols",
            Header::Reserved => "X-Bun-Reserved",
            Header::ConfigDump => "X-Bun-Config-Dump",
            Header::ProxyToken => "X-Bun-Proxy-Token",
            Header::RequestId => "X-Bun-Request-ID",
            Header::PackageScope => "X-Bun-Package-Scope",
            Header::Domain => "X-Bun-Domain",
            Header::DomainHash => "X-Bun-Domain-Hash",
        }
    }
}

/// Tells what a header name is, whatever its case.
#[inline]
pub(super) fn kind_of_name(name: &[u8]) -> NameKind {
    let Some(words) = Words::of_name(name) else {
        let is_foreign = name.first().is_none_or(|first| first | 0x20 != b'x');
        return if is_foreign {
            NameKind::Foreign
        } else {
            kind_of_other_length(name)
        };
    };
    if (words.first | PREFIX_FOLD) & PREFIX_MASK != PREFIX {
        return NameKind::Foreign;
    }
    let entry = &NAMES[words.slot(name.len(), MULTIPLIER)];
    let is_same = words.middle | entry.fold.middle == entry.words.middle
        && words.last | entry.fold.last == entry.words.last
        && name.len() == entry.length;
    if is_same {
        NameKind::Known(entry.header)
    } else {
        NameKind::Unknown
    }
}

/// A name in the table, in lower case, and the bit to set in each byte that is a letter: to fold
/// nothing but letters keeps the match exact. A power of two in size, to be found by a shift.
#[repr(align(64))]
struct Entry {
    words: Words,
    fold: Words,
    length: usize,
    header: Header,
}

/// Three words that cover a name of 14 to 20 bytes: its first eight bytes, the eight after the
/// prefix, its last eight.
#[derive(Clone, Copy)]
struct Words {
    first: u64,
    middle: u64,
    last: u64,
}

impl Words {
    #[inline(always)]
    const fn of_name(name: &[u8]) -> Option<Words> {
        if name.len() > LENGTH_MAX {
            return None;
        }
        let Some(front) = name.first_chunk::<LENGTH_MIN>() else {
            return None;
        };
        match (front.first_chunk(), front.last_chunk(), name.last_chunk()) {
            (Some(first), Some(middle), Some(last)) => Some(Words {
                first: u64::from_le_bytes(*first),
                middle: u64::from_le_bytes(*middle),
                last: u64::from_le_bytes(*last),
            }),
            (None, _, _) | (_, None, _) | (_, _, None) => None,
        }
    }

    /// The place in the table: the last four bytes and the length tell the names apart.
    #[inline(always)]
    const fn slot(self, length: usize, multiplier: u32) -> usize {
        let key = ((self.last >> 32) as u32 | 0x2020_2020).wrapping_add(length as u32);
        (key.wrapping_mul(multiplier) >> 28) as usize
    }

    /// The bit that tells upper from lower case, in each byte that is a letter.
    const fn fold(self) -> Words {
        Words {
            first: fold_of(self.first),
            middle: fold_of(self.middle),
            last: fold_of(self.last),
        }
    }

    const fn or(self, other: Words) -> Words {
        Words {
            first: self.first | other.first,
            middle: self.middle | other.middle,
            last: self.last | other.last,
        }
    }
}

/// The one name of ours that is too short for the table, and names of others.
#[cold]
fn kind_of_other_length(name: &[u8]) -> NameKind {
    if name.eq_ignore_ascii_case(Header::Domain.as_str().as_bytes()) {
        NameKind::Known(Header::Domain)
    } else if has_prefix(name) {
        NameKind::Unknown
    } else {
        NameKind::Foreign
    }
}

fn has_prefix(name: &[u8]) -> bool {
    name.len() >= 6 && name[..6].eq_ignore_ascii_case(b"x-bun-")
}

const fn fold_of(word: u64) -> u64 {
    let mut bytes = word.to_le_bytes();
    let mut index = 0;
    while index < bytes.len() {
        bytes[index] = if bytes[index].is_ascii_alphabetic() {
            0x20
        } else {
            0
        };
        index += 1;
    }
    u64::from_le_bytes(bytes)
}

/// The table's entry for a header, unless its name is too short for the table.
const fn entry_of(header: Header) -> Option<Entry> {
    let name = header.as_str().as_bytes();
    match Words::of_name(name) {
        Some(words) => {
            let fold = words.fold();
            Some(Entry {
                words: words.or(fold),
                fold,
                length: name.len(),
                header,
            })
        }
        None => None,
    }
}

const fn multiplier_without_collisions() -> u32 {
    let mut multiplier: u32 = 0x9e37_79b1;
    loop {
        let mut taken: u16 = 0;
        let mut index = 0;
        while index < Header::ALL.len() {
            if let Some(entry) = entry_of(Header::ALL[index]) {
                let slot = entry.words.slot(entry.length, multiplier);
                if taken >> slot & 1 == 1 {
                    break;
                }
                taken |= 1 << slot;
            }
            index += 1;
        }
        if index == Header::ALL.len() {
            return multiplier;
        }
        multiplier = multiplier.wrapping_add(2);
    }
}

const LENGTH_MIN: usize = 14;
const LENGTH_MAX: usize = 20;

const PREFIX: u64 = u64::from_le_bytes(*b"x-bun-\0\0");
const PREFIX_FOLD: u64 = fold_of(PREFIX);
const PREFIX_MASK: u64 = 0x0000_ffff_ffff_ffff;

const MULTIPLIER: u32 = multiplier_without_collisions();

/// Empty slots hold a name that is found elsewhere: a name that lands there differs from it.
static NAMES: [Entry; 16] = {
    let mut names = [const { entry_of(Header::ConfigVersion).expect("it has 20 bytes") }; 16];
    let mut index = 0;
    while index < Header::ALL.len() {
        if let Some(entry) = entry_of(Header::ALL[index]) {
            let slot = entry.words.slot(entry.length, MULTIPLIER);
            names[slot] = entry;
        }
        index += 1;
    }
    names
};

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The definition: compare with each name in turn.
    fn oracle(name: &[u8]) -> NameKind {
        let known = Header::ALL
            .into_iter()
            .find(|header| header.as_str().as_bytes().eq_ignore_ascii_case(name));
        match known {
            Some(header) => NameKind::Known(header),
            None if name.to_ascii_lowercase().starts_with(b"x-bun-") => NameKind::Unknown,
            None => NameKind::Foreign,
        }
    }

    #[test]
    fn names_are_known_in_any_case() {
        for (index, header) in Header::ALL.into_iter().enumerate() {
            assert_eq!(header as usize, index);
            let name = header.as_str();
            for spelling in [name.to_string(), name.to_lowercase(), name.to_uppercase()] {
                assert_eq!(kind_of_name(spelling.as_bytes()), NameKind::Known(header));
            }
        }
    }

    #[test]
    fn every_byte_in_every_place_of_every_name_agrees_with_the_definition() {
        for header in Header::ALL {
            for place in 0..header.as_str().len() {
                for byte in 0..=u8::MAX {
                    let mut name = header.as_str().as_bytes().to_vec();
                    name[place] = byte;
                    assert_eq!(
                        kind_of_name(&name),
                        oracle(&name),
                        "{}",
                        name.escape_ascii()
                    );
                }
            }
        }
    }

    #[test]
    fn shortened_and_lengthened_names_are_unknown_and_shorter_prefixes_foreign() {
        for header in Header::ALL {
            let name = [header.as_str().as_bytes(), b"-more and more"].concat();
            for length in 0..=name.len() {
                assert_eq!(kind_of_name(&name[..length]), oracle(&name[..length]));
            }
        }
    }

    proptest! {
        #[test]
        fn any_name_agrees_with_the_definition(
            prefix in prop_oneof![Just("X-Bun-"), Just("x-bun-"), Just("")],
            rest in "[A-Za-z-]{0,18}",
        ) {
            let name = format!("{prefix}{rest}");
            prop_assert_eq!(kind_of_name(name.as_bytes()), oracle(name.as_bytes()));
        }

        #[test]
        fn any_bytes_agree_with_the_definition(
            name in proptest::collection::vec(any::<u8>(), 0..40)
        ) {
            prop_assert_eq!(kind_of_name(&name), oracle(&name));
        }
    }
}
