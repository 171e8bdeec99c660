//! The heart of a ring: submission, reaping, and the slots that completions move data into.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{IntoRawFd, OwnedFd};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use io_uring::{EnterFlags, IoUring, cqueue, opcode, squeue, types};
use slab::Slab;

use super::buffers::Pool;
use super::counters::Counters;
use super::deadline::Deadlines;
use super::handle::RingOptions;
use super::listener::ListenerSlot;
use super::rest::connect_alarm;
use super::slot::{Held, Receive, Slot};
use super::token::{Key, Kind, next_generation, pack, unpack};
use super::wake::Inbox;

/// Everything of a ring behind one `RefCell`. Methods of the same name as a completion kind are in
/// the file of that kind: `receive.rs`, `send.rs`, `listener.rs`, `connect.rs`, `rest.rs`.
pub(super) struct Core {
    pub(super) uring: IoUring,
    pub(super) pool: Rc<Pool>,
    pub(super) streams: Slab<Slot>,
    pub(super) listeners: Slab<ListenerSlot>,
    /// Streams in line for a buffer.
    pub(super) starved: VecDeque<Key>,
    pub(super) deadlines: Deadlines,
    pub(super) counters: Counters,
    pub(super) spare: Vec<Vec<u8>>,
    pub(super) now: Instant,
    /// How often the clock was looked at.
    pub(super) looks: u32,
    /// Whether a stream's deadline was set since then.
    pub(super) deadline_was_set: bool,
    pub(super) inbox: Arc<Inbox>,
    /// Whether the ring ends: nothing begins any more.
    pub(super) closing: bool,
    /// Operations whose last completion has not come.
    pub(super) in_flight: usize,
    /// Entries that found the submission queue full.
    pub(super) waiting: VecDeque<squeue::Entry>,
    generation: u32,
    reaped: Vec<cqueue::Entry>,
    completions_per_turn_max: usize,
}

impl Core {
    pub(super) fn new(options: &RingOptions, inbox: Arc<Inbox>) -> io::Result<Core> {
        let mut uring = IoUring::builder()
            .setup_single_issuer()
            .setup_defer_taskrun()
            .setup_taskrun_flag()
            .setup_submit_all()
            .setup_cqsize(options.entries * 4)
            .build(options.entries)?;
        let pool = Pool::new(&uring, options.buffers)?;
        connect_alarm(&mut uring, &inbox)?;
        let now = Instant::now();
        let mut core = Core {
            uring,
            pool,
            streams: Slab::new(),
            listeners: Slab::new(),
            starved: VecDeque::new(),
            deadlines: Deadlines::new(now),
            counters: Counters::default(),
            spare: Vec::new(),
            now,
            looks: 0,
            deadline_was_set: false,
            inbox,
            closing: false,
            in_flight: 0,
            waiting: VecDeque::new(),
            generation: 1,
            reaped: Vec::with_capacity(options.completions_per_turn_max),
            completions_per_turn_max: options.completions_per_turn_max,
        };
        core.listen_for_bell();
        Ok(core)
    }

    /// Queues an operation for the next turn.
    pub(super) fn push(&mut self, entry: squeue::Entry) {
        self.in_flight += 1;
        self.counters.submissions += 1;
        if !self.waiting.is_empty() || !self.try_push(&entry) {
            self.waiting.push_back(entry);
        }
    }

    fn try_push(&mut self, entry: &squeue::Entry) -> bool {
        // SAFETY: every entry comes from a method of `Core` that keeps what it points to in a
        // slot, or in `Core` itself, until the entry's last completion has come.
        unsafe { self.uring.submission().push(entry) }.is_ok()
    }

    /// Moves entries that found the queue full into it, in their order.
    pub(super) fn push_waiting(&mut self) {
        while let Some(entry) = self.waiting.pop_front() {
            if !self.try_push(&entry) {
                return self.waiting.push_front(entry);
            }
        }
    }

    /// Submits what is queued and moves what has completed into its slots; says how many.
    pub(super) fn turn(&mut self) -> io::Result<usize> {
        self.look_at_clock();
        self.counters.turns += 1;
        self.feed_starved();
        self.enter()?;
        let mut reaped = std::mem::take(&mut self.reaped);
        reaped.extend(self.uring.completion().take(self.completions_per_turn_max));
        for entry in &reaped {
            self.complete(entry);
        }
        let count = reaped.len();
        self.counters.completions += count as u64;
        reaped.clear();
        self.reaped = reaped;
        if self.deadlines.is_due() {
            self.sweep();
        }
        Ok(count)
    }

