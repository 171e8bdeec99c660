//! The futures-io traits of a stream, for TLS and HTTP/2 libraries.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::{AsyncRead, AsyncWrite};

use super::buffers::Received;
use super::send::Outgoing;
use super::stream::TcpStream;

impl AsyncRead for TcpStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if into.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let (received, start) = match self.leftover.take() {
            Some(leftover) => leftover,
            None => match ready!(poll_uninterrupted(&self, context))? {
                Some(received) => (received, 0),
                None => return Poll::Ready(Ok(0)),
            },
        };
        let count = into.len().min(received.len() - start);
        into[..count].copy_from_slice(&received[start..start + count]);
        if start + count < received.len() {
            self.leftover = Some((received, start + count));
        }
        Poll::Ready(Ok(count))
    }
}

impl AsyncWrite for TcpStream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_sent(context))?;
        let count = bytes.len().min(WRITE_BYTES_MAX);
        let mut buffer = self.spare_buffer();
        buffer.extend_from_slice(&bytes[..count]);
        let started = self.start_send(Outgoing::Owned(buffer));
        assert!(started.is_ok(), "nothing was in flight");
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_sent(context)
    }

    fn poll_close(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_sent(context))?;
        Poll::Ready(self.shutdown())
    }
}

/// The trait allows no error of kind `Interrupted`: a library that reads through it would take it
/// for the end of the connection.
fn poll_uninterrupted(
    stream: &TcpStream,
    context: &Context<'_>,
) -> Poll<io::Result<Option<Received>>> {
    loop {
        match ready!(stream.poll_receive(context)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            outcome => return Poll::Ready(outcome),
        }
    }
}

/// What one write copies at the most.
const WRITE_BYTES_MAX: usize = 64 << 10;
