//! A flamegraph of the live process: where its CPU time goes, for some seconds.

use std::fmt;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pprof::{ProfilerGuard, ProfilerGuardBuilder};
use signal_hook::consts::SIGPROF;
use signal_hook::low_level;

use crate::limits::CAPTURE_SECONDS_MAX;

/// How long to look, 1 to [`CAPTURE_SECONDS_MAX`] seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CaptureSeconds(u32);

/// Why there is no flamegraph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CaptureFault {
    /// Another capture is under way.
    Busy,
    /// The process used too little CPU to be met by a single sample.
    Idle,
    /// The profiler failed.
    Profiler(String),
}

impl CaptureSeconds {
    /// `None` outside 1 to [`CAPTURE_SECONDS_MAX`].
    pub fn new(seconds: u32) -> Option<CaptureSeconds> {
        (1..=CAPTURE_SECONDS_MAX)
            .contains(&seconds)
            .then_some(CaptureSeconds(seconds))
    }
}

/// Samples the whole process and draws it as SVG. Takes the calling thread for as long as it
/// looks, and some seconds more to find the names: for a plain thread, never for a shard.
///
/// Samples are SIGPROF interrupts, 199 a second of CPU time: system calls of every thread can
/// end with EINTR meanwhile. Stacks are walked by the unwind tables, so that code needs no frame
/// pointers.
///
/// # Errors
/// See [`CaptureFault`]; a second call never waits for the first.
pub fn capture(length: CaptureSeconds) -> Result<Vec<u8>, CaptureFault> {
    let turn = Turn::take().ok_or(CaptureFault::Busy)?;
    load_unwind_tables()?;
    let profiler = start(SAMPLES_PER_SECOND)?;
    turn.wait(Duration::from_secs(u64::from(length.0)));
    let report = profiler.report().build().map_err(fault)?;
    // Stop the interrupts before the drawing, which takes CPU time itself.
    drop(profiler);
    if report.data.is_empty() {
        return Err(CaptureFault::Idle);
    }
    let mut picture = Vec::new();
    report.flamegraph(&mut picture).map_err(fault)?;
    Ok(picture)
}

/// Ends the capture that is under way, if one is: it draws what it has. For a server that drains.
pub fn stop() {
    let mut stage = lock_stage();
    if *stage == Stage::Looking {
        *stage = Stage::Stopping;
        CHANGED.notify_all();
    }
}

impl fmt::Display for CaptureFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CaptureFault::Busy => formatter.write_str("another capture is under way"),
            CaptureFault::Idle => {
                formatter.write_str("the process was idle: send it requests meanwhile")
            }
            CaptureFault::Profiler(reason) => write!(formatter, "the profiler failed: {reason}"),
        }
    }
}

impl std::error::Error for CaptureFault {}

/// A prime, so that it does not keep step with timers of round intervals.
const SAMPLES_PER_SECOND: i32 = 199;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Idle,
    Looking,
    Stopping,
}

/// The process has one profiler, so it has one stage.
static STAGE: Mutex<Stage> = Mutex::new(Stage::Idle);
static CHANGED: Condvar = Condvar::new();

/// The right to profile.
struct Turn;

impl Turn {
    fn take() -> Option<Turn> {
        let mut stage = lock_stage();
        if *stage != Stage::Idle {
            return None;
        }
        *stage = Stage::Looking;
        Some(Turn)
    }

    fn wait(&self, length: Duration) {
        let looking = |stage: &mut Stage| *stage == Stage::Looking;
        // Stopped or timed out, poisoned or not: the look is over.
        let _ = CHANGED.wait_timeout_while(lock_stage(), length, looking);
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *lock_stage() = Stage::Idle;
    }
}

fn lock_stage() -> MutexGuard<'static, Stage> {
    STAGE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn start(samples_per_second: i32) -> Result<ProfilerGuard<'static>, CaptureFault> {
    ProfilerGuardBuilder::default()
        .frequency(samples_per_second)
        .build()
        .map_err(fault)
}

/// The profiler reads the unwind tables in its first interrupt: it opens files and allocates,
/// which must not happen inside a shard's own allocation. So the first one is this thread's, at
/// a point where it holds nothing, with a rate that no other is likely to come before it.
fn load_unwind_tables() -> Result<(), CaptureFault> {
    let _profiler = start(1)?;
    low_level::raise(SIGPROF).map_err(|error| CaptureFault::Profiler(error.to_string()))
}

fn fault(error: pprof::Error) -> CaptureFault {
    CaptureFault::Profiler(error.to_string())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;
    use std::time::Instant;

    use super::*;

    #[inline(never)]
    fn a_function_to_be_found(finished: &AtomicBool) -> u64 {
        let mut number = 1_u64;
        while !finished.load(Ordering::Relaxed) {
            for _ in 0..1000 {
                number = std::hint::black_box(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            }
        }
        number
    }

    fn wait_until_looking() {
        while *lock_stage() != Stage::Looking {
            thread::yield_now();
        }
    }

    /// One test, because the process has one profiler.
    #[test]
    fn one_capture_at_a_time_finds_the_busy_function_and_can_be_stopped() {
        static FINISHED: AtomicBool = AtomicBool::new(false);
        let worker = thread::spawn(|| a_function_to_be_found(&FINISHED));
        let first = thread::spawn(|| capture(CaptureSeconds::new(1).unwrap()));
        wait_until_looking();
        assert_eq!(
            capture(CaptureSeconds::new(1).unwrap()),
            Err(CaptureFault::Busy)
        );
        let picture = String::from_utf8(first.join().unwrap().unwrap()).unwrap();
        assert!(picture.contains("<svg") && picture.trim_end().ends_with("</svg>"));
        assert!(
            picture.contains("a_function_to_be_found"),
            "not in {} bytes",
            picture.len()
        );

        let start = Instant::now();
        let second = thread::spawn(|| capture(CaptureSeconds::new(30).unwrap()));
        wait_until_looking();
        stop();
        // Stopped before the first sample there is nothing to draw.
        assert!(matches!(
            second.join().unwrap(),
            Ok(_) | Err(CaptureFault::Idle)
        ));
        assert!(
            start.elapsed() < Duration::from_secs(20),
            "{:?}",
            start.elapsed()
        );
        stop();
        assert!(
            Turn::take().is_some(),
            "a stop with nothing to stop leaves no trace"
        );

        FINISHED.store(true, Ordering::Relaxed);
        assert_ne!(worker.join().unwrap(), 0);
    }

    #[test]
    fn lengths() {
        for (seconds, accepted) in [(0, false), (1, true), (30, true), (31, false)] {
            assert_eq!(
                CaptureSeconds::new(seconds).is_some(),
                accepted,
                "{seconds}"
            );
        }
    }
}
