//! A connection as hyper reads and writes it: its I/O traits over the streams of the ring.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use futures_io::{AsyncRead, AsyncWrite};
use hyper::rt::{Read, ReadBufCursor, Write};

use crate::limits::OUTGOING_READ_BYTES;
use crate::ring::TcpStream;
use crate::tls::TlsStream;

/// A stream that is connected.
pub(super) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream>),
}

/// A stream, and how much has come over it.
pub(super) struct Wire {
    stream: Stream,
    /// hyper's memory may be uninitialised, which the traits of the streams do not know of.
    buffer: Box<[u8]>,
    received: Rc<Cell<u64>>,
}

impl Wire {
    pub(super) fn new(stream: Stream, received: Rc<Cell<u64>>) -> Wire {
        Wire {
            stream,
            buffer: vec![0; OUTGOING_READ_BYTES].into(),
            received,
        }
    }

    fn writer(&mut self) -> Pin<&mut (dyn AsyncWrite + Unpin)> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream),
            Stream::Tls(stream) => Pin::new(&mut **stream),
        }
    }
}

impl Read for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut into: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let Wire {
            stream,
            buffer,
            received,
        } = &mut *self;
        let room = into.remaining().min(buffer.len());
        let buffer = &mut buffer[..room];
        let count = ready!(match stream {
            Stream::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Stream::Tls(stream) => Pin::new(&mut **stream).poll_read(context, buffer),
        })?;
        received.set(received.get() + count as u64);
        into.put_slice(&buffer[..count]);
        Poll::Ready(Ok(()))
    }
}

impl Write for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.writer().poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writer().poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writer().poll_close(context)
    }
}
