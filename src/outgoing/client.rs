//! What a shard sends requests with.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::limits::OUTGOING_REQUESTS_MAX;
use crate::ring::TcpStream;
use crate::settings::Reach;

use super::connection::{Connection, SendFault};
use super::dial::{dial, open, within};
use super::dns::{Names, View};
use super::fault::{Awaited, OutgoingFault};
use super::pool::{Key, Pool};
use super::request::{Request, Target};
use super::response::{Response, Seat};

/// The outgoing side of one shard.
pub struct Outgoing {
    names: View,
    pool: Rc<Pool>,
    under_way: Rc<Cell<usize>>,
}

/// A request that is under way, its response's body included.
pub(super) struct Place(Rc<Cell<usize>>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

impl Outgoing {
    /// For the shard that calls.
    pub fn new(names: Arc<Names>) -> Outgoing {
        Outgoing {
            names: View::new(names),
            pool: Rc::default(),
            under_way: Rc::default(),
        }
    }

    /// This shard's view of the names of hosts.
    pub fn names(&self) -> &View {
        &self.names
    }

    /// Sends a request and waits for the head of its response. A connection that was kept and is
    /// closed before it answers anything is replaced, once, where the request can be repeated.
    /// Redirects are responses as any other; see [`Outgoing::follow`].
    pub async fn send(
        &self,
        target: &Target,
        request: &Request,
    ) -> Result<Response, OutgoingFault> {
        let place = self.take_place()?;
        let key = Key::of(target);
        if let Some(connection) = self.pool.take(&key) {
            match self.send_over(connection, target, request).await {
                Ok((connection, response)) => {
                    return Ok(self.seat(target, key, place, connection, response));
                }
                Err(failed) if failed.answered || !request.is_idempotent() => {
                    return Err(failed.fault);
                }
                Err(failed) if failed.fault != OutgoingFault::Reset => return Err(failed.fault),
                Err(_) => {}
            }
        }
        let stream = open(&self.names, target).await?;
        let connection = Connection::begin(stream).await?;
        let sent = self.send_over(connection, target, request).await;
        let (connection, response) = sent.map_err(|failed| failed.fault)?;
        Ok(self.seat(target, key, place, connection, response))
    }

    /// Connects to a host, for what is not HTTP: its name's addresses are held against the guard.
    pub async fn connect(
        &self,
        host: &str,
        port: u16,
        reach: Reach,
        patience: Duration,
    ) -> Result<TcpStream, OutgoingFault> {
        dial(&self.names, host, port, reach, patience).await
    }

    /// Connections that are kept.
    pub fn kept(&self) -> usize {
        self.pool.len()
    }

    /// Requests that are under way.
    pub fn under_way(&self) -> usize {
        self.under_way.get()
    }

    fn take_place(&self) -> Result<Place, OutgoingFault> {
        let count = self.under_way.get();
        if count >= OUTGOING_REQUESTS_MAX {
            return Err(OutgoingFault::Busy);
        }
        self.under_way.set(count + 1);
        Ok(Place(self.under_way.clone()))
    }

    async fn send_over(
        &self,
        mut connection: Connection,
        target: &Target,
        request: &Request,
    ) -> Result<(Connection, hyper::Response<hyper::body::Incoming>), SendFault> {
        let answered = |fault| SendFault {
            fault,
            answered: true,
        };
        let message = request.to_hyper(target).map_err(answered)?;
        let sent = within(target.timeout, Awaited::Head, connection.send(message)).await;
        let response = sent.map_err(answered)??;
        Ok((connection, response))
    }

    fn seat(
        &self,
        target: &Target,
        key: Key,
        place: Place,
        connection: Connection,
        response: hyper::Response<hyper::body::Incoming>,
    ) -> Response {
        let seat = Seat {
            connection,
            key,
            pool: self.pool.clone(),
            place,
        };
        Response::new(response, target.timeout, seat)
    }
}
