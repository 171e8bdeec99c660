//! The server of one shard: its doors, its limits, and how it drains.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use thirteen_kernels::http::{Head, HeadParser, HeadTable};
use thirteen_kernels::level::Level;

use crate::limits::REFUSALS_MAX;
use crate::ring::{Listener, Outgoing, TcpStream};
use crate::shard;
use crate::telemetry::trace_id::IdSource;
use crate::telemetry::{Clock, Fault, Operation};

use super::asked::Asked;
use super::conversation::converse;
use super::date::DateLine;
use super::lingering::linger;
use super::policy::DoorPolicy;
use super::problem::Problem;
use super::reply::{Content, Frame, Reply};
use super::request::Request;
use super::route::Route;
use super::router::Router;
use super::seats::{Seat, Seats};
use super::trace::Trace;

/// What the server asks of what it serves.
pub trait Application: Sized + 'static {
    /// Whether a request may use a route at this moment: 401, 403 or 429 where not.
    /// 400 where headers are at fault that the door checks for all its routes.
    fn admit(&self, door: usize, route: &Route<Self>, request: &Request<'_>)
    -> Result<(), Problem>;

    /// Runs an operation that has a documented target, so that it can be timed now and then.
    fn measure<T>(&self, _operation: Operation, work: impl FnOnce() -> T) -> T {
        work()
    }

    /// What a door says of every reply.
    fn policy(&self, _door: usize) -> Rc<DoorPolicy> {
        Rc::default()
    }

    /// Whether a host, with its port, is the door that a request came to; others may be forwarded.
    fn is_own_host(&self, _door: usize, _host: &[u8]) -> bool {
        true
    }

    /// Told of each reply.
    fn observe(&self, observation: &Observation<'_>);

    /// Told of each fault of a peer that no reply's status tells.
    fn fault(&self, _fault: Fault) {}

    /// Told of each connection that opens or ends.
    fn connection(&self, change: ConnectionChange);
}

/// One answered request.
#[derive(Clone, Copy, Debug)]
pub struct Observation<'o> {
    /// The position of the door.
    pub door: usize,
    /// The position of the route in the door's table; `None` where none matched.
    pub route: Option<usize>,
    /// The head; `None` where it was refused.
    pub head: Option<Head<'o>>,
    /// The ids that it came with or was given.
    pub trace: &'o Trace,
    /// The status sent.
    pub status: u16,
    /// Bytes of the reply, its head included.
    pub reply_bytes: u64,
    /// From the head's parse to the reply's hand-over.
    pub nanoseconds: u64,
    /// Who asked.
    pub peer: SocketAddr,
}

/// What happened to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionChange {
    /// It was accepted.
    Opened,
    /// It ended.
    Ended,
    /// It was over the limit and is answered 503.
    Refused,
}

/// How long the server is patient, and with how many.
#[derive(Clone, Copy, Debug)]
pub struct ServerOptions {
    /// From a head's first byte to its last.
    pub head_timeout: Duration,
    /// Between two pieces of a body.
    pub body_timeout: Duration,
    /// Between two requests.
    pub idle_timeout: Duration,
    /// While a send makes no progress.
    pub write_timeout: Duration,
    /// Connections of this shard.
    pub connections_max: usize,
}

/// All doors of one shard.
pub struct Server<A: Application> {
    pub(super) application: Rc<A>,
    pub(super) doors: Vec<Router<A>>,
    pub(super) options: Cell<ServerOptions>,
    pub(super) level: Level,
    pub(super) parser: HeadParser,
    /// Scratch for heads that are answered at once.
    pub(super) table: RefCell<HeadTable>,
    pub(super) date: DateLine,
    pub(super) clock: Clock,
    pub(super) ids: RefCell<IdSource>,
    draining: Cell<bool>,
    pub(super) seats: Rc<Seats>,
    refusals: Cell<usize>,
    pub(super) pending: Vec<Cell<u64>>,
}

