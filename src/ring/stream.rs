//! A connection as everything above the ring sees it.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::buffers::Received;
use super::core::Core;
use super::send::Outgoing;
use super::socket::{peer_address, shutdown_sending};
use super::token::Key;

/// A TCP connection of this shard.
///
/// One task reads; one send is in flight at a time. Dropping it at any moment is safe: operations
/// in flight are cancelled, and their memory stays until the kernel lets go of it.
pub struct TcpStream {
    core: Rc<RefCell<Core>>,
    key: Key,
    /// What [`futures_io::AsyncRead`] has not handed out yet.
    pub(super) leftover: Option<(Received, usize)>,
}

/// A send was refused because one is in flight; the bytes come back.
pub struct Busy(pub Outgoing);

impl TcpStream {
    pub(super) fn new(core: Rc<RefCell<Core>>, fd: OwnedFd) -> TcpStream {
        let stream = TcpStream::unconnected(core, fd);
        stream.start_receiving();
        stream
    }

    pub(super) fn unconnected(core: Rc<RefCell<Core>>, fd: OwnedFd) -> TcpStream {
        let key = core.borrow_mut().insert(fd);
        TcpStream {
            core,
            key,
            leftover: None,
        }
    }

    pub(super) fn start_receiving(&self) {
        self.core.borrow_mut().arm_if_roomy(self.key);
    }

    pub(super) fn key(&self) -> Key {
        self.key
    }

    /// The next bytes from the peer; `None` after its half close. `TimedOut` once the deadline
    /// has passed and nothing is queued; `Interrupted` once after `Ring::interrupt_streams`.
    pub async fn receive(&self) -> io::Result<Option<Received>> {
        poll_fn(|context| self.poll_receive(context)).await
    }

    /// As [`TcpStream::receive`], for hand-written futures.
    pub fn poll_receive(&self, context: &Context<'_>) -> Poll<io::Result<Option<Received>>> {
        self.core.borrow_mut().poll_receive(self.key, context)
    }

    /// Waits until nothing is in flight. An error of an earlier send is reported here.
    pub async fn sent(&self) -> io::Result<()> {
        poll_fn(|context| self.poll_sent(context)).await
    }

    /// As [`TcpStream::sent`], for hand-written futures.
    pub fn poll_sent(&self, context: &Context<'_>) -> Poll<io::Result<()>> {
        self.core.borrow_mut().poll_sent(self.key, context)
    }

    /// Whether a send is in flight.
    pub fn is_sending(&self) -> bool {
        self.core.borrow().streams[self.key.index as usize]
            .sending
            .is_some()
    }

    /// Starts a send and returns at once: it leaves with everything else of this turn. Its
    /// failure is reported by the next [`TcpStream::sent`] or [`TcpStream::receive`].
    pub fn start_send(&self, outgoing: Outgoing) -> Result<(), Busy> {
        self.core
            .borrow_mut()
            .start_send(self.key, outgoing)
            .map_err(Busy)
    }

    /// Sends and waits until the kernel has taken everything.
    pub async fn send(&self, outgoing: Outgoing) -> io::Result<()> {
        self.enqueue(outgoing).await?;
        self.sent().await
    }

    /// Waits for the send in flight, then starts this one.
    pub async fn enqueue(&self, outgoing: Outgoing) -> io::Result<()> {
        self.sent().await?;
        let started = self.start_send(outgoing);
        assert!(started.is_ok(), "two tasks send on one stream");
        Ok(())
    }

    /// Moves the one deadline of this connection; `None` takes it away. A send that progresses
    /// gets the whole span again.
    pub fn set_deadline(&self, span: Option<Duration>) {
        self.core.borrow_mut().set_deadline(self.key, span);
    }

    /// Ends our half: the peer reads what was sent, then an end.
    pub fn shutdown(&self) -> io::Result<()> {
        shutdown_sending(&self.core.borrow().streams[self.key.index as usize].fd)
    }

    /// The peer's address; a system call, so only where it is needed.
    pub fn peer(&self) -> io::Result<SocketAddr> {
        peer_address(&self.core.borrow().streams[self.key.index as usize].fd)
    }

    /// A second descriptor of the socket.
    #[cfg(test)]
    pub(super) fn socket_for_tests(&self) -> OwnedFd {
        let core = self.core.borrow();
        core.streams[self.key.index as usize]
            .fd
            .try_clone()
            .unwrap()
    }

    /// An empty buffer to write the next send into, its memory reused.
    pub fn spare_buffer(&self) -> Vec<u8> {
        self.core.borrow_mut().spare.pop().unwrap_or_default()
    }
}

impl Drop for TcpStream {
    fn drop(&mut self) {
        self.leftover = None;
        self.core.borrow_mut().tear_down(self.key);
    }
}
