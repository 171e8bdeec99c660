//! Answers one request as far as that needs no waiting: its route, its handler, its reply.

use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};

use thirteen_kernels::http::{
    BodyLength, Connection, Expectation, Head, Method, TargetForm, Version,
};

use super::asked::Asked;
use super::body::{Body, BodyFault, Greeting};
use super::policy::{DoorPolicy, PREFLIGHT_SECONDS, Welcome};
use super::problem::Problem;
use super::reply::{Content, Frame, Reply};
use super::request::{Parameters, Request};
use super::route::{Begin, Handler, Promptness, Route};
use super::router::Found;
use super::server::{Application, Observation, Server};
use super::trace::Trace;

/// A request that became a WebSocket.
pub(super) struct Turned {
    pub(super) message_bytes_max: u32,
    pub(super) begin: Begin,
}

/// What became of one request.
pub(super) enum Verdict {
    Answered(Connection),
    Waits {
        route: usize,
        parameters: Parameters,
        trace: Trace,
    },
    Turns(Turned),
}

/// What a request was answered, and when that began.
pub(super) struct Told {
    pub(super) status: u16,
    pub(super) bytes: u64,
    pub(super) started: u64,
}

/// Who asks, and where.
#[derive(Clone, Copy)]
pub(super) struct Caller<'c, A: Application> {
    pub(super) server: &'c Server<A>,
    pub(super) door: usize,
    pub(super) peer: SocketAddr,
    pub(super) policy: &'c DoorPolicy,
}

impl<A: Application> Caller<'_, A> {
    /// Routes one request and answers it if its handler does not wait.
    pub(super) fn answer(
        &self,
        head: &Head<'_>,
        rest_bytes: usize,
        out: &mut Vec<u8>,
        started: u64,
    ) -> Verdict {
        let server = self.server;
        let mut frame = frame_of(head, rest_bytes, server.is_draining());
        if !Body::new(head.body(), 0, greeting_of(head)).can_be_skipped() {
            frame.connection = Connection::Close;
        }
        let mut parameters = Parameters::default();
        let asked = Asked::read(*head, self.policy, &mut server.ids.borrow_mut());
        let mut reply = Reply::new(out, &mut frame, &asked, server.date.line());
        let found = find(server, self.door, head, &asked, &mut parameters);
        let matched = found.as_ref().ok().copied();
        match found {
            Err(problem) => reply.problem(&problem),
            Ok(route) => {
                let row = server.doors[self.door].route(route);
                reply.routed(row.path);
                let request = Request::new(*head, &parameters, self.peer, &asked.trace);
                match begin((server, self.door), row, &request, &mut reply) {
                    Begun::Answered => {}
                    Begun::Waits => {
                        return Verdict::Waits {
                            route,
                            parameters,
                            trace: asked.trace,
                        };
                    }
                    Begun::Turned(turned) => {
                        let told = Told {
                            status: 101,
                            bytes: 0,
                            started,
                        };
                        self.observe(matched, Some(head), &asked.trace, told);
                        return Verdict::Turns(turned);
                    }
                }
            }
        }
        reply.finish();
        let told = Told {
            status: frame.status,
            bytes: frame.reply_bytes(out.len()),
            started,
        };
        self.observe(matched, Some(head), &asked.trace, told);
        Verdict::Answered(frame.connection)
    }

    pub(super) fn observe(
        &self,
        route: Option<usize>,
        head: Option<&Head<'_>>,
        trace: &Trace,
        told: Told,
    ) {
        self.server.application.observe(&Observation {
            door: self.door,
            route,
            head: head.copied(),
            trace,
            status: told.status,
            reply_bytes: told.bytes,
            nanoseconds: self.server.clock.nanoseconds_since(told.started),
            peer: self.peer,
        });
    }
}

/// The route of a request, or why there is none.
fn find<A: Application>(
    server: &Server<A>,
    door: usize,
    head: &Head<'_>,
    asked: &Asked<'_>,
    parameters: &mut Parameters,
) -> Result<usize, Problem> {
    if head.expectation() == Expectation::Unknown {
        return Err(Problem::new(417, "Only 100-continue can be expected.").closing());
    }
    match head.target_form() {
        TargetForm::Origin => {}
        TargetForm::Absolute => {
            if let Some(found) = forwarded(server, door, head) {
                return found;
            }
        }
        TargetForm::Asterisk => return Err(options_reply(METHODS_SOMEWHERE, asked)),
        TargetForm::Authority => {
            let tunnel = server.doors[door].tunnel();
            return tunnel.ok_or_else(|| {
                // What follows may be the tunnel's already.
                let problem = Problem::new(405, "This door opens no tunnels.").closing();
                problem.header("Allow", METHODS_SOMEWHERE)
            });
        }
    }
    let method = head.method();
    match server.doors[door].find(method, head.path(), head.path_escapes(), parameters) {
        Found::Route(route) => Ok(route),
        Found::OtherMethods(allow) if method == Method::Options => Err(options_reply(allow, asked)),
        Found::OtherMethods(allow) => {
            let detail = format!("This resource takes {allow}.");
            Err(Problem::new(405, detail).header("Allow", allow))
        }
        Found::Nothing => Err(Problem::new(404, "There is nothing at this path.")),
    }
}

