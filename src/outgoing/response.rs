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

    /// The whole body; [`OutgoingFault::TooLong`] where it has more bytes than that.
    pub async fn collect(mut self, bytes_max: usize) -> Result<Vec<u8>, OutgoingFault> {
        let announced = self.bytes().unwrap_or(0);
        if announced > bytes_max as u64 {
            return Err(OutgoingFault::TooLong);
        }
        let mut whole = Vec::with_capacity(announced as usize);
        while let Some(piece) = self.next().await? {
            if whole.len() + piece.len() > bytes_max {
                return Err(OutgoingFault::TooLong);
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
