//! One connection: requests in, replies out, in order, until either side ends it.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_lite::FutureExt;
use thirteen_kernels::http::{BodyLength, Connection, HeadStatus, HeadTable};

use crate::limits::{DISCARD_BYTES_MAX, DRAIN_GRACE, PIPELINE_BYTES_MAX, PIPELINE_REQUESTS_MAX};
use crate::ring::{Outgoing, TcpStream};
use crate::shard;
use crate::telemetry::{Fault, Operation};

use super::answer::{Caller, Told, Turned, Verdict, frame_of, greeting_of, panicked};
use super::asked::Asked;
use super::body::{Body, BodyFault};
use super::exchange::{Exchange, Wire, fault_of_socket};
use super::input::{Filled, Input};
use super::lingering::linger;
use super::live::Live;
use super::policy::DoorPolicy;
use super::problem::Problem;
use super::reply::{Content, Frame, Reply, Stage};
use super::request::{Parameters, Request};
use super::route::{Handler, Tunnel};
use super::server::{Application, Connected, Server};
use super::trace::Trace;
use super::websocket::Endpoint;

/// Runs a connection to its end.
pub(super) async fn converse<A: Application>(
    connected: Connected<A>,
    door: usize,
    stream: TcpStream,
    peer: SocketAddr,
) {
    let (input, out) = (Input::default(), Vec::new());
    let mut conversation = Conversation {
        server: connected.server().clone(),
        connected,
        door,
        stream,
        peer,
        input,
        out,
        reading: Reading::Idle,
    };
    let end = loop {
        match conversation.step().await {
            Ok(()) => {}
            Err(end) => break end,
        }
    };
    match end {
        End::Now => {}
        End::Politely => conversation.close().await,
        End::Lingering => conversation.close_lingering().await,
        End::Live(upgrade) => conversation.become_live(upgrade),
        End::Tunnel(tunnel) => conversation.become_tunnel(tunnel),
    }
}

struct Conversation<A: Application> {
    server: Rc<Server<A>>,
    connected: Connected<A>,
    door: usize,
    stream: TcpStream,
    peer: SocketAddr,
    input: Input,
    out: Vec<u8>,
    reading: Reading,
}

/// Which deadline runs while bytes are awaited.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Reading {
    /// That of an idle connection or that of a send in flight, whichever is shorter: each send
    /// that ends would have to wake the task if the deadline followed it.
    Idle,
    /// What is left of an idle connection's, the shorter one having passed without a send.
    StillIdle,
    /// What is left of the send's, the shorter one having passed.
    Sending,
    Head,
}

/// What the requests at hand call for, once those that could be answered at once are.
enum Next {
    Read,
    /// Others get their turn first.
    Yield,
    Skip(Body),
    Wait(Box<Pending>),
    End(End),
}

/// How a connection ends.
enum End {
    /// There is nobody to talk to.
    Now,
    /// After the reply has gone; the peer has ended its half.
    Politely,
    /// After the reply has gone, and what the peer still sends is read so that it sees the reply.
    Lingering,
    /// As a connection of another kind.
    Live(Turned),
    /// As a tunnel.
    Tunnel(Tunnel),
}

/// A request whose handler waits: its head, copied, since the input moves on.
struct Pending {
    route: usize,
    parameters: Parameters,
    trace: Trace,
    head: Vec<u8>,
    table: HeadTable,
    started: u64,
}

impl<A: Application> Conversation<A> {
    async fn step(&mut self) -> Result<(), End> {
        let next = self.answer_ready();
        self.flush().await?;
        match next {
            Next::Read => self.wait().await,
            Next::Yield => {
                shard::yield_now().await;
                Ok(())
            }
            Next::Skip(body) => self.skip(body).await,
            Next::Wait(pending) => {
                // Boxed, so that an idle connection does not hold room for it.
                let answered: std::pin::Pin<Box<dyn Future<Output = _> + '_>> =
                    Box::pin(self.answer_waiting(*pending));
                answered.await
            }
            Next::End(end) => Err(end),
        }
    }

