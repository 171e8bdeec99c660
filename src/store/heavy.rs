//! The heavy lane: threads with connections of their own, for reads that take over a millisecond.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::limits::{
    STORE_HEAVY_PATIENCE, STORE_HEAVY_QUEUE_MAX, STORE_HEAVY_STEPS, STORE_HEAVY_THREADS,
};

use super::fault::{SqlFault, StoreFault};
use super::reader::Reader;
use super::view::View;

/// The way to the threads. They are not those of `shard::offload`, where a few long reports would
/// keep passwords from being checked.
pub(super) struct Heavy {
    work: Sender<Work>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

enum Work {
    Read(Box<dyn FnOnce(&mut Desk) + Send>),
    End,
}

impl Heavy {
    pub(super) fn start(name: &str, path: &Path) -> std::io::Result<Heavy> {
        let (sender, receiver) = bounded(STORE_HEAVY_QUEUE_MAX);
        let mut threads = Vec::with_capacity(STORE_HEAVY_THREADS);
        for number in 0..STORE_HEAVY_THREADS {
            let (work, path) = (receiver.clone(), path.to_owned());
            let builder = thread::Builder::new().name(format!("{name}-heavy-{number}"));
            threads.push(builder.spawn(move || labour(&work, path))?);
        }
        Ok(Heavy {
            work: sender,
            threads: Mutex::new(threads),
        })
    }

    /// Queues a read; `false` where there is no room.
    pub(super) fn submit(&self, read: impl FnOnce(&mut Desk) + Send + 'static) -> bool {
        self.work.try_send(Work::Read(Box::new(read))).is_ok()
    }

    /// Ends the threads once the reads that wait are done.
    pub(super) fn end(&self) {
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        for _ in threads.iter() {
            // Threads that have ended all the same need not be told.
            let _told_or_gone = self.work.send(Work::End);
        }
        for thread in threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!(target: "store", "a heavy reader panicked");
            }
        }
    }
}

/// One thread's connection and the deadline of what runs on it.
pub(super) struct Desk {
    path: PathBuf,
    reader: Option<Reader>,
    patience: Duration,
    began: Instant,
    /// Microseconds after `began`.
    deadline: Arc<AtomicU64>,
}

impl Desk {
    /// No connection is open until the first read.
    pub(super) fn new(path: PathBuf, patience: Duration) -> Desk {
        Desk {
            path,
            reader: None,
            patience,
            began: Instant::now(),
            deadline: Arc::default(),
        }
    }

    /// Runs `read` on one snapshot, for as long as a heavy read may take.
    pub(super) fn read<T>(
        &mut self,
        read: impl FnOnce(&View<'_>) -> Result<T, SqlFault>,
    ) -> Result<T, StoreFault> {
        let until = self.began.elapsed() + self.patience;
        self.deadline
            .store(until.as_micros() as u64, Ordering::Relaxed);
        // No turns here, so no snapshot is kept, whatever its number.
        self.reader()?.read(&AtomicU64::new(0), read)
    }

    fn reader(&mut self) -> Result<&Reader, StoreFault> {
        if self.reader.is_none() {
            let mut reader = Reader::open(&self.path)?;
            let (began, deadline) = (self.began, self.deadline.clone());
            let is_over = move || {
                let deadline = Duration::from_micros(deadline.load(Ordering::Relaxed));
                began.elapsed() > deadline
            };
            reader
                .connection_mut()
                .progress_handler(STORE_HEAVY_STEPS, Some(is_over))
                .map_err(|error| StoreFault::Failed(error.to_string()))?;
            self.reader = Some(reader);
        }
        self.reader.as_ref().ok_or(StoreFault::Unavailable)
    }
}

fn labour(work: &Receiver<Work>, path: PathBuf) {
    let mut desk = Desk::new(path, STORE_HEAVY_PATIENCE);
    while let Ok(Work::Read(read)) = work.recv() {
        read(&mut desk);
    }
}
