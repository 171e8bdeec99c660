//! Listeners: a multishot accept whose connections arrive as streams.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use io_uring::{cqueue, opcode, types};
use socket2::SockRef;

use super::core::Core;
use super::deadline::Target;
use super::stream::TcpStream;
use super::token::{Key, Kind, pack};

/// A listening socket of this shard.
pub struct Listener {
    core: Rc<RefCell<Core>>,
    key: Key,
}

impl Listener {
    pub(super) fn new(core: Rc<RefCell<Core>>, socket: OwnedFd) -> Listener {
        let key = core.borrow_mut().listen(socket);
        Listener { core, key }
    }

    /// The next connection; `None` after [`Listener::finish`], once those that the kernel had
    /// completed by then were handed out.
    pub async fn accept(&self) -> Option<TcpStream> {
        let fd = poll_fn(|context| self.core.borrow_mut().poll_accept(self.key, context)).await?;
        Some(TcpStream::new(self.core.clone(), fd))
    }

    /// Stops listening. Connections in the backlog are still accepted.
    pub fn finish(&self) {
        self.core.borrow_mut().finish_accepting(self.key);
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let waker = self.core.borrow_mut().drop_listener(self.key);
        drop(waker);
    }
}

/// What the ring keeps for a listener.
pub(super) struct ListenerSlot {
    fd: OwnedFd,
    generation: u32,
    state: Accepting,
    accepted: VecDeque<OwnedFd>,
    waker: Option<Waker>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Accepting {
    Armed,
    /// Out of descriptors or memory: waits a moment.
    Pausing,
    /// Told to finish; the accept is being cancelled.
    Finishing,
    Finished,
    /// The listener was dropped; the accept is being cancelled.
    TearingDown,
}

impl Core {
    fn listen(&mut self, fd: OwnedFd) -> Key {
        let generation = self.next_generation();
        let slot = ListenerSlot {
            fd,
            generation,
            state: Accepting::Armed,
            accepted: VecDeque::new(),
            waker: None,
        };
        let index = self.listeners.insert(slot) as u32;
        let key = Key { index, generation };
        self.arm_accept(key);
        key
    }

    fn arm_accept(&mut self, key: Key) {
        let slot = &mut self.listeners[key.index as usize];
        if self.closing {
            slot.state = Accepting::Finished;
            return;
        }
        slot.state = Accepting::Armed;
        let target = types::Fd(slot.fd.as_raw_fd());
        let entry = opcode::AcceptMulti::new(target)
            .flags(libc::SOCK_CLOEXEC)
            .build();
        self.push(entry.user_data(pack(Kind::Accept, key)));
    }

    fn live_listener(&mut self, key: Key) -> Option<&mut ListenerSlot> {
        let slot = self.listeners.get_mut(key.index as usize)?;
        (slot.generation == key.generation).then_some(slot)
    }

    /// Handles a completion of a multishot accept.
    pub(super) fn accepted(&mut self, key: Key, result: i32, flags: u32) {
        // SAFETY: a result of zero or more is a descriptor that the kernel made for us alone.
        let fd = (result >= 0).then(|| unsafe { OwnedFd::from_raw_fd(result) });
        self.counters.accepted += u64::from(fd.is_some());
        let Some(slot) = self.live_listener(key) else {
            unreachable!("a listener's slot lives until its accept has ended");
        };
        if slot.state == Accepting::TearingDown {
            drop(fd); // nobody is left to take it
        } else {
            slot.accepted.extend(fd);
            slot.wake();
        }
        if !cqueue::more(flags) {
            self.accept_ended(key, result);
        }
    }

