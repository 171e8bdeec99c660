//! What an operation's `user_data` says: its kind, the slot it names and that slot's generation.

/// The kind of an operation in flight.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(super) enum Kind {
    /// Multishot accept of a listener.
    Accept = 1,
    /// Multishot receive of a stream.
    Receive = 2,
    /// A send of a stream.
    Send = 3,
    /// A connect of a stream.
    Connect = 4,
    /// Multishot poll of the inbox's bell.
    Bell = 5,
    /// Operations whose completion changes nothing: cancellations and closes.
    Silent = 6,
}

/// A slot that lived at one time: late completions for its successor carry another generation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Key {
    pub(super) index: u32,
    pub(super) generation: u32,
}

impl Key {
    pub(super) const NONE: Key = Key {
        index: 0,
        generation: 0,
    };
}

/// Packs kind (8 bits), generation (24 bits) and index (32 bits).
pub(super) fn pack(kind: Kind, key: Key) -> u64 {
    debug_assert!(key.generation <= GENERATION_MAX);
    u64::from(kind as u8) << 56 | u64::from(key.generation) << 32 | u64::from(key.index)
}

/// The inverse of [`pack`]; `None` for a value that no operation of ours carries.
pub(super) fn unpack(user_data: u64) -> Option<(Kind, Key)> {
    let kind = match (user_data >> 56) as u8 {
        1 => Kind::Accept,
        2 => Kind::Receive,
        3 => Kind::Send,
        4 => Kind::Connect,
        5 => Kind::Bell,
        6 => Kind::Silent,
        _ => return None,
    };
    let generation = (user_data >> 32) as u32 & GENERATION_MAX;
    Some((
        kind,
        Key {
            index: user_data as u32,
            generation,
        },
    ))
}

/// The generation after this one; zero is never used, so that [`Key::NONE`] matches nothing.
pub(super) fn next_generation(generation: u32) -> u32 {
    if generation == GENERATION_MAX {
        1
    } else {
        generation + 1
    }
}

const GENERATION_MAX: u32 = (1 << 24) - 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packing_keeps_every_part() {
        for kind in [
            Kind::Accept,
            Kind::Receive,
            Kind::Send,
            Kind::Connect,
            Kind::Bell,
            Kind::Silent,
        ] {
            for index in [0, 1, 77, u32::MAX] {
                for generation in [1, 2, GENERATION_MAX] {
                    let key = Key { index, generation };
                    assert_eq!(unpack(pack(kind, key)), Some((kind, key)));
                }
            }
        }
        assert_eq!(unpack(0), None);
        assert_eq!(unpack(u64::MAX), None);
    }

    #[test]
    fn generations_skip_zero() {
        assert_eq!(next_generation(GENERATION_MAX), 1);
        assert_eq!(next_generation(1), 2);
    }
}