/// The row of a request for another host, where the door forwards such. A target in absolute form
/// that names this server is any other request (RFC 9112, section 3.2.2).
fn forwarded<A: Application>(
    server: &Server<A>,
    door: usize,
    head: &Head<'_>,
) -> Option<Result<usize, Problem>> {
    let row = server.doors[door].forward()?;
    if server.application.is_own_host(door, head.host()?) {
        return None;
    }
    Some(match head.method() {
        Method::Get | Method::Head => Ok(row),
        Method::Post
        | Method::Put
        | Method::Patch
        | Method::Delete
        | Method::Options
        | Method::Connect
        | Method::Trace
        | Method::Other => {
            let detail = "Only GET and HEAD are forwarded; others take a tunnel (CONNECT).";
            Err(Problem::new(405, detail).header("Allow", "GET, HEAD"))
        }
    })
}

/// `OPTIONS` says which methods there are; it is no failure, but is written like one. A page of
/// another origin that may come is told what its requests may have (CORS preflight).
fn options_reply(allow: &str, asked: &Asked<'_>) -> Problem {
    let reply = Problem::new(204, "")
        .header("Allow", allow)
        .with_body("", "");
    let is_preflight = asked.header("access-control-request-method").is_some();
    match asked.welcome() {
        Welcome::Lines(_) if is_preflight => reply
            .header("Access-Control-Allow-Methods", allow)
            .header("Access-Control-Allow-Headers", asked.allow_headers())
            .header("Access-Control-Max-Age", PREFLIGHT_SECONDS),
        Welcome::Lines(_) | Welcome::None | Welcome::Unasked => reply,
    }
}

/// What became of a request whose route is known.
enum Begun {
    Answered,
    Waits,
    Turned(Turned),
}

fn begin<A: Application>(
    (server, door): (&Server<A>, usize),
    row: &Route<A>,
    request: &Request<'_>,
    reply: &mut Reply<'_>,
) -> Begun {
    if let Err(problem) = server.application.admit(door, row, request) {
        reply.problem(&problem);
        return Begun::Answered;
    }
    let takes_body = match request.head().body() {
        BodyLength::None => true,
        BodyLength::Length(bytes) => bytes <= row.body_bytes_max,
        BodyLength::Chunked => row.body_bytes_max > 0,
    };
    if !takes_body {
        reply.problem(&Problem::from(BodyFault::TooLong));
        return Begun::Answered;
    }
    match &row.handler {
        Handler::Plain(handler) => {
            let application = &*server.application;
            let handled = catch_unwind(AssertUnwindSafe(|| handler(application, request, reply)));
            match handled.unwrap_or_else(|_| Err(panicked(row.path))) {
                Ok(()) => {}
                Err(problem) => reply.problem(&problem),
            }
            Begun::Answered
        }
        Handler::Prompt(prompt, _) => {
            let application = &*server.application;
            let tried = catch_unwind(AssertUnwindSafe(|| prompt(application, request, reply)));
            match tried.unwrap_or_else(|_| Err(panicked(row.path))) {
                Ok(Promptness::Answered) => Begun::Answered,
                Ok(Promptness::Waits) => Begun::Waits,
                Err(problem) => {
                    reply.problem(&problem);
                    Begun::Answered
                }
            }
        }
        Handler::Waiting(_) => Begun::Waits,
        Handler::Live(upgrade) => {
            match (upgrade.negotiate)(&server.application, request, reply.buffer()) {
                Ok(begin) => {
                    let message_bytes_max = upgrade.message_bytes_max;
                    Begun::Turned(Turned {
                        message_bytes_max,
                        begin,
                    })
                }
                Err(problem) => {
                    reply.problem(&problem);
                    Begun::Answered
                }
            }
        }
    }
}

pub(super) fn panicked(path: &str) -> Problem {
    Problem::new(500, format!("the handler of {path} panicked")).closing()
}

/// Whether the client waits to be told to send its body; one of HTTP/1.0 does not, whatever it
/// says (RFC 9110, section 10.1.1).
pub(super) fn greeting_of(head: &Head<'_>) -> Greeting {
    match (head.expectation(), head.version()) {
        (Expectation::Continue, Version::Http11) => Greeting::Awaited,
        (Expectation::Continue, Version::Http10)
        | (Expectation::None | Expectation::Unknown, _) => Greeting::Unasked,
    }
}

/// The frame of a reply to a request that so many bytes follow, its body included. A server that
/// drains says that it closes in the reply to the last request that is at hand.
pub(super) fn frame_of(head: &Head<'_>, rest_bytes: usize, draining: bool) -> Frame {
    let is_last = match head.body() {
        BodyLength::None => rest_bytes == 0,
        BodyLength::Length(bytes) => rest_bytes as u64 <= bytes,
        BodyLength::Chunked => false,
    };
    let connection = if draining && is_last {
        Connection::Close
    } else {
        head.connection()
    };
    let content = if head.method() == Method::Head {
        Content::Described
    } else {
        Content::Sent
    };
    Frame::new(head.version(), connection, content)
}

/// What the server as a whole can be asked with.
const METHODS_SOMEWHERE: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
