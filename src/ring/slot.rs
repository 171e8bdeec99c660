//! What the ring keeps for one connection. A slot, its descriptor and any memory that the kernel
//! was given live until every operation that names them has completed.

use std::os::fd::{AsRawFd, OwnedFd};
use std::task::{Context, Waker};

use io_uring::types;

use super::buffers::Queue;
use super::connect::Connecting;
use super::send::Sending;

/// One connection.
pub(super) struct Slot {
    pub(super) fd: OwnedFd,
    pub(super) generation: u32,
    /// Operations that name this slot and have not completed.
    pub(super) in_flight: u8,
    /// Whether a [`super::TcpStream`] still holds the slot.
    pub(super) held: Held,
    pub(super) receive: Receive,
    pub(super) received: Queue,
    pub(super) ending: Option<Ending>,
    pub(super) sending: Option<Sending>,
    pub(super) send_failure: Option<i32>,
    pub(super) connecting: Option<Box<Connecting>>,
    pub(super) deadline: Deadline,
    /// Whether the next wait for bytes ends with `Interrupted`.
    pub(super) interrupted: bool,
    reader: Waiter,
    writer: Waiter,
}

/// Who answers for a slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Held {
    /// A stream reads and writes it.
    ByStream,
    /// The stream was dropped; the slot waits for its operations to end.
    TearingDown,
}

/// The state of a slot's receive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Receive {
    /// Not armed; to be armed when the queue has room.
    Idle,
    /// Armed: the kernel delivers as bytes come.
    Armed,
    /// Armed, and told to stop because the queue holds its share.
    Stopping,
    /// In line for a buffer.
    Starved,
}

/// Why no more bytes will come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ending {
    /// The peer closed its half.
    Closed,
    /// The socket failed with this errno.
    Failed(i32),
}

/// The one deadline of a slot.
#[derive(Clone, Copy, Default)]
pub(super) struct Deadline {
    /// The tick at which it is due; `None` while the state needs none.
    pub(super) tick: Option<u64>,
    /// The length it was set with, for sends that progress.
    pub(super) span_ms: u32,
    /// The look at the clock that it was counted from.
    pub(super) look: u32,
    pub(super) passed: bool,
}

/// A task that waits. The waker is kept between waits: a connection's task rarely changes.
#[derive(Default)]
struct Waiter {
    waker: Option<Waker>,
    waiting: bool,
}

impl Slot {
    pub(super) fn new(fd: OwnedFd, generation: u32) -> Slot {
        Slot {
            fd,
            generation,
            in_flight: 0,
            held: Held::ByStream,
            receive: Receive::Idle,
            received: Queue::default(),
            ending: None,
            sending: None,
            send_failure: None,
            connecting: None,
            deadline: Deadline::default(),
            interrupted: false,
            reader: Waiter::default(),
            writer: Waiter::default(),
        }
    }

    pub(super) fn target(&self) -> types::Fd {
        types::Fd(self.fd.as_raw_fd())
    }

    /// Whether a connect is in flight.
    pub(super) fn is_connecting(&self) -> bool {
        self.connecting
            .as_ref()
            .is_some_and(|connecting| connecting.result.is_none())
    }

    pub(super) fn wait_to_read(&mut self, context: &Context<'_>) {
        self.reader.wait(context);
    }

    pub(super) fn wait_to_write(&mut self, context: &Context<'_>) {
        self.writer.wait(context);
    }

    /// Wakes the task that waits for bytes. Executors only queue a task when it is woken, so this
    /// never runs foreign code while the core is borrowed.
    pub(super) fn wake_reader(&mut self) {
        self.reader.wake();
    }

    /// Wakes the task that waits for its send to end.
    pub(super) fn wake_writer(&mut self) {
        self.writer.wake();
    }
}

impl Waiter {
    fn wait(&mut self, context: &Context<'_>) {
        match &self.waker {
            Some(waker) if waker.will_wake(context.waker()) => {}
            Some(_) | None => self.waker = Some(context.waker().clone()),
        }
        self.waiting = true;
    }

    fn wake(&mut self) {
        if std::mem::take(&mut self.waiting)
            && let Some(waker) = &self.waker
        {
            waker.wake_by_ref();
        }
    }
}
