//! Takes `tracing` events and turns them into lines.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::panic;
use std::sync::{Arc, RwLock, RwLockReadGuard};

use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Metadata, Subscriber, callsite};

use super::super::process::unix_ms;
use super::filter::Filter;
use super::line::{Framing, Line, component};
use super::writer::{Sink, Stalled};

/// The process's log. Held by `main`: dropping it writes what is queued.
pub struct Logs {
    sink: Sink,
    filter: Arc<RwLock<Filter>>,
}

impl Logs {
    /// Starts the writer on stderr, takes all `tracing` events from here on, and logs panics.
    ///
    /// # Errors
    /// The writer's thread cannot be started, or another subscriber is installed.
    pub fn install(filter: Filter) -> io::Result<Logs> {
        let sink = Sink::start(io::stderr(), framing_of_stderr())?;
        let (logs, recorder) = Logs::with_sink(sink, filter);
        tracing::subscriber::set_global_default(recorder).map_err(io::Error::other)?;
        panic::set_hook(Box::new(log_panic));
        Ok(logs)
    }

    /// Replaces the filter while the server runs.
    pub fn set_filter(&self, filter: Filter) {
        *self
            .filter
            .write()
            .unwrap_or_else(|poisoned| poisoned.into_inner()) = filter;
        callsite::rebuild_interest_cache();
    }

    /// Where access logs and metrics of the log attach.
    pub fn sink(&self) -> &Sink {
        &self.sink
    }

    /// Waits until every line so far is written, a second at most.
    ///
    /// # Errors
    /// Nobody reads stderr.
    pub fn flush(&self) -> Result<(), Stalled> {
        self.sink.flush()
    }

    fn with_sink(sink: Sink, filter: Filter) -> (Logs, Recorder) {
        let filter = Arc::new(RwLock::new(filter));
        let recorder = Recorder {
            sink: sink.clone(),
            filter: Arc::clone(&filter),
        };
        (Logs { sink, filter }, recorder)
    }
}

impl Drop for Logs {
    fn drop(&mut self) {
        // Nobody reads stderr: there is nowhere to say it.
        let _ = self.sink.flush();
    }
}

/// The subscriber. Spans are not recorded: lines carry their own context as fields.
struct Recorder {
    sink: Sink,
    filter: Arc<RwLock<Filter>>,
}

impl Subscriber for Recorder {
    /// `tracing` keeps the answer per call site, so a shard takes the lock once for each line
    /// of code that logs, not for each event.
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if metadata.is_event() && self.filter().allows(metadata) {
            Interest::always()
        } else {
            Interest::never()
        }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && self.filter().allows(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.filter().most_verbose())
    }

    fn event(&self, event: &Event<'_>) {
        let metadata = event.metadata();
        let mut line = Line::new();
        event.record(&mut line);
        let component = component(metadata.target());
        let framing = self.sink.framing();
        self.sink
            .send(line.finish(framing, *metadata.level(), component, unix_ms()));
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

impl Recorder {
    fn filter(&self) -> RwLockReadGuard<'_, Filter> {
        self.filter
            .read()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// `JOURNAL_STREAM` is the device and inode of the journal's socket. It is inherited, so it
/// counts only where stderr is that very file (systemd.exec(5)).
fn framing_of_stderr() -> Framing {
    let stream = std::env::var("JOURNAL_STREAM").unwrap_or_default();
    let stderr = std::fs::metadata("/proc/self/fd/2");
    let is_journal = stderr.is_ok_and(|file| stream == format!("{}:{}", file.dev(), file.ino()));
    if is_journal {
        Framing::Journal
    } else {
        Framing::Plain
    }
}

/// In place of the standard text, which would stand between JSON lines.
fn log_panic(info: &panic::PanicHookInfo<'_>) {
    let message = info.payload_as_str().unwrap_or("a panic without text");
    let location = info.location().map(ToString::to_string).unwrap_or_default();
    let thread = std::thread::current();
    tracing::error!(
        target: "thirteen::panic",
        location,
        thread = thread.name().unwrap_or("unnamed"),
        "{message}"
    );
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use tracing::subscriber::with_default;

    use super::super::writer::tests::Capture;
    use super::*;

    fn logs(filter: &str) -> (Capture, Logs, Recorder) {
        let capture = Capture::default();
        let sink = Sink::start(capture.clone(), Framing::Plain).unwrap();
        let (logs, recorder) = Logs::with_sink(sink, filter.parse().unwrap());
        (capture, logs, recorder)
    }

    #[test]
    fn events_become_lines() {
        let (capture, logs, recorder) = logs("info");
        with_default(recorder, || {
            let fault = io::Error::from(io::ErrorKind::TimedOut);
            let error: &(dyn std::error::Error + 'static) = &fault;
            tracing::info!(
                target: "thirteen::shard::drain",
                shard = 3_usize,
                delta = -4_i64,
                ratio = 0.5,
                odd = f64::NAN,
                last = true,
                error,
                peer = %"10.0.0.1",
                state = ?Some("a\nb"),
                "drained {}",
                "well"
            );
            tracing::debug!("not wanted");
        });
        logs.flush().unwrap();
        let text = capture.text();
        assert_eq!(text.lines().count(), 1, "{text}");
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["level"], "info");
        assert_eq!(value["component"], "shard");
        assert_eq!(value["message"], "drained well");
        assert_eq!(value["shard"], 3);
        assert_eq!(value["delta"], -4);
        assert_eq!(value["ratio"], 0.5);
        assert_eq!(value["odd"], Value::Null);
        assert_eq!(value["last"], true);
        assert_eq!(value["error"], "timed out");
        assert_eq!(value["peer"], "10.0.0.1");
        assert_eq!(value["state"], "Some(\"a\\nb\")");
        assert!(value["timestamp"].as_str().unwrap().ends_with('Z'));
    }

    #[test]
    fn the_filter_can_change_while_it_runs() {
        let (capture, logs, recorder) = logs("error");
        with_default(recorder, || {
            let say = |round: u64| tracing::info!(target: "thirteen::ring", round, "turn");
            say(1);
            logs.set_filter("error,thirteen::ring=info".parse().unwrap());
            say(2);
            logs.set_filter("off".parse().unwrap());
            say(3);
        });
        logs.flush().unwrap();
        let text = capture.text();
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(text.contains("\"round\":2"), "{text}");
    }

    #[test]
    fn spans_do_not_disturb() {
        let (capture, logs, recorder) = logs("trace");
        with_default(recorder, || {
            let span = tracing::info_span!("outer", id = 7);
            span.in_scope(|| tracing::trace!("inside"));
        });
        logs.flush().unwrap();
        assert_eq!(capture.text().lines().count(), 1);
    }

    #[test]
    fn stderr_of_a_test_is_not_the_journal() {
        assert_eq!(framing_of_stderr(), Framing::Plain);
    }
}