    /// Answers every request at hand whose handler does not wait, up to the connection's budget.
    fn answer_ready(&mut self) -> Next {
        if self.input.is_empty() {
            return Next::Read;
        }
        let server = self.server.clone();
        server.date.refresh(shard::turn_began());
        if self.out.capacity() == 0 {
            self.out = self.stream.spare_buffer();
        }
        let policy = server.application.policy(self.door);
        let mut table = server.table.borrow_mut();
        let mut started = server.clock.ticks();
        for _ in 0..PIPELINE_REQUESTS_MAX {
            let bytes = self.input.bytes();
            if bytes.is_empty() {
                return Next::Read;
            }
            let parse = || server.parser.parse(bytes, &mut table);
            let head_bytes = match server.application.measure(Operation::HeadParse, parse) {
                Ok(HeadStatus::Complete { bytes }) => bytes,
                Ok(HeadStatus::Partial) => return Next::Read,
                Err(fault) => {
                    let problem = Problem::new(fault.status(), fault.as_str()).closing();
                    return Next::End(self.refuse_head(&problem, started));
                }
            };
            self.reading = Reading::Idle;
            let head = table.view(bytes);
            let caller = Caller {
                server: &server,
                door: self.door,
                peer: self.peer,
                policy: &policy,
            };
            let rest_bytes = bytes.len() - head_bytes;
            let verdict = caller.answer(&head, rest_bytes, &mut self.out, started);
            match self.settle(&table, head_bytes, verdict, started) {
                None if self.out.len() >= PIPELINE_BYTES_MAX => return Next::Yield,
                None => started = server.clock.ticks(),
                Some(next) => return next,
            }
        }
        Next::Yield
    }

    /// Moves past a request that was looked at; says what comes next unless that is the next
    /// request.
    fn settle(
        &mut self,
        table: &HeadTable,
        head_bytes: usize,
        verdict: Verdict,
        started: u64,
    ) -> Option<Next> {
        let head = table.view(self.input.bytes());
        let (length, greeting) = (head.body(), greeting_of(&head));
        match verdict {
            Verdict::Answered(connection) => {
                self.input.consume(head_bytes);
                match (connection, length) {
                    (Connection::Close, _) => Some(Next::End(End::Lingering)),
                    (Connection::KeepAlive, BodyLength::None) => None,
                    (Connection::KeepAlive, _) => {
                        Some(Next::Skip(Body::new(length, DISCARD_BYTES_MAX, greeting)))
                    }
                }
            }
            Verdict::Waits {
                route,
                parameters,
                trace,
            } => {
                let (head, table) = (self.input.bytes()[..head_bytes].to_vec(), table.clone());
                self.input.consume(head_bytes);
                let pending = Pending {
                    route,
                    parameters,
                    trace,
                    head,
                    table,
                    started,
                };
                Some(Next::Wait(Box::new(pending)))
            }
            Verdict::Turns(turned) => {
                self.input.consume(head_bytes);
                Some(Next::End(End::Live(turned)))
            }
        }
    }

    fn caller<'c>(&'c self, policy: &'c DoorPolicy) -> Caller<'c, A> {
        Caller {
            server: &self.server,
            door: self.door,
            peer: self.peer,
            policy,
        }
    }

    /// Answers a head that could not be read.
    fn refuse_head(&mut self, problem: &Problem, started: u64) -> End {
        self.server.date.refresh(shard::turn_began());
        let policy = self.server.application.policy(self.door);
        let asked = Asked::unread(&policy, &mut self.server.ids.borrow_mut());
        let (mut frame, start) = (Frame::closing(Content::Sent), self.out.len());
        let date = self.server.date.line();
        Reply::new(&mut self.out, &mut frame, &asked, date).problem(problem);
        let told = Told {
            status: problem.status,
            bytes: (self.out.len() - start) as u64,
            started,
        };
        self.caller(&policy).observe(None, None, &asked.trace, told);
        End::Lingering
    }

