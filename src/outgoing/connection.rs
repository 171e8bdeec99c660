//! A connection that requests are sent over: hyper's client on a stream, driven by a task of its
//! own, which ends with the connection or when nobody wants it any more.

use std::cell::Cell;
use std::rc::Rc;

use bytes::Bytes;
use futures_lite::FutureExt;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::{Builder, SendRequest};

use crate::limits::{OUTGOING_HEAD_BYTES_MAX, OUTGOING_HEADERS_MAX};
use crate::shard::{self, Flag};

use super::fault::OutgoingFault;
use super::wire::{Stream, Wire};

/// A connection for one request at a time. Dropping it ends it.
pub(super) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    /// Bytes that came over it.
    received: Rc<Cell<u64>>,
    unwanted: Unwanted,
}

/// Ends a connection's task when it is dropped.
struct Unwanted(Rc<Flag>);

impl Drop for Unwanted {
    fn drop(&mut self) {
        self.0.raise();
    }
}

/// Why a request over a connection has no response.
pub(super) struct SendFault {
    pub(super) fault: OutgoingFault,
    /// Whether the peer said anything at all in return.
    pub(super) answered: bool,
}

impl Connection {
    pub(super) async fn begin(stream: Stream) -> Result<Connection, OutgoingFault> {
        let received = Rc::new(Cell::new(0));
        let wire = Wire::new(stream, received.clone());
        let (sender, connection) = Builder::new()
            .max_buf_size(OUTGOING_HEAD_BYTES_MAX)
            .max_headers(OUTGOING_HEADERS_MAX)
            .handshake(wire)
            .await
            .map_err(|error| fault_of(&error))?;
        let unwanted = Rc::new(Flag::default());
        let ends = unwanted.clone();
        shard::spawn(async move {
            // A request that is under way is told of a failure, and nobody else wants to know.
            let served = async { drop(connection.await) };
            served.or(ends.raised()).await;
        });
        Ok(Connection {
            sender,
            received,
            unwanted: Unwanted(unwanted),
        })
    }

    /// Whether the peer has ended it.
    pub(super) fn is_closed(&self) -> bool {
        self.sender.is_closed() || self.unwanted.0.is_raised()
    }

    pub(super) async fn send(
        &mut self,
        request: hyper::Request<Full<Bytes>>,
    ) -> Result<hyper::Response<Incoming>, SendFault> {
        let before = self.received.get();
        let response = async {
            self.sender.ready().await?;
            self.sender.send_request(request).await
        };
        response.await.map_err(|error| SendFault {
            fault: fault_of(&error),
            answered: self.received.get() != before,
        })
    }
}

/// What a failure of hyper's means.
pub(super) fn fault_of(error: &hyper::Error) -> OutgoingFault {
    // Whether a head was too long hyper tells servers alone by a method.
    if error.is_parse() && error.to_string().contains("too large") {
        OutgoingFault::TooLong
    } else if error.is_parse() || error.is_user() {
        OutgoingFault::Protocol(error.to_string())
    } else {
        // What is left is the end of the connection, in one form or other.
        OutgoingFault::Reset
    }
}