    /// One system call that submits and lets deferred completions come in; none where there is
    /// neither anything to submit nor any work that waits for us.
    pub(super) fn enter(&mut self) -> io::Result<()> {
        self.push_waiting();
        let (submitter, submission, _) = self.uring.split();
        let count = submission.len();
        let overflowed = submission.cq_overflow();
        if count == 0 && !submission.taskrun() && !overflowed {
            return Ok(());
        }
        self.counters.overflows += u64::from(overflowed);
        let flags = EnterFlags::GETEVENTS.bits();
        // SAFETY: no argument is passed, and `count` entries are in the queue.
        match unsafe { submitter.enter::<libc::sigset_t>(count as u32, 0, flags, None) } {
            Ok(_) => Ok(()),
            // The entries stay queued and the next turn submits them.
            Err(error) if is_passing(&error) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn complete(&mut self, entry: &cqueue::Entry) {
        let (result, flags) = (entry.result(), entry.flags());
        if !cqueue::more(flags) {
            self.in_flight -= 1;
        }
        let Some((kind, key)) = unpack(entry.user_data()) else {
            unreachable!("a completion carries user data that we never made");
        };
        match kind {
            Kind::Receive if self.live(key).is_some() => self.received(key, result, flags),
            Kind::Send if self.live(key).is_some() => self.sent(key, result),
            Kind::Connect if self.live(key).is_some() => self.connected(key, result),
            Kind::Receive | Kind::Send | Kind::Connect => self.late(flags),
            Kind::Accept => self.accepted(key, result, flags),
            Kind::Bell => self.rung(flags),
            Kind::Silent => {}
        }
    }

    /// A slot is freed only when nothing names it, so this is a defect: counted and survived.
    fn late(&mut self, flags: u32) {
        debug_assert!(false, "a completion came for a slot that was freed");
        self.counters.late += 1;
        if let Some(id) = cqueue::buffer_select(flags) {
            self.pool.take(id);
            self.pool.give(id);
        }
    }

    pub(super) fn live(&mut self, key: Key) -> Option<&mut Slot> {
        let slot = self.streams.get_mut(key.index as usize)?;
        (slot.generation == key.generation).then_some(slot)
    }

    pub(super) fn next_generation(&mut self) -> u32 {
        self.generation = next_generation(self.generation);
        self.generation
    }

    /// Makes a slot for a socket.
    pub(super) fn insert(&mut self, fd: OwnedFd) -> Key {
        let generation = self.next_generation();
        let index = self.streams.insert(Slot::new(fd, generation)) as u32;
        Key { index, generation }
    }

    /// Asks the kernel to end an operation.
    pub(super) fn cancel(&mut self, kind: Kind, key: Key) {
        let entry = opcode::AsyncCancel::new(pack(kind, key)).build();
        self.push(entry.user_data(pack(Kind::Silent, Key::NONE)));
    }

    /// The stream of a slot was dropped: ends what is in flight; the slot goes when all has ended.
    pub(super) fn tear_down(&mut self, key: Key) {
        let slot = &mut self.streams[key.index as usize];
        slot.held = Held::TearingDown;
        slot.deadline.tick = None;
        self.pool.clear(&mut slot.received);
        if slot.receive == Receive::Starved {
            slot.receive = Receive::Idle;
        }
        let receiving = slot.receive == Receive::Armed;
        let (sending, connecting) = (slot.sending.is_some(), slot.is_connecting());
        if receiving {
            self.cancel(Kind::Receive, key);
        }
        if sending {
            self.cancel(Kind::Send, key);
        }
        if connecting {
            self.cancel(Kind::Connect, key);
        }
        self.release_if_quiet(key);
    }

    /// Frees a slot that is torn down and that no operation names, and closes its socket.
    pub(super) fn release_if_quiet(&mut self, key: Key) {
        let slot = &self.streams[key.index as usize];
        if slot.held == Held::ByStream || slot.in_flight > 0 {
            return;
        }
        let slot = self.streams.remove(key.index as usize);
        if !self.closing {
            self.close_socket(slot.fd);
        }
    }

    /// Closes a socket with the next turn's submission, which saves a system call.
    fn close_socket(&mut self, fd: OwnedFd) {
        let entry = opcode::Close::new(types::Fd(fd.into_raw_fd())).build();
        self.push(entry.user_data(pack(Kind::Silent, Key::NONE)));
    }

    /// Wakes every reader once with an error of kind `Interrupted`.
    pub(super) fn interrupt_streams(&mut self) {
        for (_, slot) in &mut self.streams {
            slot.interrupted = true;
            slot.wake_reader();
        }
    }
}

/// Whether an `enter` that failed is to be tried again: completions are to be reaped first, memory
/// is short, or a signal came.
pub(super) fn is_passing(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EINTR | libc::EBUSY | libc::EAGAIN)
    )
}
