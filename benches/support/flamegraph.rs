//! `--profile-time N` writes `flamegraph.svg` beside each benchmark's results, for every suite:
//! `#[path = "support/flamegraph.rs"] mod flamegraph;`, then
//! `criterion_group! { name = benches; config = flamegraph::criterion(); targets = … }`.

use std::fs;
use std::path::Path;

use criterion::Criterion;
use criterion::profiler::Profiler;
use pprof::{ProfilerGuard, ProfilerGuardBuilder};

/// Criterion's defaults, with the profiler.
pub(crate) fn criterion() -> Criterion {
    Criterion::default().with_profiler(Flamegraph { running: None })
}

struct Flamegraph {
    running: Option<ProfilerGuard<'static>>,
}

impl Profiler for Flamegraph {
    fn start_profiling(&mut self, _id: &str, _folder: &Path) {
        let profiler = ProfilerGuardBuilder::default()
            .frequency(SAMPLES_PER_SECOND)
            .build();
        self.running = Some(profiler.expect("no other profiler runs in a benchmark"));
    }

    fn stop_profiling(&mut self, id: &str, folder: &Path) {
        let Some(profiler) = self.running.take() else {
            return;
        };
        let report = profiler
            .report()
            .build()
            .expect("samples are kept in memory");
        if report.data.is_empty() {
            eprintln!("{id}: too short for a flamegraph; try a longer --profile-time");
            return;
        }
        let mut picture = Vec::new();
        report.flamegraph(&mut picture).expect("there is a sample");
        let path = folder.join("flamegraph.svg");
        let written = fs::create_dir_all(folder).and_then(|()| fs::write(&path, picture));
        match written {
            Ok(()) => eprintln!("{id}: {}", path.display()),
            Err(fault) => eprintln!("{id}: {} cannot be written: {fault}", path.display()),
        }
    }
}

/// A prime, so that it does not keep step with the loop it looks at.
const SAMPLES_PER_SECOND: i32 = 997;
