//! Threads for what may block or take over a millisecond.

use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};

use crate::limits::{OFFLOAD_QUEUE_MAX, OFFLOAD_THREADS};

use super::bus::answer;
use super::local;

/// The way to the threads, shared by all shards.
#[derive(Clone)]
pub struct Pool {
    work: Sender<Work>,
}

/// Why an offloaded job has no result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OffloadFault {
    /// The job panicked; its thread goes on.
    Panicked,
    /// Too many jobs wait.
    Full,
}

impl fmt::Display for OffloadFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            OffloadFault::Panicked => "the offloaded job panicked",
            OffloadFault::Full => "too many offloaded jobs wait",
        })
    }
}

impl std::error::Error for OffloadFault {}

impl Pool {
    /// Starts the threads.
    pub fn start() -> std::io::Result<(Pool, Vec<JoinHandle<()>>)> {
        let (sender, receiver) = bounded(OFFLOAD_QUEUE_MAX);
        let mut threads = Vec::with_capacity(OFFLOAD_THREADS);
        for number in 0..OFFLOAD_THREADS {
            let work = receiver.clone();
            let name = format!("offload-{number}");
            threads.push(
                thread::Builder::new()
                    .name(name)
                    .spawn(move || labour(&work))?,
            );
        }
        Ok((Pool { work: sender }, threads))
    }

    /// Ends the threads once the jobs that wait are done.
    pub(super) fn end(&self) {
        for _ in 0..OFFLOAD_THREADS {
            // Threads that have ended all the same need not be told.
            let _told_or_gone = self.work.send(Work::End);
        }
    }

    /// Jobs that wait for a thread.
    pub fn depth(&self) -> usize {
        self.work.len()
    }
}

/// Runs `job` on a thread of the pool. Dropping the future does not stop the job.
///
/// # Panics
/// On a thread that is not a shard.
pub fn offload<T: Send + 'static>(
    job: impl FnOnce() -> T + Send + 'static,
) -> impl Future<Output = Result<T, OffloadFault>> {
    let (answer, reply) = answer();
    let queued = local::current()
        .pool
        .work
        .try_send(Work::Job(Box::new(move || {
            let outcome = catch_unwind(AssertUnwindSafe(job));
            reply.send(outcome.map_err(|_| OffloadFault::Panicked));
        })));
    async move {
        match queued {
            Ok(()) => answer.await.unwrap_or(Err(OffloadFault::Panicked)),
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => Err(OffloadFault::Full),
        }
    }
}

enum Work {
    Job(Box<dyn FnOnce() + Send>),
    End,
}

fn labour(work: &Receiver<Work>) {
    while let Ok(Work::Job(job)) = work.recv() {
        job();
    }
}
