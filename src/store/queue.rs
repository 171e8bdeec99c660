//! The queues between the threads that ask and the one that writes.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use crossbeam_channel::Sender;
use crossbeam_queue::ArrayQueue;

use crate::limits::STORE_QUEUE_MAX;
use crate::shard::Reply;

use super::fault::StoreFault;
use super::tx::Tx;

/// A command without its types.
pub(super) trait Command: Send {
    /// Runs it once and keeps its result until it is answered.
    fn run(&mut self, tx: &mut Tx<'_>) -> Ran;
    /// Brings the result to who asked, or why there is none.
    fn answer(self: Box<Self>, fate: Result<(), StoreFault>);
}

/// What a command wants of its own changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ran {
    Keep,
    RollBack,
}

/// A command that waits for the writer.
pub(super) struct Queued {
    pub(super) since: Instant,
    pub(super) command: Box<dyn Command>,
}

/// A command with its types, its result and the way back.
pub(super) struct Pending<C, T: Send + 'static, E: Send + 'static> {
    command: Option<C>,
    result: Option<Result<T, E>>,
    way: Way<Written<T, E>>,
}

/// What a write comes to: the command's own result, unless the store could not do it.
pub(super) type Written<T, E> = Result<Result<T, E>, StoreFault>;

/// How a result comes back.
pub(super) enum Way<T: Send + 'static> {
    /// Over the bus, to the task of a shard.
    Shard(Reply<T>),
    /// To a thread that blocks.
    Thread(Sender<T>),
}

impl<C, T, E> Pending<C, T, E>
where
    C: FnOnce(&mut Tx<'_>) -> Result<T, E> + Send,
    T: Send + 'static,
    E: Send + 'static,
{
    pub(super) fn new(command: C, way: Way<Written<T, E>>) -> Pending<C, T, E> {
        Pending {
            command: Some(command),
            result: None,
            way,
        }
    }
}

impl<C, T, E> Command for Pending<C, T, E>
where
    C: FnOnce(&mut Tx<'_>) -> Result<T, E> + Send,
    T: Send + 'static,
    E: Send + 'static,
{
    fn run(&mut self, tx: &mut Tx<'_>) -> Ran {
        let command = self.command.take().expect("the writer runs a command once");
        let result = command(tx);
        let ran = match result {
            Ok(_) => Ran::Keep,
            Err(_) => Ran::RollBack,
        };
        self.result = Some(result);
        ran
    }

    fn answer(self: Box<Self>, fate: Result<(), StoreFault>) {
        let written = match (fate, self.result) {
            (Ok(()), Some(result)) => Ok(result),
            (Ok(()), None) => unreachable!("only what ran is on disk"),
            (Err(fault), _) => Err(fault),
        };
        match self.way {
            Way::Shard(reply) => reply.send(written),
            // Who asked waits until it has the answer, unless its thread is gone.
            Way::Thread(sender) => drop(sender.send(written)),
        }
    }
}

/// A bounded queue for each shard and one for all other threads, so that a shard that floods
/// fills its own.
pub(super) struct Queues {
    lanes: Box<[ArrayQueue<Queued>]>,
    refused: AtomicU64,
    writer: OnceLock<Thread>,
    is_asleep: AtomicBool,
    is_ending: AtomicBool,
    has_ended: AtomicBool,
}

impl Queues {
    pub(super) fn new(shards: usize) -> Queues {
        Queues {
            lanes: (0..=shards)
                .map(|_| ArrayQueue::new(STORE_QUEUE_MAX))
                .collect(),
            refused: AtomicU64::new(0),
            writer: OnceLock::new(),
            is_asleep: AtomicBool::new(false),
            is_ending: AtomicBool::new(false),
            has_ended: AtomicBool::new(false),
        }
    }

    /// Queues a command; answers it at once where there is no room or no writer.
    pub(super) fn submit(&self, shard: Option<usize>, command: Box<dyn Command>) {
        if self.is_ending.load(Ordering::Relaxed) {
            return command.answer(Err(StoreFault::Unavailable));
        }
        let others = self.lanes.len() - 1;
        let lane = shard.map_or(others, |shard| shard.min(others));
        let since = Instant::now();
        if let Err(refused) = self.lanes[lane].push(Queued { since, command }) {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return refused.command.answer(Err(StoreFault::Full));
        }
        // Pairs with the fences of `wait` and `end`: either the writer sees the command before it
        // sleeps or goes, or we see that it does.
        fence(Ordering::SeqCst);
        if self.is_asleep.load(Ordering::Relaxed) {
            self.wake();
        }
        if self.has_ended.load(Ordering::Relaxed) {
            self.refuse_all();
        }
    }

    /// Makes the writer take what waits and then end.
    pub(super) fn end(&self) {
        self.is_ending.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        self.wake();
    }

    pub(super) fn is_ending(&self) -> bool {
        self.is_ending.load(Ordering::Relaxed)
    }

    /// Commands that found no room.
    pub(super) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Commands that wait.
    pub(super) fn depth(&self) -> usize {
        self.lanes.iter().map(ArrayQueue::len).sum()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lanes.iter().all(ArrayQueue::is_empty)
    }

    /// Takes the next command, lanes in turn from `turn` on.
    pub(super) fn take(&self, turn: &mut usize) -> Option<Queued> {
        for _ in 0..self.lanes.len() {
            let lane = *turn % self.lanes.len();
            *turn = lane + 1;
            if let Some(queued) = self.lanes[lane].pop() {
                return Some(queued);
            }
        }
        None
    }

    /// Says that the calling thread is the writer.
    pub(super) fn attend(&self) {
        let set = self.writer.set(thread::current());
        assert!(set.is_ok(), "a store has one writer");
    }

    /// Whether the calling thread is the writer.
    pub(super) fn is_writer(&self) -> bool {
        let writer = self.writer.get();
        writer.is_some_and(|writer| writer.id() == thread::current().id())
    }

    /// Sleeps until something is queued or the end is asked for, or the time is over.
    pub(super) fn wait(&self, patience: Option<Duration>) {
        self.is_asleep.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        if self.is_empty() && !self.is_ending() {
            match patience {
                Some(patience) => thread::park_timeout(patience),
                None => thread::park(),
            }
        }
        self.is_asleep.store(false, Ordering::Relaxed);
    }

    /// Says that the writer is gone.
    pub(super) fn close(&self) {
        self.is_ending.store(true, Ordering::Relaxed);
        self.has_ended.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        self.refuse_all();
    }

    fn wake(&self) {
        self.is_asleep.store(false, Ordering::Relaxed);
        if let Some(writer) = self.writer.get() {
            writer.unpark();
        }
    }

    fn refuse_all(&self) {
        let mut turn = 0;
        while let Some(queued) = self.take(&mut turn) {
            queued.command.answer(Err(StoreFault::Unavailable));
        }
    }
}
