//! The thread that writes log lines, and the bounded queue to it.

use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tracing::Level;

use crate::limits::{
    LOG_BATCH_BYTES_MAX, LOG_FLUSH_PATIENCE, LOG_QUEUE_LINES_MAX, LOG_ROOM_PATIENCE,
};

use super::super::process::unix_ms;
use super::line::{Framing, Line};

/// Where finished lines go. Cheap to clone; sending never waits.
#[derive(Clone)]
pub struct Sink {
    queue: Sender<Message>,
    dropped: Arc<AtomicU64>,
    framing: Framing,
}

/// What lines are written to.
pub(super) trait Output: Write + Send + 'static {
    /// Waits until a write that would have blocked may go on.
    ///
    /// # Errors
    /// It takes nothing for as long as a batch is kept.
    fn wait_for_room(&self) -> io::Result<()>;
}

/// Whoever reads stderr has stopped reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stalled;

impl Sink {
    /// Starts the thread. It ends when the last clone of the sink is gone.
    pub(super) fn start(output: impl Output, framing: Framing) -> io::Result<Sink> {
        let (queue, lines) = bounded(LOG_QUEUE_LINES_MAX);
        let dropped = Arc::new(AtomicU64::new(0));
        let writer = Writer {
            output,
            framing,
            dropped: Arc::clone(&dropped),
            reported: 0,
        };
        thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || writer.run(&lines))?;
        Ok(Sink {
            queue,
            dropped,
            framing,
        })
    }

    /// Lines that were dropped because the queue was full or the output failed.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Waits until every line sent before is written, a second at most.
    ///
    /// # Errors
    /// The output does not take the lines.
    pub fn flush(&self) -> Result<(), Stalled> {
        let (done, written) = bounded(1);
        self.queue
            .send_timeout(Message::Flush(done), LOG_FLUSH_PATIENCE)
            .map_err(|_| Stalled)?;
        written
            .recv_timeout(LOG_FLUSH_PATIENCE)
            .map_err(|_| Stalled)
    }

    pub(super) fn framing(&self) -> Framing {
        self.framing
    }

    pub(super) fn send(&self, line: Vec<u8>) {
        match self.queue.try_send(Message::Line(line)) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

impl Output for io::Stderr {
    fn wait_for_room(&self) -> io::Result<()> {
        let patience = Timespec::try_from(LOG_ROOM_PATIENCE).map_err(io::Error::other)?;
        let mut stderr = [PollFd::new(self, PollFlags::OUT)];
        match poll(&mut stderr, Some(&patience))? {
            0 => Err(io::ErrorKind::TimedOut.into()),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Stalled {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("log lines are not written: the reader of stderr has stopped reading")
    }
}

impl std::error::Error for Stalled {}

enum Message {
    Line(Vec<u8>),
    Flush(Sender<()>),
}

struct Writer<W> {
    output: W,
    framing: Framing,
    dropped: Arc<AtomicU64>,
    reported: u64,
}

impl<W: Output> Writer<W> {
    fn run(mut self, messages: &Receiver<Message>) {
        let mut batch = Vec::with_capacity(LOG_BATCH_BYTES_MAX);
        let mut flushes: Vec<Sender<()>> = Vec::new();
        while let Ok(first) = messages.recv() {
            let mut lines = 0;
            for message in std::iter::once(first).chain(messages.try_iter()) {
                match message {
                    Message::Line(line) => {
                        batch.extend_from_slice(&line);
                        lines += 1;
                    }
                    Message::Flush(done) => flushes.push(done),
                }
                if batch.len() >= LOG_BATCH_BYTES_MAX {
                    break;
                }
            }
            self.write(&batch, lines);
            batch.clear();
            self.report_drops();
            for done in flushes.drain(..) {
                // Who asked may have given up waiting.
                let _ = done.send(());
            }
        }
    }

    fn report_drops(&mut self) {
        let dropped = self.dropped.load(Ordering::Relaxed);
        if dropped == self.reported {
            return;
        }
        let mut line = Line::new();
        line.message("log lines dropped");
        line.integer("dropped", dropped - self.reported);
        line.integer("dropped_total", dropped);
        let line = line.finish(self.framing, Level::WARN, "telemetry", unix_ms());
        self.reported = dropped;
        self.write(&line, 0);
    }

    /// There is nobody to tell of an output that fails: its lines count as dropped.
    fn write(&mut self, batch: &[u8], lines: u64) {
        if self.write_whole(batch).is_err() {
            self.dropped.fetch_add(lines, Ordering::Relaxed);
        }
    }

    /// Like `write_all`, but waits where stderr is a full pipe that does not block: its flags
    /// are shared with whoever else has it open.
    fn write_whole(&mut self, mut batch: &[u8]) -> io::Result<()> {
        while !batch.is_empty() {
            match self.output.write(batch) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => batch = &batch[written..],
                Err(fault) if fault.kind() == io::ErrorKind::Interrupted => {}
                Err(fault) if fault.kind() == io::ErrorKind::WouldBlock => {
                    self.output.wait_for_room()?;
                }
                Err(fault) => return Err(fault),
            }
        }
        self.output.flush()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::{Condvar, Mutex};

    use super::*;

    /// An output that keeps what it gets and can be held up.
    #[derive(Clone, Default)]
    pub(in super::super) struct Capture {
        state: Arc<(Mutex<State>, Condvar)>,
    }

    #[derive(Default)]
    struct State {
        text: Vec<u8>,
        held: bool,
        writes_refused: u32,
    }

    impl Capture {
        pub(in super::super) fn text(&self) -> String {
            String::from_utf8(self.state.0.lock().unwrap().text.clone()).unwrap()
        }

        fn hold(&self, held: bool) {
            self.state.0.lock().unwrap().held = held;
            self.state.1.notify_all();
        }
    }

    impl Write for Capture {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let mut state = self.state.0.lock().unwrap();
            while state.held {
                state = self.state.1.wait(state).unwrap();
            }
            if state.writes_refused > 0 {
                state.writes_refused -= 1;
                return Err(io::ErrorKind::WouldBlock.into());
            }
            let part = bytes.len().min(1000);
            state.text.extend_from_slice(&bytes[..part]);
            Ok(part)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Output for Capture {
        fn wait_for_room(&self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_are_written_in_order_and_flushed() {
        let capture = Capture::default();
        capture.state.0.lock().unwrap().writes_refused = 3;
        let sink = Sink::start(capture.clone(), Framing::Plain).unwrap();
        for number in 0..1000 {
            sink.send(format!("{number}\n").into_bytes());
        }
        sink.flush().unwrap();
        let expected: String = (0..1000).map(|number| format!("{number}\n")).collect();
        assert_eq!(capture.text(), expected);
        assert_eq!(sink.dropped(), 0);
    }

    #[test]
    fn a_full_queue_drops_counts_and_says_so() {
        let capture = Capture::default();
        let sink = Sink::start(capture.clone(), Framing::Plain).unwrap();
        capture.hold(true);
        sink.send(b"first\n".to_vec());
        // The writer takes what is there in one batch before it is held.
        let sent = 3 * LOG_QUEUE_LINES_MAX as u64;
        for _ in 0..sent {
            sink.send(b"x\n".to_vec());
        }
        let dropped = sink.dropped();
        assert!(dropped > 0 && dropped <= sent, "{dropped} of {sent}");
        assert_eq!(sink.flush(), Err(Stalled));
        capture.hold(false);
        sink.flush().unwrap();
        let text = capture.text();
        assert!(
            text.contains("\"message\":\"log lines dropped\""),
            "no report"
        );
        assert!(
            text.contains(&format!("\"dropped_total\":{dropped}")),
            "no count"
        );
        let written = text.lines().filter(|line| *line == "x").count() as u64;
        assert_eq!(written + dropped, sent);
    }

    #[test]
    fn lines_for_an_output_that_is_gone_count_as_dropped() {
        struct Gone;
        impl Write for Gone {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        impl Output for Gone {
            fn wait_for_room(&self) -> io::Result<()> {
                Ok(())
            }
        }
        let sink = Sink::start(Gone, Framing::Plain).unwrap();
        sink.send(b"lost\n".to_vec());
        sink.flush().unwrap();
        assert_eq!(sink.dropped(), 1);
    }
}
