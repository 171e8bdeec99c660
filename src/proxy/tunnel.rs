//! A tunnel: bytes both ways between two streams of the ring until both sides have ended, one of
//! them fails, or nothing moves.
//!
//! What has come is gathered into one buffer and sent as one. To send each received buffer from
//! where it lies would spare a copy (0.08 µs for 4 KiB) and cost more, since a send has a price of
//! its own (4 KiB alone 0.7 µs of CPU, among others 0.5); and it would keep buffers that every
//! connection of the shard needs for as long as a slow reader likes.

use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::task::{Context as Wakes, Poll};
use std::time::Duration;

use futures_lite::future::try_zip;

use crate::context::Context;
use crate::limits::{DRAIN_GRACE, TUNNEL_SEND_BYTES_MAX};
use crate::ring::{Outgoing, TcpStream};

/// Runs a tunnel to its end. `early` are bytes of the near side that have come already.
pub(super) async fn run(
    context: &Context,
    (near, far): (TcpStream, TcpStream),
    early: Vec<u8>,
    idle: Duration,
) {
    let tunnel = Tunnel {
        context,
        near,
        far,
        idle: Cell::new(idle),
    };
    tunnel.heed_drain();
    tunnel.note_move();
    let there = tunnel.pump(&tunnel.near, &tunnel.far, early);
    let back = tunnel.pump(&tunnel.far, &tunnel.near, Vec::new());
    // Where one way fails there is nobody to carry the other for. Whoever is left sees an end.
    let _ended_or_failed = try_zip(there, back).await;
}

struct Tunnel<'c> {
    context: &'c Context,
    near: TcpStream,
    far: TcpStream,
    /// For how long nothing may move.
    idle: Cell<Duration>,
}

impl Tunnel<'_> {
    /// Carries one way to its end, which is told to the other side. One send is in flight, and
    /// nothing is taken meanwhile: who sends faster than the other reads is held back.
    async fn pump(&self, from: &TcpStream, to: &TcpStream, early: Vec<u8>) -> io::Result<()> {
        let mut bytes = early;
        loop {
            if !bytes.is_empty() {
                to.enqueue(Outgoing::Owned(bytes)).await?;
            }
            to.sent().await?;
            self.note_move();
            bytes = to.spare_buffer();
            let filled = poll_fn(|wakes| self.poll_fill(from, &mut bytes, wakes)).await;
            if !filled? {
                return to.shutdown();
            }
        }
    }

    /// Takes what has come, up to a bound; `false` at the end.
    fn poll_fill(
        &self,
        from: &TcpStream,
        bytes: &mut Vec<u8>,
        wakes: &Wakes<'_>,
    ) -> Poll<io::Result<bool>> {
        while bytes.len() + RECEIVED_BYTES_MAX <= TUNNEL_SEND_BYTES_MAX {
            match from.poll_receive(wakes) {
                Poll::Ready(Ok(Some(received))) => take(bytes, &received),
                Poll::Ready(Ok(None)) if bytes.is_empty() => return Poll::Ready(Ok(false)),
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {
                    self.heed_drain();
                    self.note_move();
                }
                Poll::Ready(Err(error)) if bytes.is_empty() => return Poll::Ready(Err(error)),
                // What has come goes out first; an end or a failure is met again.
                Poll::Ready(Ok(None) | Err(_)) => break,
                Poll::Pending if bytes.is_empty() => return Poll::Pending,
                Poll::Pending => break,
            }
        }
        Poll::Ready(Ok(true))
    }

    /// Begins the time anew that nothing may move for.
    fn note_move(&self) {
        for stream in [&self.near, &self.far] {
            stream.set_deadline(Some(self.idle.get()));
        }
    }

    /// Once the server drains, a tunnel that is at rest ends soon; one that carries goes on until
    /// the drain is over.
    fn heed_drain(&self) {
        if self.context.draining.is_raised() {
            self.idle.set(self.idle.get().min(DRAIN_GRACE));
        }
    }
}

/// Adds to a buffer, which grows once at the most and to no more than the ring keeps for the next.
fn take(bytes: &mut Vec<u8>, received: &[u8]) {
    let wanted = bytes.len() + received.len();
    if wanted > bytes.capacity() && !bytes.is_empty() {
        let whole = wanted.max(TUNNEL_SEND_BYTES_MAX);
        bytes.reserve_exact(whole - bytes.len());
    }
    bytes.extend_from_slice(received);
}

/// What a buffer of the ring holds.
const RECEIVED_BYTES_MAX: usize = 4 << 10;
