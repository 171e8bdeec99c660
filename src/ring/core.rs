//! The heart of a ring: submission, reaping, and the slots that completions move data into.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsRawFd, IntoRawFd, OwnedFd, RawFd};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};
use std::task::Waker;
use std::time::{Duration, Instant};

use io_uring::{EnterFlags, IoUring, cqueue, opcode, squeue, types};
use slab::Slab;

use super::buffers::Pool;
use super::counters::Counters;
use super::deadline::{Deadlines, Entry, Target, whole_ms};
use super::handle::RingOptions;
use super::listener::ListenerSlot;
use super::slot::{Held, Receive, Slot};
use super::token::{Key, Kind, next_generation, pack, unpack};
use super::wake::Inbox;

/// Everything of a ring behind one `RefCell`. Methods of the same name as a completion kind are in
/// the file of that kind: `receive.rs`, `send.rs`, `listener.rs`, `connect.rs`.
pub(super) struct Core {
    uring: IoUring,
    pub(super) pool: Rc<Pool>,
    pub(super) streams: Slab<Slot>,
    pub(super) listeners: Slab<ListenerSlot>,
    pub(super) starved: VecDeque<Key>,
    pub(super) deadlines: Deadlines,
    pub(super) counters: Counters,
    pub(super) spare: Vec<Vec<u8>>,
    pub(super) now: Instant,
    inbox: Arc<Inbox>,
    generation: u32,
    reaped: Vec<cqueue::Entry>,
    completions_per_turn_max: usize,
    /// Operations whose last completion has not come.
    in_flight: usize,
    /// When the armed timeout of the ring ends.
    timeout_at: Option<Instant>,
    timeout_span: Box<types::Timespec>,
    /// The driver, while it sleeps.
    pub(super) sleeper: Option<Waker>,
    /// Entries that found the submission queue full.
    waiting: VecDeque<squeue::Entry>,
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
        uring
            .submitter()
            .register_eventfd(inbox.bell().as_raw_fd())?;
        uring.completion().disable_eventfd();
        let now = Instant::now();
        let core = Core {
            uring,
            pool,
            streams: Slab::new(),
            listeners: Slab::new(),
            starved: VecDeque::new(),
            deadlines: Deadlines::new(now),
            counters: Counters::default(),
            spare: Vec::new(),
            now,
            inbox,
            generation: 1,
            reaped: Vec::with_capacity(options.completions_per_turn_max),
            completions_per_turn_max: options.completions_per_turn_max,
            in_flight: 0,
            timeout_at: None,
            timeout_span: Box::new(types::Timespec::new()),
            sleeper: None,
            waiting: VecDeque::new(),
        };
        Ok(core)
    }

    /// Queues an operation for the next turn.
    pub(super) fn push(&mut self, entry: squeue::Entry) {
        self.stir();
        self.in_flight += 1;
        self.counters.submissions += 1;
        if !self.waiting.is_empty() || !self.try_push(&entry) {
            self.waiting.push_back(entry);
        }
    }

    /// Wakes the driver if it sleeps: a task of this shard has something for the next turn.
    pub(super) fn stir(&mut self) {
        if let Some(driver) = self.sleeper.take() {
            driver.wake();
        }
    }

    fn try_push(&mut self, entry: &squeue::Entry) -> bool {
        // SAFETY: every entry comes from a method of `Core` that keeps what it points to in a
        // slot, or in `Core` itself, until the entry's last completion has come.
        unsafe { self.uring.submission().push(entry) }.is_ok()
    }

    /// Moves entries that found the queue full into it, in their order.
    fn push_waiting(&mut self) {
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

    fn look_at_clock(&mut self) {
        self.now = Instant::now();
        self.deadlines.set_now(self.now);
    }

    /// One system call that submits and lets deferred completions come in; none where there is
    /// neither anything to submit nor any work that waits for us.
    fn enter(&mut self) -> io::Result<()> {
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
            // EBUSY and EAGAIN: completions are to be reaped, or memory is short; a signal came.
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
            Kind::Timeout => self.timeout_at = None,
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
        let receiving = slot.receive == Receive::Armed;
        let (sending, connecting) = (slot.sending.is_some(), slot.connecting.is_some());
        if slot.receive == Receive::Starved {
            slot.receive = Receive::Idle;
        }
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
        let fd = slot.fd.into_raw_fd();
        self.close(fd);
    }

    fn close(&mut self, fd: RawFd) {
        let entry = opcode::Close::new(types::Fd(fd)).build();
        self.push(entry.user_data(pack(Kind::Silent, Key::NONE)));
    }

    /// Moves the deadline of a slot; `None` takes it away.
    pub(super) fn set_deadline(&mut self, key: Key, span: Option<Duration>) {
        let span_ms = span.map_or(0, whole_ms);
        let tick = span.map(|_| self.deadlines.tick_after(span_ms));
        let slot = &mut self.streams[key.index as usize];
        slot.deadline.passed = false;
        slot.deadline.tick = tick;
        slot.deadline.span_ms = span_ms;
        if let Some(tick) = tick
            && slot.deadline.wheel_tick.is_none_or(|set| tick < set)
        {
            slot.deadline.wheel_tick = Some(tick);
            self.deadlines.insert(Target::Stream(key), tick);
            self.stir();
        }
    }

    /// Wakes every reader once with an error of kind `Interrupted`.
    pub(super) fn interrupt_streams(&mut self) {
        for (_, slot) in &mut self.streams {
            slot.interrupted = true;
            slot.wake_reader();
        }
    }

    /// A send made progress: whoever waits for it gets the whole span again.
    pub(super) fn extend_deadline(&mut self, key: Key) {
        let deadline = self.streams[key.index as usize].deadline;
        if deadline.tick.is_some() && !deadline.passed {
            let span = Duration::from_millis(u64::from(deadline.span_ms));
            self.set_deadline(key, Some(span));
        }
    }

    fn sweep(&mut self) {
        let due = self.deadlines.sweep();
        for entry in &due {
            match entry.target {
                Target::Stream(key) => self.deadline_came_up(key, *entry),
                Target::Listener(key) => self.resume_accepting(key),
                Target::Timer(_) => unreachable!("timers are rung by the sweep"),
            }
        }
        self.deadlines.recycle(due);
    }

    fn deadline_came_up(&mut self, key: Key, entry: Entry) {
        let Some(slot) = self.live(key) else { return };
        if slot.deadline.wheel_tick != Some(entry.tick) {
            return; // an earlier entry took its place
        }
        slot.deadline.wheel_tick = None;
        match slot.deadline.tick {
            Some(tick) if tick > entry.tick => {
                slot.deadline.wheel_tick = Some(tick);
                self.deadlines.insert(Target::Stream(key), tick);
            }
            Some(_) => {
                slot.deadline.tick = None;
                slot.deadline.passed = true;
                slot.wake_reader();
                slot.wake_writer();
            }
            None => {}
        }
    }

    /// Arms the next deadline, submits what is queued and lets completions ring the bell of the
    /// inbox. Says whether there is nothing to do until it rings.
    pub(super) fn prepare_sleep(&mut self) -> io::Result<Rest> {
        self.look_at_clock();
        if let Some(span) = self.deadlines.next_due() {
            let at = self.now + span;
            if self.timeout_at.is_none_or(|armed| at < armed) {
                self.arm_timeout(span);
                self.timeout_at = Some(at);
            }
        }
        self.enter()?;
        let (_, submission, completion) = self.uring.split();
        completion.enable_eventfd();
        // The kernel marks work before it looks whether it should ring; we say that it should
        // before we look for a mark.
        fence(Ordering::SeqCst);
        let at_rest = completion.is_empty()
            && submission.is_empty()
            && !submission.taskrun()
            && self.waiting.is_empty()
            && self.starved.is_empty();
        Ok(if at_rest { Rest::Quiet } else { Rest::Busy })
    }

    /// Ends a sleep: a ring that turns looks for completions itself.
    pub(super) fn end_sleep(&mut self) {
        self.sleeper = None;
        self.uring.completion().disable_eventfd();
        self.inbox.silence();
    }

    fn arm_timeout(&mut self, span: Duration) {
        // The kernel copies the span when the entry is submitted; until then it lies here.
        *self.timeout_span = types::Timespec::from(span);
        let entry = opcode::Timeout::new(&raw const *self.timeout_span).build();
        self.push(entry.user_data(pack(Kind::Timeout, Key::NONE)));
    }

    /// Cancels all that is in flight and waits until the kernel names none of our memory.
    pub(super) fn quiesce(&mut self) -> io::Result<()> {
        self.listeners.clear();
        let patience = Instant::now() + QUIESCE_PATIENCE;
        while self.in_flight > 0 {
            let everything = types::CancelBuilder::any();
            match self
                .uring
                .submitter()
                .register_sync_cancel(None, everything)
            {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
            self.turn()?;
            if Instant::now() > patience {
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
        Ok(())
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        let quiet = self.quiesce();
        let unlisted = self.pool.unregister(&self.uring.submitter());
        if quiet.is_err() || unlisted.is_err() {
            // The kernel may still write to the buffers, or read what a slot sends: leaked memory
            // is the lesser harm.
            std::mem::forget(self.pool.clone());
            std::mem::forget(std::mem::take(&mut self.streams));
        }
    }
}

/// Whether a ring may sleep.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Rest {
    Quiet,
    Busy,
}

fn is_passing(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EINTR | libc::EBUSY | libc::EAGAIN)
    )
}

/// How long a ring that goes waits for the kernel before it leaks its memory instead.
const QUIESCE_PATIENCE: Duration = Duration::from_secs(2);
