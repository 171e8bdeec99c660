//! The store as everybody else sees it.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use crossbeam_channel::bounded;

use crate::shard;
use crate::telemetry::StoreLine;

use super::copy::{CopyFault, copy};
use super::fault::{OpenFault, SqlFault, StoreFault};
use super::heavy::Heavy;
use super::open::{Definition, open_writer};
use super::queue::{Pending, Way, Written};
use super::reader;
use super::topic::Topic;
use super::tx::Tx;
use super::view::View;
use super::writer::{Shared, Writer};

/// An open store: one file, one thread that writes, a read connection for each thread that reads.
pub struct Store {
    definition: Definition,
    path: PathBuf,
    /// Tells its connections from those of other stores of the process.
    number: u64,
    shared: Arc<Shared>,
    heavy: Heavy,
    writer: Mutex<Option<JoinHandle<()>>>,
}

/// How a store is opened.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Shards that write, each with a queue of its own; 0 for a process without shards.
    pub shards: usize,
}

/// Opens a store in a folder, creates it where it is missing, and brings its schema to what this
/// binary knows.
///
/// # Errors
/// What is in the way, with the remedy; the file is as it was.
pub fn open(
    definition: &Definition,
    folder: &Path,
    options: Options,
) -> Result<Arc<Store>, OpenFault> {
    let path = definition.path(folder);
    let connection = open_writer(definition, &path)?;
    let shared = Arc::new(Shared::new(options.shards));
    let writer = Writer::new(definition.name, path.clone(), shared.clone(), connection);
    let thread = |error: std::io::Error| OpenFault::System {
        attempt: "cannot start a thread for",
        path: path.clone(),
        cause: error.to_string(),
    };
    let heavy = Heavy::start(definition.name, &path).map_err(thread)?;
    let writer = thread::Builder::new()
        .name(format!("{}-writer", definition.name))
        .spawn(move || writer.run())
        .map_err(thread)?;
    Ok(Arc::new(Store {
        definition: *definition,
        path,
        number: OPENED.fetch_add(1, Ordering::Relaxed),
        shared,
        heavy,
        writer: Mutex::new(Some(writer)),
    }))
}

impl Store {
    /// Reads on this thread's own connection, at once. All statements of `read` see one snapshot.
    /// For what takes microseconds: a shard does nothing else meanwhile.
    ///
    /// # Errors
    /// What `read` says, as what it means for who asked.
    ///
    /// # Panics
    /// Inside of another read of this store.
    pub fn read<T>(
        &self,
        read: impl FnOnce(&View<'_>) -> Result<T, SqlFault>,
    ) -> Result<T, StoreFault> {
        reader::of_this_thread(self.number, &self.path)?.read(&self.shared.commits, read)
    }

    /// Reads on a thread of the heavy lane; for what takes longer than a shard may stand still.
    /// A read over its time ends as [`StoreFault::Unavailable`].
    ///
    /// # Panics
    /// On a thread that is not a shard.
    pub fn read_heavy<T: Send + 'static, R>(
        &self,
        read: R,
    ) -> impl Future<Output = Result<T, StoreFault>> + use<T, R>
    where
        R: FnOnce(&View<'_>) -> Result<T, SqlFault> + Send + 'static,
    {
        let (answer, reply) = shard::answer();
        let is_queued = self.heavy.submit(move |desk| {
            let outcome = catch_unwind(AssertUnwindSafe(|| desk.read(read)));
            reply.send(outcome.unwrap_or(Err(StoreFault::Panicked)));
        });
        async move {
            let answered = answer.await;
            match is_queued {
                true => answered.unwrap_or(Err(StoreFault::Unavailable)),
                false => Err(StoreFault::Full),
            }
        }
    }

    /// Queues a command for the writer. What comes out is on disk when it comes; an `Err` of the
    /// command rolls it back alone. The command runs whether or not the future is awaited.
    ///
    /// # Panics
    /// On a thread that is not a shard; see [`Store::write_blocking`].
    pub fn write<T, E, C>(&self, command: C) -> impl Future<Output = Written<T, E>> + use<T, E, C>
    where
        T: Send + 'static,
        E: Send + 'static,
        C: FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    {
        let (answer, reply) = shard::answer();
        let pending = Pending::new(command, Way::Shard(reply));
        let shard = Some(shard::index());
        self.shared.queues.submit(shard, Box::new(pending));
        async move { answer.await.unwrap_or(Err(StoreFault::Unavailable)) }
    }

    /// As [`Store::write`], for a thread that is no shard and may wait.
    ///
    /// # Errors
    /// Why the store could not do it.
    ///
    /// # Panics
    /// Inside of a command, which would wait for its own end.
    pub fn write_blocking<T, E, C>(&self, command: C) -> Written<T, E>
    where
        T: Send + 'static,
        E: Send + 'static,
        C: FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    {
        let is_inside = self.shared.queues.is_writer();
        assert!(!is_inside, "a command inside of a command");
        let (sender, receiver) = bounded(1);
        let pending = Pending::new(command, Way::Thread(sender));
        self.shared.queues.submit(None, Box::new(pending));
        receiver.recv().unwrap_or(Err(StoreFault::Unavailable))
    }

    /// The generation of a topic: it moves after each commit that touched it, before its replies.
    pub fn generation(&self, topic: Topic) -> u64 {
        self.shared.generations.of(topic)
    }

    /// Whether the disk refused the last write, or the writer is gone.
    pub fn is_failing(&self) -> bool {
        self.shared.is_failing() || self.shared.queues.is_ending()
    }

    /// Copies the store as it is at this moment; see [`super::copy`]. It blocks.
    ///
    /// # Errors
    /// What SQLite or the file system says.
    pub fn backup_to(&self, target: &Path) -> Result<(), CopyFault> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        copy(&self.definition, folder, target)
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What `/metrics` tells of it.
    pub fn line(&self) -> StoreLine {
        StoreLine {
            name: self.definition.name,
            queued: self.shared.queues.depth() as u64,
            refused: self.shared.queues.refused(),
            is_failing: self.is_failing(),
            record: self.shared.record().clone(),
        }
    }

    /// Does what waits, leaves the file without a log, and ends the store's threads. Later writes
    /// are refused.
    pub fn close(&self) {
        // The writer's connection goes last: only then does the log go with it.
        self.heavy.end();
        reader::forget(self.number);
        self.shared.queues.end();
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if writer.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!(target: "store", store = self.definition.name, "the writer panicked");
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.close();
    }
}

static OPENED: AtomicU64 = AtomicU64::new(0);
