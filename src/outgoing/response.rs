//! A response, its body as it comes.

use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body as _, Incoming};
use hyper::header::{HeaderMap, HeaderName};

use super::client::Place;
use super::connection::{Connection, fault_of};
use super::dial::within;
use super::fault::{Awaited, OutgoingFault};
use super::pool::{Key, Pool};
use crate::limits::OUTGOING_AHEAD_BYTES;

/// What another server answered.
pub struct Response {
    /// Its status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Body,
}

/// The body of a response. Dropping it before its end ends the connection.
pub struct Body {
    incoming: Incoming,
    patience: Duration,
    /// Where the connection goes once the body was read.
    seat: Option<Seat>,
}

pub(super) struct Seat {
    pub(super) connection: Connection,
    pub(super) key: Key,
    pub(super) pool: Rc<Pool>,
    pub(super) place: Place,
}

impl Response {
    pub(super) fn new(
        response: hyper::Response<Incoming>,
        patience: Duration,
        seat: Seat,
    ) -> Response {
        let (parts, incoming) = response.into_parts();
        let mut body = Body {
            incoming,
            patience,
            seat: Some(seat),
        };
        if body.incoming.is_end_stream() {
            body.give_back();
        }
        Response {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body,
        }
    }

    /// A header's value, if it has one that is text.
    pub fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl Body {
    /// The next piece; `None` at the end of a body that is whole.
    pub async fn next(&mut self) -> Result<Option<Bytes>, OutgoingFault> {
        loop {
            let incoming = &mut self.incoming;
            let frame = poll_fn(|context| Pin::new(&mut *incoming).poll_frame(context));
            match within(self.patience, Awaited::Body, frame).await? {
                Some(Ok(frame)) => {
                    // Trailers say nothing that we want.
                    if let Ok(piece) = frame.into_data()
                        && !piece.is_empty()
                    {
                        // Who knows the length does not ask for the end.
                        if self.incoming.is_end_stream() {
                            self.give_back();
                        }
                        return Ok(Some(piece));
                    }
                }
                Some(Err(error)) => {
                    self.seat = None;
                    return Err(fault_of(&error));
                }
                None => {
                    self.give_back();
                    return Ok(None);
                }
            }
        }
    }

    /// The whole body; [`OutgoingFault::TooLong`] where it has more bytes than that. Memory is
    /// asked for as bytes come, never by what the head announces, and [`OutgoingFault::Busy`]
    /// where there is no room for so many more.
    pub async fn collect(
        mut self,
        bytes_max: usize,
        mut room: impl AsyncFnMut(usize) -> bool,
    ) -> Result<Vec<u8>, OutgoingFault> {
        if self.bytes().is_some_and(|bytes| bytes > bytes_max as u64) {
            return Err(OutgoingFault::TooLong);
        }
        let mut whole = Vec::new();
        let mut taken = 0;
        while let Some(piece) = self.next().await? {
            let bytes = whole.len() + piece.len();
            if bytes > bytes_max {
                return Err(OutgoingFault::TooLong);
            }
            if bytes > taken {
                let more = more_room(taken, bytes);
                if !room(more).await {
                    return Err(OutgoingFault::Busy);
                }
                taken += more;
                whole.reserve_exact(taken - whole.len());
            }
            whole.extend_from_slice(&piece);
        }
        Ok(whole)
    }

    /// How many bytes are to come, where the head said so.
    pub fn bytes(&self) -> Option<u64> {
        self.incoming.size_hint().exact()
    }

    fn give_back(&mut self) {
        if let Some(seat) = self.seat.take() {
            seat.pool.keep(&seat.key, seat.connection);
            drop(seat.place);
        }
    }
}

/// How much more room is made for so many bytes: as much as there is, but no more than a little
/// ahead of what came.
fn more_room(taken: usize, bytes: usize) -> usize {
    let ahead = taken.clamp(FIRST_BYTES, OUTGOING_AHEAD_BYTES);
    (bytes - taken).max(ahead)
}

const FIRST_BYTES: usize = 16 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_made_a_little_ahead_of_what_came() {
        assert_eq!(more_room(0, 10), FIRST_BYTES);
        assert_eq!(more_room(FIRST_BYTES, FIRST_BYTES + 1), FIRST_BYTES);
        assert_eq!(more_room(60 << 20, (60 << 20) + 1), OUTGOING_AHEAD_BYTES);
        assert_eq!(more_room(0, 3 << 20), 3 << 20);
    }
}
