//! The processor's time-stamp counter: the cheapest clock there is, in ticks of unknown length.
#![allow(unsafe_code)] // `rdtsc` and `lfence` are unsafe in core::arch; every x86-64 has both

#[cfg(target_arch = "x86_64")]
use core::arch::x86_64::{__cpuid, _mm_lfence, _rdtsc};

/// Whether the counter runs at one rate on every core, whatever the frequency and sleep state
/// (the "invariant TSC" bit: Intel SDM volume 3, 19.17.1). Where it does not, use another clock.
#[cfg(target_arch = "x86_64")]
pub fn ticks_are_steady() -> bool {
    const POWER_MANAGEMENT: u32 = 0x8000_0007;
    const INVARIANT: u32 = 1 << 8;
    let highest = __cpuid(0x8000_0000).eax;
    highest >= POWER_MANAGEMENT && __cpuid(POWER_MANAGEMENT).edx & INVARIANT != 0
}

/// The counter, read without waiting for the instructions before it: some 20 cycles. For spans
/// of a microsecond and more, where the processor's reordering does not show.
#[cfg(target_arch = "x86_64")]
#[inline]
pub fn ticks() -> u64 {
    // SAFETY: RDTSC is part of the x86-64 baseline and Linux leaves CR4.TSD clear in user mode.
    unsafe { _rdtsc() }
}

/// The counter, read after everything before it has executed and before anything after it
/// starts. For spans of a few nanoseconds, which a plain read would let slip past its edges.
#[cfg(target_arch = "x86_64")]
#[inline]
pub fn ticks_ordered() -> u64 {
    // SAFETY: LFENCE is SSE2, part of the x86-64 baseline.
    unsafe { _mm_lfence() };
    let ticks = ticks();
    // SAFETY: as above.
    unsafe { _mm_lfence() };
    ticks
}

/// No counter that this crate knows: callers take another clock.
#[cfg(not(target_arch = "x86_64"))]
pub fn ticks_are_steady() -> bool {
    false
}

/// Always zero: `ticks_are_steady` said not to ask.
#[cfg(not(target_arch = "x86_64"))]
pub fn ticks() -> u64 {
    0
}

/// Always zero: `ticks_are_steady` said not to ask.
#[cfg(not(target_arch = "x86_64"))]
pub fn ticks_ordered() -> u64 {
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counter_moves_forward() {
        if !ticks_are_steady() {
            eprintln!("not tested: this processor has no invariant time-stamp counter");
            return;
        }
        let first = ticks();
        let second = ticks_ordered();
        let third = ticks_ordered();
        assert!(
            first <= second && second < third,
            "{first} {second} {third}"
        );
    }
}
