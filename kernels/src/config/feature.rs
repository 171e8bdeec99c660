//! The features that the flags switch.

/// A feature, in the order of its bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Feature {
    /// Bit 0.
    PremiumTypes,
    /// Bit 1.
    PrivateRegistry,
    /// Bit 2.
    Debug,
    /// Bit 3.
    BetaApi,
    /// Bit 4.
    DisableBinlinking,
    /// Bit 5.
    DisableIgnoreScripts,
    /// Bit 6.
    TerminalRaw,
    /// Bit 7.
    DisableIsolatedLinker,
    /// Bit 8.
    TypesMycompany,
    /// Bit 9.
    MockS3,
    /// Bit 10.
    FastCache,
}

/// What a toggle sets a feature to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switch {
    /// The feature's bit is cleared.
    Off,
    /// The feature's bit is set.
    On,
}

impl Feature {
    /// Every feature, from bit 0 up.
    pub const ALL: [Feature; 11] = [
        Feature::PremiumTypes,
        Feature::PrivateRegistry,
        Feature::Debug,
        Feature::BetaApi,
        Feature::DisableBinlinking,
        Feature::DisableIgnoreScripts,
        Feature::TerminalRaw,
        Feature::DisableIsolatedLinker,
        Feature::TypesMycompany,
        Feature::MockS3,
        Feature::FastCache,
    ];

    /// The feature's name as clients know it.
    pub const fn name(self) -> &'static str {
        match self {
            Feature::PremiumTypes => "PREMIUM_TYPES",
            Feature::PrivateRegistry => "PRIVATE_REGISTRY",
            Feature::Debug => "DEBUG",
            Feature::BetaApi => "BETA_API",
            Feature::DisableBinlinking => "DISABLE_BINLINKING",
            Feature::DisableIgnoreScripts => "DISABLE_IGNORE_SCRIPTS",
            Feature::TerminalRaw => "TERMINAL_RAW",
            Feature::DisableIsolatedLinker => "DISABLE_ISOLATED_LINKER",
            Feature::TypesMycompany => "TYPES_MYCOMPANY",
            Feature::MockS3 => "MOCK_S3",
            Feature::FastCache => "FAST_CACHE",
        }
    }

    /// The index of the feature's bit.
    #[inline]
    pub const fn bit(self) -> u32 {
        self as u32
    }

    /// The flags with only this feature on.
    #[inline]
    pub const fn mask(self) -> u32 {
        1 << self.bit()
    }

    /// The feature with this bit index.
    #[inline]
    pub fn from_bit(bit: u64) -> Option<Feature> {
        Feature::ALL.get(usize::try_from(bit).ok()?).copied()
    }

    /// The feature with this name.
    pub fn from_name(name: &str) -> Option<Feature> {
        Feature::ALL
            .into_iter()
            .find(|feature| feature.name() == name)
    }
}

/// Every bit that stands for a feature; the others are reserved.
pub(super) const FLAGS_KNOWN: u32 = (1 << Feature::ALL.len()) - 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_count_up_from_zero_in_the_order_of_the_protocol() {
        let names = "PREMIUM_TYPES, PRIVATE_REGISTRY, DEBUG, BETA_API, DISABLE_BINLINKING, \
                     DISABLE_IGNORE_SCRIPTS, TERMINAL_RAW, DISABLE_ISOLATED_LINKER, \
                     TYPES_MYCOMPANY, MOCK_S3, FAST_CACHE";
        for (bit, name) in names.split(", ").enumerate() {
            let feature = Feature::from_bit(bit as u64).unwrap();
            assert_eq!((feature.bit() as usize, feature.name()), (bit, name));
            assert_eq!(Feature::from_name(name), Some(feature));
        }
        assert_eq!(Feature::from_bit(11), None);
        assert_eq!(Feature::from_bit(u64::MAX), None);
        assert_eq!(Feature::from_name("debug"), None);
        assert_eq!(FLAGS_KNOWN, 0x7ff);
    }
}