    fn accept_ended(&mut self, key: Key, result: i32) {
        let slot = &mut self.listeners[key.index as usize];
        match slot.state {
            Accepting::TearingDown => drop(self.listeners.remove(key.index as usize)),
            Accepting::Finishing if self.closing => slot.state = Accepting::Finished,
            Accepting::Finishing => slot.finish(),
            Accepting::Armed if result >= 0 || is_of_one_connection(-result) => {
                self.arm_accept(key);
            }
            Accepting::Armed => {
                slot.state = Accepting::Pausing;
                self.counters.accept_failures += 1;
                let tick = self.deadlines.tick_after(PAUSE);
                self.deadlines.insert(Target::Listener(key), tick);
            }
            Accepting::Pausing | Accepting::Finished => {
                unreachable!("an accept ended that was not armed")
            }
        }
    }

    /// The pause of a listener is over.
    pub(super) fn resume_accepting(&mut self, key: Key) {
        if self
            .live_listener(key)
            .is_some_and(|slot| slot.state == Accepting::Pausing)
        {
            self.arm_accept(key);
        }
    }

    /// The ring ends: listeners that are still held accept nothing more.
    pub(super) fn close_listeners(&mut self) {
        for (_, slot) in &mut self.listeners {
            slot.accepted.clear();
            slot.state = match slot.state {
                Accepting::Armed | Accepting::Finishing => Accepting::Finishing,
                Accepting::Pausing | Accepting::Finished => Accepting::Finished,
                Accepting::TearingDown => Accepting::TearingDown,
            };
            slot.wake();
        }
    }

    fn poll_accept(&mut self, key: Key, context: &Context<'_>) -> Poll<Option<OwnedFd>> {
        let slot = &mut self.listeners[key.index as usize];
        if let Some(fd) = slot.accepted.pop_front() {
            return Poll::Ready(Some(fd));
        }
        if slot.state == Accepting::Finished {
            return Poll::Ready(None);
        }
        slot.waker = Some(context.waker().clone());
        Poll::Pending
    }

    fn finish_accepting(&mut self, key: Key) {
        let slot = &mut self.listeners[key.index as usize];
        match slot.state {
            Accepting::Armed => {
                slot.state = Accepting::Finishing;
                self.cancel(Kind::Accept, key);
            }
            Accepting::Pausing => slot.finish(),
            Accepting::Finishing | Accepting::Finished | Accepting::TearingDown => {}
        }
    }

    /// The listener was dropped: its slot, and with it the descriptor, goes when the accept has
    /// ended. Returns the waker, which may run foreign code when it is dropped.
    fn drop_listener(&mut self, key: Key) -> Option<Waker> {
        let slot = &mut self.listeners[key.index as usize];
        slot.accepted.clear();
        let waker = slot.waker.take();
        match slot.state {
            Accepting::Armed => {
                slot.state = Accepting::TearingDown;
                self.cancel(Kind::Accept, key);
            }
            Accepting::Finishing => slot.state = Accepting::TearingDown,
            Accepting::Pausing | Accepting::Finished => {
                drop(self.listeners.remove(key.index as usize));
            }
            Accepting::TearingDown => unreachable!("a listener is dropped once"),
        }
        waker
    }
}

impl ListenerSlot {
    /// Takes what the kernel has completed and closes the door behind it.
    fn finish(&mut self) {
        self.state = Accepting::Finished;
        let socket = SockRef::from(&self.fd);
        if socket.set_nonblocking(true).is_ok() {
            loop {
                match socket.accept() {
                    Ok((connection, _)) => self.accepted.push_back(connection.into()),
                    Err(error) if is_of_one_connection(error.raw_os_error().unwrap_or(0)) => {}
                    Err(_) => break, // the backlog is empty, or descriptors ran out
                }
            }
        }
        // A listening socket that is shut down refuses connections from here on, although its
        // descriptor lives until the listener is dropped.
        let _refused_already: io::Result<()> = socket.shutdown(std::net::Shutdown::Both);
        self.wake();
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// Whether an accept failed because of the connection that it would have brought, or of a signal.
/// Anything else may fail again at once.
fn is_of_one_connection(errno: i32) -> bool {
    matches!(errno, libc::ECONNABORTED | libc::EPROTO | libc::EINTR)
}

/// How long accepting rests when it failed: descriptors that ran out do not come back at once.
const PAUSE: Duration = Duration::from_millis(100);
