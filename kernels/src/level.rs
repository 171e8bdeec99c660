//! The instruction set that a kernel runs with: chosen once at boot, held by each shard.
#![allow(unsafe_code)] // XGETBV has no safe form

/// An instruction set that this processor has.
///
/// The payload of each vector level can only be made by the check that proves the level, so a
/// kernel that receives a `Level` may run its instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Plain code, the oracle of every other level.
    Scalar,
    /// 16-byte vectors.
    #[cfg(target_arch = "x86_64")]
    Sse42(Sse42),
    /// 32-byte vectors.
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    /// 64-byte vectors.
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512),
}

/// Proof that the processor has SSE4.2 and POPCNT.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sse42(());

/// Proof that the processor has AVX2, BMI1, BMI2, LZCNT and POPCNT.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Avx2(());

/// Proof that the processor has AVX-512 F, BW and VL, and all that [`Avx2`] proves.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Avx512(());

impl Level {
    /// The widest level of this processor. Asks the processor: call it once, at boot.
    pub fn detect() -> Level {
        Level::all_available().last().unwrap_or(Level::Scalar)
    }

    /// Every level of this processor, the scalar one first and the widest last.
    #[cfg(target_arch = "x86_64")]
    pub fn all_available() -> impl Iterator<Item = Level> {
        let processor = Processor::ask();
        [
            Some(Level::Scalar),
            processor.has_sse42().then_some(Level::Sse42(Sse42(()))),
            processor.has_avx2().then_some(Level::Avx2(Avx2(()))),
            processor.has_avx512().then_some(Level::Avx512(Avx512(()))),
        ]
        .into_iter()
        .flatten()
    }

    /// Every level of this processor, the scalar one first and the widest last.
    #[cfg(not(target_arch = "x86_64"))]
    pub fn all_available() -> impl Iterator<Item = Level> {
        [Level::Scalar].into_iter()
    }

    /// The name that start-up lines and benchmarks print.
    pub fn name(self) -> &'static str {
        match self {
            Level::Scalar => "scalar",
            #[cfg(target_arch = "x86_64")]
            Level::Sse42(_) => "sse4.2",
            #[cfg(target_arch = "x86_64")]
            Level::Avx2(_) => "avx2",
            #[cfg(target_arch = "x86_64")]
            Level::Avx512(_) => "avx512",
        }
    }
}

/// The feature words of CPUID, and the register state that the operating system saves.
///
/// `std::is_x86_feature_detected` would answer the same, but needs the standard library.
#[cfg(target_arch = "x86_64")]
struct Processor {
    /// Leaf 1, ECX.
    basic: u32,
    /// Leaf 7, EBX.
    extended: u32,
    /// Leaf 0x8000_0001, ECX.
    amd: u32,
    /// XCR0, zero where the operating system does not offer XGETBV.
    saved_state: u64,
}

#[cfg(target_arch = "x86_64")]
impl Processor {
    fn ask() -> Processor {
        use core::arch::x86_64::{__cpuid, __cpuid_count, _xgetbv};

        let leaf_max = __cpuid(0).eax;
        let amd_leaf_max = __cpuid(0x8000_0000).eax;
        let basic = __cpuid(1).ecx;
        let extended = if leaf_max >= 7 {
            __cpuid_count(7, 0).ebx
        } else {
            0
        };
        let amd = if amd_leaf_max >= 0x8000_0001 {
            __cpuid(0x8000_0001).ecx
        } else {
            0
        };
        let saved_state = if has_all(basic, OSXSAVE) {
            // SAFETY: the OSXSAVE bit says that XGETBV is enabled, and XCR0 always exists then.
            unsafe { _xgetbv(0) }
        } else {
            0
        };
        Processor {
            basic,
            extended,
            amd,
            saved_state,
        }
    }

    fn has_sse42(&self) -> bool {
        has_all(self.basic, SSSE3 | SSE41 | SSE42 | POPCNT)
    }

    fn has_avx2(&self) -> bool {
        self.has_sse42()
            && has_all(self.basic, AVX)
            && has_all(self.extended, AVX2 | BMI1 | BMI2)
            && has_all(self.amd, LZCNT)
            && self.saved_state & YMM_STATE == YMM_STATE
    }

    fn has_avx512(&self) -> bool {
        self.has_avx2()
            && has_all(self.extended, AVX512F | AVX512BW | AVX512VL)
            && self.saved_state & ZMM_STATE == ZMM_STATE
    }
}

#[cfg(target_arch = "x86_64")]
fn has_all(word: u32, bits: u32) -> bool {
    word & bits == bits
}

// Intel SDM volume 2, CPUID, tables 3-10 and 3-11; XCR0 in volume 1, section 13.3.
const SSSE3: u32 = 1 << 9;
const SSE41: u32 = 1 << 19;
const SSE42: u32 = 1 << 20;
const POPCNT: u32 = 1 << 23;
const OSXSAVE: u32 = 1 << 27;
const AVX: u32 = 1 << 28;
const BMI1: u32 = 1 << 3;
const AVX2: u32 = 1 << 5;
const BMI2: u32 = 1 << 8;
const AVX512F: u32 = 1 << 16;
const AVX512BW: u32 = 1 << 30;
const AVX512VL: u32 = 1 << 31;
const LZCNT: u32 = 1 << 5;
const YMM_STATE: u64 = 0b110;
const ZMM_STATE: u64 = 0b1110_0110;

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn agrees_with_the_standard_library() {
        let processor = Processor::ask();
        assert_eq!(
            processor.has_sse42(),
            is_x86_feature_detected!("sse4.2") && is_x86_feature_detected!("popcnt")
        );
        let avx2 = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("lzcnt");
        assert_eq!(processor.has_avx2(), avx2);
        let avx512 = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vl");
        assert_eq!(processor.has_avx512(), avx2 && avx512);
    }

    #[test]
    fn scalar_comes_first_and_the_detected_level_last() {
        let levels: Vec<Level> = Level::all_available().collect();
        assert_eq!(levels.first(), Some(&Level::Scalar));
        assert_eq!(levels.last(), Some(&Level::detect()));
        // Shown with --nocapture, so that a run says which levels it could not test.
        let names: Vec<&str> = levels.iter().map(|level| level.name()).collect();
        println!("levels under test: {names:?}");
    }
}
