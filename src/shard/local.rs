//! What a task can ask of the shard that it runs on.

use std::cell::{Cell, OnceCell, RefCell};
use std::future::Future;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::ring::{Ring, Sleep};

use super::bus::Bus;
use super::offload::Pool;
use super::tasks::Tasks;

/// One shard, as its own thread sees it.
pub struct Shard {
    /// Its number, from 0.
    pub index: usize,
    /// Its ring.
    pub ring: Ring,
    /// The way to every shard, itself included.
    pub bus: Bus,
    pub(super) pool: Pool,
    pub(super) tasks: Rc<Tasks>,
    /// How the main task ended, which ends the shard.
    pub(super) ending: Cell<Option<Ending>>,
    pub(super) on_turn: OnceCell<Box<dyn Fn(u64)>>,
    pub(super) between_turns: OnceCell<Box<dyn Fn()>>,
}

/// How a shard's main task ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ending {
    Done,
    Panicked,
}

impl Shard {
    /// Tells `observer` the nanoseconds from the start of each turn that worked to the end of what
    /// it made ready: how long anything had to wait for this shard.
    pub fn observe_turns(&self, observer: impl Fn(u64) + 'static) {
        let set = self.on_turn.set(Box::new(observer));
        assert!(set.is_ok(), "a shard's turns have one observer");
    }

    /// Calls `end` after each turn's tasks have run, and so before the shard looks at its network
    /// again or sleeps: for what may be kept for the length of a turn and no longer.
    pub fn between_turns(&self, end: impl Fn() + 'static) {
        let set = self.between_turns.set(Box::new(end));
        assert!(set.is_ok(), "what is kept for a turn has one end");
    }

    /// Jobs that wait for a thread of the offload pool.
    pub fn offload_depth(&self) -> usize {
        self.pool.depth()
    }
}

/// The shard of this thread.
///
/// # Panics
/// On a thread that is not a shard.
pub fn current() -> Rc<Shard> {
    CURRENT.with_borrow(|shard| shard.clone()).expect(NO_SHARD)
}

/// Starts a task on this shard; it runs to its first wait at once. One that panics ends alone,
/// and those that live when the shard ends are dropped. Other threads wake it by the bus: a waker
/// that they wake themselves is heard once the shard is idle.
///
/// # Panics
/// On a thread that is not a shard.
pub fn spawn(future: impl Future<Output = ()> + 'static) {
    if let Some(task) = current().tasks.adopt(future) {
        glommio::spawn_local(task).detach();
    }
}

/// Lets every other task that is ready run first.
pub async fn yield_now() {
    glommio::executor().yield_now().await;
}

/// Ends after a duration, at the next tick of 10 ms.
pub fn sleep(duration: Duration) -> Sleep {
    current().ring.sleep(duration)
}

/// When this shard last looked at the clock: at the start of its turn.
pub fn turn_began() -> Instant {
    CURRENT
        .with_borrow(|shard| shard.as_ref().map(|shard| shard.ring.now()))
        .expect(NO_SHARD)
}

/// The number of this shard.
pub fn index() -> usize {
    current().index
}

/// How many shards there are.
pub fn count() -> usize {
    current().bus.count()
}

/// The way to every shard.
pub fn bus() -> Bus {
    current().bus.clone()
}

/// Makes `shard` the shard of this thread until the guard is dropped.
pub(super) fn enter(shard: Rc<Shard>) -> Entered {
    CURRENT.with_borrow_mut(|current| {
        assert!(current.is_none(), "this thread is a shard already");
        *current = Some(shard);
    });
    Entered
}

pub(super) struct Entered;

impl Drop for Entered {
    fn drop(&mut self) {
        let shard = CURRENT.with_borrow_mut(Option::take);
        drop(shard);
    }
}

const NO_SHARD: &str = "this thread is a shard";

thread_local! {
    static CURRENT: RefCell<Option<Rc<Shard>>> = const { RefCell::new(None) };
}