impl<A: Application> Server<A> {
    /// A server with these doors, for the shard of this thread.
    pub fn new(
        application: Rc<A>,
        doors: Vec<Router<A>>,
        options: ServerOptions,
        clock: Clock,
        ids: IdSource,
    ) -> Rc<Server<A>> {
        let level = Level::detect();
        Rc::new(Server {
            application,
            seats: Seats::new(options.connections_max),
            options: Cell::new(options),
            level,
            parser: HeadParser::new(level),
            table: RefCell::new(HeadTable::new()),
            date: DateLine::new(Instant::now()),
            clock,
            ids: RefCell::new(ids),
            draining: Cell::new(false),
            refusals: Cell::new(0),
            pending: doors.iter().map(|_| Cell::new(0)).collect(),
            doors,
        })
    }

    /// Serves one door until its listener is finished.
    pub async fn serve(self: Rc<Self>, door: usize, listener: Rc<Listener>) {
        while let Some(stream) = listener.accept().await {
            self.welcome(door, stream);
        }
    }

    /// Uses other options for everything that begins from here on.
    pub fn set_options(&self, options: ServerOptions) {
        self.seats.set_max(options.connections_max);
        self.options.set(options);
    }

    /// Tells every connection to finish: what has begun is answered, with `Connection: close`.
    pub fn drain(&self) {
        self.draining.set(true);
        shard::current().ring.interrupt_streams();
    }

    /// Whether the server drains.
    pub fn is_draining(&self) -> bool {
        self.draining.get()
    }

    /// Requests that wait for their reply, by door.
    pub fn pending(&self) -> Vec<u64> {
        self.pending.iter().map(Cell::get).collect()
    }

    /// Connections that are open, the far ends of tunnels among them.
    pub fn connections(&self) -> usize {
        self.seats.taken()
    }

    fn welcome(self: &Rc<Self>, door: usize, stream: TcpStream) {
        let Ok(peer) = stream.peer() else { return }; // gone already
        let server = self.clone();
        let Some(seat) = self.seats.take() else {
            return self.refuse(door, stream);
        };
        self.application.connection(ConnectionChange::Opened);
        shard::spawn(async move {
            let connected = Connected {
                server,
                _seat: seat,
            };
            converse(connected, door, stream, peer).await;
        });
    }

    /// Answers 503 and closes; past so many at once, closes unread.
    fn refuse(self: &Rc<Self>, door: usize, stream: TcpStream) {
        self.application.connection(ConnectionChange::Refused);
        if self.refusals.get() == REFUSALS_MAX {
            return;
        }
        self.refusals.set(self.refusals.get() + 1);
        self.date.refresh(shard::current().ring.now());
        let mut out = stream.spare_buffer();
        let mut frame = Frame::closing(Content::Sent);
        let problem = Problem::new(503, "Too many connections.").header("Retry-After", "1");
        let policy = self.application.policy(door);
        let asked = Asked::unread(&policy, &mut self.ids.borrow_mut());
        Reply::new(&mut out, &mut frame, &asked, self.date.line()).problem(&problem);
        let server = self.clone();
        shard::spawn(async move {
            stream.set_deadline(Some(server.options.get().write_timeout));
            if stream.send(Outgoing::Owned(out)).await.is_ok() {
                linger(&stream).await;
            }
            server.refusals.set(server.refusals.get() - 1);
        });
    }
}

/// Counts a connection for as long as it lives, a WebSocket's session included.
pub(super) struct Connected<A: Application> {
    server: Rc<Server<A>>,
    _seat: Seat,
}

impl<A: Application> Connected<A> {
    pub(super) fn server(&self) -> &Rc<Server<A>> {
        &self.server
    }
}

impl<A: Application> Drop for Connected<A> {
    fn drop(&mut self) {
        self.server.application.connection(ConnectionChange::Ended);
    }
}
