//! Starts the shards, one pinned thread each, and waits for them.

use std::cell::{Cell, OnceCell};
use std::fmt;
use std::future::Future;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use glommio::{ExecutorJoinHandle, LocalExecutorBuilder, Placement};

use crate::limits::{RING_BUFFERS, RING_COMPLETIONS_PER_TURN_MAX, RING_ENTRIES};
use crate::ring::wake::Inbox;
use crate::ring::{Ring, RingOptions};

use super::bus::{Bus, forget_answers};
use super::driver::drive;
use super::local::{Ending, Shard, enter, spawn};
use super::offload::Pool;
use super::tasks::Tasks;

/// How shards are made.
#[derive(Clone, Debug)]
pub struct ShardOptions {
    /// How many; each is pinned to a core of its own as long as there are enough.
    pub count: usize,
    /// How long a shard without work keeps looking before it sleeps.
    pub spin: Duration,
    /// Receive buffers of each shard.
    pub buffers: u16,
}

impl ShardOptions {
    /// `count` shards that sleep at once.
    pub fn new(count: usize) -> ShardOptions {
        ShardOptions {
            count,
            spin: Duration::ZERO,
            buffers: RING_BUFFERS,
        }
    }
}

/// Shards that run.
pub struct Shards {
    threads: Vec<ExecutorJoinHandle<io::Result<()>>>,
    pool: Pool,
    offloaders: Vec<JoinHandle<()>>,
    bus: Bus,
}

/// Why the shards could not be started, or ended badly.
#[derive(Debug)]
pub enum LaunchFault {
    /// A thread could not be made or pinned.
    Executor(String),
    /// The kernel refused a ring, or a turn failed.
    Ring(io::Error),
}

impl fmt::Display for LaunchFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LaunchFault::Executor(cause) => write!(formatter, "a shard could not run: {cause}"),
            LaunchFault::Ring(error) => write!(formatter, "io_uring failed: {error}"),
        }
    }
}

impl std::error::Error for LaunchFault {}

/// Starts the shards. `main` runs once on each; the shard ends when its future does. `on_failure`
/// is called on the thread of a shard whose ring fails; the others go on.
pub fn launch<F>(
    options: &ShardOptions,
    main: impl Fn(Rc<Shard>) -> F + Clone + Send + 'static,
    on_failure: impl Fn(&io::Error) + Clone + Send + 'static,
) -> Result<Shards, LaunchFault>
where
    F: Future<Output = ()> + 'static,
{
    assert!(options.count > 0, "at least one shard");
    let inboxes: io::Result<Vec<_>> = (0..options.count).map(|_| Inbox::new()).collect();
    let bus = Bus::new(inboxes.map_err(LaunchFault::Ring)?);
    let (pool, offloaders) = Pool::start().map_err(LaunchFault::Ring)?;
    let cores = usable_cores();
    let mut threads = Vec::with_capacity(options.count);
    for index in 0..options.count {
        let placement = match cores.get(index) {
            Some(core) => Placement::Fixed(*core),
            None => Placement::Unbound,
        };
        let seat = Seat {
            index,
            bus: bus.clone(),
            pool: pool.clone(),
            options: options.clone(),
        };
        let (main, on_failure) = (main.clone(), on_failure.clone());
        let thread = LocalExecutorBuilder::new(placement)
            .name("shard")
            .preempt_timer(PREEMPT)
            .io_memory(IO_MEMORY_BYTES)
            .spawn(move || async move { run_shard(seat, main).await.inspect_err(on_failure) });
        threads.push(thread.map_err(|error| LaunchFault::Executor(error.to_string()))?);
    }
    Ok(Shards {
        threads,
        pool,
        offloaders,
        bus,
    })
}

impl Shards {
    /// The way to the shards from other threads.
    pub fn bus(&self) -> &Bus {
        &self.bus
    }

    /// Waits until every shard has ended; the first failure is reported.
    pub fn join(self) -> Result<(), LaunchFault> {
        let mut outcome = Ok(());
        for thread in self.threads {
            outcome = outcome.and(outcome_of(thread));
        }
        self.pool.end();
        for thread in self.offloaders {
            let ended = thread
                .join()
                .map_err(|_| LaunchFault::Executor("panicked".into()));
            outcome = outcome.and(ended);
        }
        outcome
    }
}

fn outcome_of(thread: ExecutorJoinHandle<io::Result<()>>) -> Result<(), LaunchFault> {
    match thread.join() {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(LaunchFault::Ring(error)),
        Err(error) => Err(LaunchFault::Executor(error.to_string())),
    }
}

/// The cores that this process may use, by their number.
pub fn usable_cores() -> Vec<usize> {
    let cores = core_affinity::get_core_ids().unwrap_or_default();
    cores.into_iter().map(|core| core.id).collect()
}

/// What a thread needs to become a shard.
struct Seat {
    index: usize,
    bus: Bus,
    pool: Pool,
    options: ShardOptions,
}

async fn run_shard<F>(seat: Seat, main: impl Fn(Rc<Shard>) -> F) -> io::Result<()>
where
    F: Future<Output = ()> + 'static,
{
    let inbox = seat.bus.inbox(seat.index).clone();
    let _answers_nobody_in_the_end = CloseOnDrop(inbox.clone());
    let options = RingOptions {
        entries: RING_ENTRIES,
        buffers: seat.options.buffers,
        completions_per_turn_max: RING_COMPLETIONS_PER_TURN_MAX,
    };
    let ring = Ring::new(&options, inbox)?;
    let shard = Rc::new(Shard {
        index: seat.index,
        ring,
        bus: seat.bus,
        pool: seat.pool,
        tasks: Rc::new(Tasks::default()),
        ending: Cell::new(None),
        on_turn: OnceCell::new(),
        between_turns: OnceCell::new(),
    });
    let _entered = enter(shard.clone());
    let (future, told) = (main(shard.clone()), EndOnDrop(shard.clone()));
    spawn(async move {
        future.await;
        told.0.ending.set(Some(Ending::Done));
    });
    let driven = drive(shard.clone(), seat.options.spin).await;
    // Nothing of the shard outlives it: its tasks go first, then the jobs that nobody will run,
    // then whatever the kernel was given.
    shard.tasks.end();
    shard.bus.inbox(shard.index).close();
    forget_answers();
    let closed = shard.ring.close();
    driven.and(closed)
}

/// Closes an inbox however its shard ends, so that who asks it is told.
struct CloseOnDrop(Arc<Inbox>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Ends the shard when its main task ends in any other way than by returning.
struct EndOnDrop(Rc<Shard>);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        if self.0.ending.get().is_none() {
            self.0.ending.set(Some(Ending::Panicked));
        }
    }
}

/// How long tasks run before glommio looks at its own rings: forever, since those carry nothing
/// but the bell of a shard that sleeps, and every turn of the driver looks at everything else.
///
/// A timer that fires does harm: glommio 0.12 arms it, and when it has passed before the first
/// task ran, because the thread was kept off its core for so long, glommio takes that for a lack
/// of tasks and sleeps although some are ready. No bell rings for a shard that is awake.
const PREEMPT: Duration = Duration::from_secs(365 * 24 * 60 * 60);
/// Registered file buffers of glommio, which we do not use: the smallest that it takes.
const IO_MEMORY_BYTES: usize = 64 << 10;
