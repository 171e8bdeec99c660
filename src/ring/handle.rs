//! The ring as its shard drives it.

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::connect::connect;
use super::core::Core;
use super::counters::Counters;
use super::deadline::Sleep;
use super::listener::Listener;
use super::rest::{Rest, Waited};
use super::stream::TcpStream;
use super::wake::Inbox;

/// The io_uring of one shard; clones are handles to the same ring.
#[derive(Clone)]
pub struct Ring {
    core: Rc<RefCell<Core>>,
}

/// How large a ring is.
#[derive(Clone, Copy, Debug)]
pub struct RingOptions {
    /// Entries of the submission queue; the completion queue has four times as many.
    pub entries: u32,
    /// Receive buffers of 4 KiB; a power of two.
    pub buffers: u16,
    /// Completions handled before the tasks that they woke get to run.
    pub completions_per_turn_max: usize,
}

/// What a turn found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Turn {
    /// Completions were handled.
    Worked,
    /// Nothing had completed.
    Idle,
}

/// What a ring holds at a moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Holdings {
    /// Connections, those that are torn down included.
    pub streams: usize,
    /// Buffers that the kernel can use.
    pub buffers_listed: u16,
    /// Buffers in all.
    pub buffers: u16,
    /// Sleeps that have not been dropped.
    pub timers: usize,
    /// Operations whose last completion has not come; one listens for the bell at all times.
    pub operations: usize,
}

impl Ring {
    /// Makes a ring for the thread that calls; it must be turned by that thread only.
    pub fn new(options: &RingOptions, inbox: Arc<Inbox>) -> io::Result<Ring> {
        Ok(Ring {
            core: Rc::new(RefCell::new(Core::new(options, inbox)?)),
        })
    }

    /// Submits what is queued, moves what has completed and wakes the tasks that waited for it.
    pub fn turn(&self) -> io::Result<Turn> {
        let count = self.core.borrow_mut().turn()?;
        Ok(if count > 0 { Turn::Worked } else { Turn::Idle })
    }

    /// Submits what is queued and blocks the thread until the ring wants a turn or `limit` has
    /// passed; to be called when no task of this thread is ready.
    pub fn wait(&self, limit: Duration) -> io::Result<Waited> {
        self.core.borrow_mut().wait(limit)
    }

    /// Submits what is queued and says whether the caller may wait until the inbox's alarm is
    /// readable; if not, there is something to do at once. [`Ring::end_sleep`] follows in any case.
    pub fn begin_sleep(&self) -> io::Result<Rest> {
        self.core.borrow_mut().begin_sleep()
    }

    /// Says that the ring turns again.
    pub fn end_sleep(&self) {
        self.core.borrow_mut().end_sleep();
    }

    /// Ends every operation and refuses new ones, whoever still holds a stream or a listener.
    /// Once this has succeeded the kernel names none of the ring's memory.
    pub fn close(&self) -> io::Result<()> {
        self.core.borrow_mut().close()
    }

    /// Listens on a socket of [`super::bind_shared`].
    pub fn listen(&self, socket: OwnedFd) -> Listener {
        Listener::new(self.core.clone(), socket)
    }

    /// Connects to an address within a time.
    pub async fn connect(&self, address: SocketAddr, patience: Duration) -> io::Result<TcpStream> {
        connect(self.core.clone(), address, patience).await
    }

    /// Ends after a duration, at the next tick of 10 ms.
    pub fn sleep(&self, duration: Duration) -> Sleep {
        Sleep::new(self.core.clone(), duration)
    }

    /// Ends every wait for bytes, once, with an error of kind `Interrupted`, so that each
    /// connection's task looks whether the server drains.
    pub fn interrupt_streams(&self) {
        self.core.borrow_mut().interrupt_streams();
    }

    /// The time of the last turn.
    pub fn now(&self) -> Instant {
        self.core.borrow().now
    }

    /// Totals since the ring was made.
    pub fn counters(&self) -> Counters {
        self.core.borrow().counters
    }

    /// What the ring holds.
    pub fn holdings(&self) -> Holdings {
        let core = self.core.borrow();
        Holdings {
            streams: core.streams.len(),
            buffers_listed: core.pool.listed(),
            buffers: core.pool.count(),
            timers: core.deadlines.timers(),
            operations: core.in_flight,
        }
    }

    /// Connections, those that are torn down included.
    pub fn stream_count(&self) -> usize {
        self.core.borrow().streams.len()
    }
}