    /// Runs a handler that waits. A connection does nothing else meanwhile.
    async fn answer_waiting(&mut self, pending: Pending) -> Result<(), End> {
        let server = self.server.clone();
        let row = server.doors[self.door].route(pending.route);
        let (Handler::Waiting(handler) | Handler::Prompt(_, handler)) = &row.handler else {
            unreachable!("only handlers that wait are put off");
        };
        let head = pending.table.view(&pending.head);
        let options = server.options.get();
        let policy = server.application.policy(self.door);
        let asked = Asked::again(head, &policy, pending.trace);
        self.stream.set_deadline(None);
        let mut frame = frame_of(&head, self.input.bytes().len(), server.is_draining());
        frame.route = row.path;
        let mut exchange = Exchange {
            request: Request::new(head, &pending.parameters, self.peer, &asked.trace),
            asked: &asked,
            body: Body::new(head.body(), row.body_bytes_max, greeting_of(&head)),
            frame,
            wire: Wire {
                stream: &self.stream,
                input: &mut self.input,
                out: &mut self.out,
                date: &server.date,
                body_timeout: options.body_timeout,
                write_timeout: options.write_timeout,
                fault: None,
            },
            seats: &server.seats,
            tunnel: None,
        };
        let waiting = &server.pending[self.door];
        waiting.set(waiting.get() + 1);
        let handled = AssertUnwindSafe(handler(&server.application, &mut exchange))
            .catch_unwind()
            .await;
        waiting.set(waiting.get() - 1);
        let outcome = handled.unwrap_or_else(|_| Err(panicked(row.path)));
        let end = conclude(&mut exchange, outcome);
        let Exchange {
            mut body,
            frame,
            wire,
            tunnel,
            ..
        } = exchange;
        if let Some(fault) = wire.fault {
            server.application.fault(fault);
        }
        let bytes = frame.reply_bytes(self.out.len());
        let told = Told {
            status: frame.status,
            bytes,
            started: pending.started,
        };
        self.caller(&policy)
            .observe(Some(pending.route), Some(&head), &asked.trace, told);
        self.flush().await?;
        if let Some(tunnel) = tunnel {
            return Err(End::Tunnel(tunnel));
        }
        if let Some(end) = end {
            return Err(end);
        }
        body.finish(&mut self.input);
        if body.is_read() {
            Ok(())
        } else {
            self.skip(body.rest()).await
        }
    }

    /// Reads past a body that nobody wanted, so that the connection can be kept.
    async fn skip(&mut self, mut body: Body) -> Result<(), End> {
        if !body.can_be_skipped() {
            return Err(End::Lingering);
        }
        let patience = self.server.options.get().body_timeout;
        loop {
            match body.next(&self.stream, &mut self.input, patience).await {
                Ok(Some(_)) => {}
                Ok(None) => return Ok(()),
                Err(fault) => return Err(self.stop_skipping(&fault)),
            }
        }
    }

    fn stop_skipping(&self, fault: &BodyFault) -> End {
        if let Some(fault) = fault.uncounted() {
            self.server.application.fault(fault);
        }
        match fault {
            // The reply that was sent may still be read.
            BodyFault::Lost => End::Politely,
            BodyFault::TooLong | BodyFault::Chunk(_) | BodyFault::Stalled => End::Lingering,
        }
    }

    /// Waits for more bytes under the deadline of what is awaited.
    async fn wait(&mut self) -> Result<(), End> {
        match (self.input.is_empty(), self.reading) {
            (true, Reading::StillIdle | Reading::Sending) if !self.server.is_draining() => {}
            (true, _) => {
                self.reading = Reading::Idle;
                let shorter = self.idle_patience().min(self.write_patience());
                self.stream.set_deadline(Some(shorter));
            }
            (false, Reading::Head) => {}
            (false, Reading::Idle | Reading::StillIdle | Reading::Sending) => {
                self.reading = Reading::Head;
                let patience = self.server.options.get().head_timeout;
                self.stream.set_deadline(Some(patience));
            }
        }
        match poll_fn(|context| self.poll_fill_or_sent(context)).await {
            Ok(Filled::Bytes) => Ok(()),
            Ok(Filled::End) => Err(End::Politely),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::TimedOut => self.be_late(),
            Err(error) => Err(self.lose(&error)),
        }
    }

    fn poll_fill_or_sent(&mut self, context: &Context<'_>) -> Poll<io::Result<Filled>> {
        if self.reading == Reading::Sending && self.stream.poll_sent(context)?.is_ready() {
            self.reading = Reading::Idle;
            let patience = self.idle_patience();
            self.stream.set_deadline(Some(patience));
        }
        self.input.poll_fill(&self.stream, context)
    }

    /// The deadline has passed: who was in the middle of a head is told.
    fn be_late(&mut self) -> Result<(), End> {
        match self.reading {
            Reading::Idle => {
                let (idle, write) = (self.idle_patience(), self.write_patience());
                let (reading, counts) = if self.stream.is_sending() {
                    (Reading::Sending, write)
                } else {
                    (Reading::StillIdle, idle)
                };
                let left = counts.saturating_sub(idle.min(write));
                if left.is_zero() {
                    return Err(self.give_up(reading));
                }
                self.reading = reading;
                self.stream.set_deadline(Some(left));
                Ok(())
            }
            Reading::StillIdle | Reading::Sending => Err(self.give_up(self.reading)),
            Reading::Head => {
                let problem = Problem::new(408, "The head did not arrive in time.").closing();
                Err(self.refuse_head(&problem, self.server.clock.ticks()))
            }
        }
    }

    /// Ends a connection whose peer was silent, or did not read, for too long.
    fn give_up(&self, reading: Reading) -> End {
        match reading {
            Reading::Sending => self.server.application.fault(Fault::WriteTimeout),
            Reading::Idle | Reading::StillIdle | Reading::Head => {}
        }
        End::Now
    }

    /// Ends a connection whose socket failed.
    fn lose(&self, error: &io::Error) -> End {
        if let Some(fault) = fault_of_socket(error) {
            self.server.application.fault(fault);
        }
        End::Now
    }

    fn idle_patience(&self) -> Duration {
        if self.server.is_draining() {
            DRAIN_GRACE
        } else {
            self.server.options.get().idle_timeout
        }
    }

    fn write_patience(&self) -> Duration {
        self.server.options.get().write_timeout
    }

    /// Hands what is written to the ring; waits only for a send that is still in flight.
    async fn flush(&mut self) -> Result<(), End> {
        if self.out.is_empty() {
            return Ok(());
        }
        let outgoing = Outgoing::Owned(std::mem::take(&mut self.out));
        let Err(busy) = self.stream.start_send(outgoing) else {
            return Ok(());
        };
        self.stream.set_deadline(Some(self.write_patience()));
        self.reading = Reading::Idle;
        let enqueued = self.stream.enqueue(busy.0).await;
        enqueued.map_err(|error| self.lose(&error))
    }

    /// Lets the last reply go out, then closes.
    async fn close(mut self) {
        if self.flush().await.is_ok() {
            self.stream.set_deadline(Some(self.write_patience()));
            // A failure means that the peer is gone, which ends the connection as well.
            let _gone_or_sent = self.stream.sent().await;
        }
    }

    async fn close_lingering(mut self) {
        if self.flush().await.is_err() {
            return;
        }
        self.input = Input::default();
        self.stream.set_deadline(Some(self.write_patience()));
        if self.stream.sent().await.is_ok() {
            linger(&self.stream).await;
        }
    }

    /// Hands the connection to the session of a WebSocket, in a task of its own: the memory of
    /// this one is freed.
    fn become_live(self, turned: Turned) {
        let endpoint = Endpoint::new(self.server.level, turned.message_bytes_max);
        let live = Live::new(self.stream, self.input, self.peer, endpoint);
        let session = (turned.begin)(live);
        let connected = self.connected;
        shard::spawn(async move {
            session.await;
            drop(connected);
        });
    }

    /// Hands the connection to a tunnel, with the bytes that followed the head.
    fn become_tunnel(self, tunnel: Tunnel) {
        let early = self.input.bytes().to_vec();
        self.stream.set_deadline(None);
        let session = tunnel(self.stream, early);
        let connected = self.connected;
        shard::spawn(async move {
            session.await;
            drop(connected);
        });
    }
}

/// Ends the reply of a handler that waited; says how the connection ends, if it does.
fn conclude(exchange: &mut Exchange<'_>, outcome: Result<(), Problem>) -> Option<End> {
    match (outcome, exchange.frame.stage) {
        // A stream that was begun and not finished: the client must see that it is cut.
        (_, Stage::Streaming) => return Some(End::Now),
        (Ok(()), _) => exchange.resume_reply().finish(),
        (Err(problem), Stage::Nothing | Stage::Head) => {
            exchange.close_if_body_stays();
            exchange.resume_reply().problem(&problem);
        }
        // The reply was whole already, and has gone or will go.
        (Err(_), Stage::Whole) => exchange.frame.connection = Connection::Close,
    }
    match exchange.frame.connection {
        Connection::Close => Some(End::Lingering),
        Connection::KeepAlive => None,
    }
}
