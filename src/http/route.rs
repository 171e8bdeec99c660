//! The rows of a route table: what a URL is, who may use it, how much, and what answers.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use thirteen_kernels::http::Method;

use crate::limits::BODY_BYTES_MAX;
use crate::ring::TcpStream;

use super::endpoint::{Describing, Endpoint};
use super::exchange::Exchange;
use super::live::Live;
use super::problem::Problem;
use super::reply::Reply;
use super::request::Request;

/// One row. `A` is what handlers can reach on their shard.
pub struct Route<A: 'static> {
    /// The method; a GET row answers HEAD as well.
    pub method: Method,
    /// `/plain`, `/items/:id`, `/files/*rest`, or `/:@package`, where a scope before the name, with
    /// or without its slash escaped, is part of the parameter.
    pub path: &'static str,
    /// Who may come.
    pub access: Access,
    /// How often.
    pub rate: RateClass,
    /// How long a body may be; 0 for a route that takes none.
    pub body_bytes_max: u64,
    /// What answers.
    pub handler: Handler<A>,
    /// What the handler's types say, for the OpenAPI document.
    pub describe: Describing,
    /// The path of the handler's function.
    pub name: &'static str,
}

/// Who may use a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everyone who reaches the door.
    Anyone,
    /// Whoever is signed in.
    User,
    /// Vendors and staff.
    Seller,
    /// Vendors.
    Vendor,
    /// Staff.
    Admin,
    /// Peers on the loopback interface, the operator of this machine, and staff.
    Operator,
}

/// Which budget a request is counted against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RateClass {
    /// None: what costs less to answer than to count.
    Free,
    /// Changes of the configuration.
    Write,
    /// What tries a password or a mailed token.
    Auth,
    /// The commerce API.
    Api,
    /// What is read from the registry.
    Registry,
    /// What changes packages.
    Publish,
}

/// What answers a request.
pub enum Handler<A: 'static> {
    /// Answers at once from what the shard has in memory.
    Plain(PlainHandler<A>),
    /// May read a body, wait for other threads or stream its reply.
    Waiting(WaitingHandler<A>),
    /// Answers at once where it can; the other one answers where it cannot.
    Prompt(PromptHandler<A>, WaitingHandler<A>),
    /// Becomes a WebSocket.
    Live(Upgrade<A>),
}

/// A function that answers at once.
pub type PlainHandler<A> = Box<dyn Fn(&A, &Request<'_>, &mut Reply<'_>) -> Result<(), Problem>>;
/// A function that answers at once where it can; it has written nothing where it cannot.
pub type PromptHandler<A> = fn(&A, &Request<'_>, &mut Reply<'_>) -> Result<Promptness, Problem>;
/// A function that may wait.
pub type WaitingHandler<A> = Box<dyn for<'x> Fn(&'x A, &'x mut Exchange<'_>) -> Outcome<'x>>;
/// What a [`WaitingHandler`] gives back.
pub type Outcome<'x> = Pin<Box<dyn Future<Output = Result<(), Problem>> + 'x>>;

/// What a [`PromptHandler`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Promptness {
    /// It answered.
    Answered,
    /// It left the request to the handler that waits.
    Waits,
}

/// How a request becomes a WebSocket.
pub struct Upgrade<A: 'static> {
    /// Judges the request, writes the 101 reply, and gives what runs from then on.
    pub negotiate: Negotiate<A>,
    /// The longest message that is taken.
    pub message_bytes_max: u32,
}

/// Judges an upgrade; what it writes is the whole 101 reply.
pub type Negotiate<A> = fn(&Rc<A>, &Request<'_>, &mut Vec<u8>) -> Result<Begin, Problem>;
/// What a connection becomes once the reply to `CONNECT` is written: its stream, and the bytes that
/// followed the head.
pub type Tunnel = Box<dyn FnOnce(TcpStream, Vec<u8>) -> Session>;
/// Begins a WebSocket's session.
pub type Begin = Box<dyn FnOnce(Live) -> Session>;
/// The session of a WebSocket or a tunnel, run as a task of its own until the connection ends.
pub type Session = Pin<Box<dyn Future<Output = ()>>>;

impl<A> Route<A> {
    /// A row that is free and takes no body; the endpoint's principal says who may come.
    pub fn new<M>(method: Method, path: &'static str, endpoint: impl Endpoint<A, M>) -> Route<A> {
        let mounted = endpoint.mount();
        Route {
            method,
            path,
            access: mounted.access,
            rate: RateClass::Free,
            body_bytes_max: 0,
            handler: mounted.handler,
            describe: mounted.describe,
            name: mounted.name,
        }
    }

    /// A row that becomes a WebSocket.
    pub fn live(path: &'static str, upgrade: Upgrade<A>) -> Route<A> {
        Route {
            method: Method::Get,
            path,
            access: Access::Anyone,
            rate: RateClass::Free,
            body_bytes_max: 0,
            handler: Handler::Live(upgrade),
            describe: |_, _| {},
            name: "websocket",
        }
    }

    /// The row of `CONNECT` requests (RFC 9110, section 9.3.6).
    pub fn tunnel<M>(endpoint: impl Endpoint<A, M>) -> Route<A> {
        Route::new(Method::Connect, TUNNEL_PATH, endpoint)
    }

    /// The row of `GET` and `HEAD` requests whose target is another host's (RFC 9112, section
    /// 3.2.2).
    pub fn forward<M>(endpoint: impl Endpoint<A, M>) -> Route<A> {
        Route::new(Method::Get, FORWARD_PATH, endpoint)
    }

    /// Lets another function answer first where it can at once, which spares a request that is
    /// answered from memory what waiting costs.
    ///
    /// # Panics
    /// When the row's own handler does not wait.
    pub fn prompt(mut self, prompt: PromptHandler<A>) -> Route<A> {
        self.handler = match self.handler {
            Handler::Waiting(waiting) => Handler::Prompt(prompt, waiting),
            Handler::Plain(_) | Handler::Prompt(..) | Handler::Live(_) => {
                panic!("{} does not wait", self.path)
            }
        };
        self
    }

    /// Whether it is one of the two rows for what other hosts are to answer.
    pub fn is_for_others(&self) -> bool {
        self.path == TUNNEL_PATH || self.path == FORWARD_PATH
    }

    /// Restricts who may come.
    pub fn access(mut self, access: Access) -> Route<A> {
        self.access = access;
        self
    }

    /// Counts requests against a budget.
    pub fn rate(mut self, rate: RateClass) -> Route<A> {
        self.rate = rate;
        self
    }

    /// Says what the handler takes and gives, where its types do not.
    pub fn documented(mut self, describe: Describing) -> Route<A> {
        self.describe = describe;
        self
    }

    /// Takes a body of at most so many bytes.
    pub fn body(mut self, bytes_max: u64) -> Route<A> {
        self.body_bytes_max = bytes_max;
        self
    }
}

/// What stands for the path of a `CONNECT` request in the table.
pub(super) const TUNNEL_PATH: &str = "authority";
/// What stands for the path of a request that is for another host.
pub(super) const FORWARD_PATH: &str = "absolute";

/// A GET row.
pub fn get<A, M>(path: &'static str, endpoint: impl Endpoint<A, M>) -> Route<A> {
    Route::new(Method::Get, path, endpoint)
}

/// A POST row, which takes a body of the usual size.
pub fn post<A, M>(path: &'static str, endpoint: impl Endpoint<A, M>) -> Route<A> {
    Route::new(Method::Post, path, endpoint).body(BODY_BYTES_MAX)
}

/// A PUT row, which takes a body of the usual size.
pub fn put<A, M>(path: &'static str, endpoint: impl Endpoint<A, M>) -> Route<A> {
    Route::new(Method::Put, path, endpoint).body(BODY_BYTES_MAX)
}

/// A DELETE row.
pub fn delete<A, M>(path: &'static str, endpoint: impl Endpoint<A, M>) -> Route<A> {
    Route::new(Method::Delete, path, endpoint)
}

/// The method as metrics and `Allow` name it.
pub const fn method_name(method: Method) -> &'static str {
    match method {
        Method::Get => "GET",
        Method::Head => "HEAD",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Patch => "PATCH",
        Method::Delete => "DELETE",
        Method::Options => "OPTIONS",
        Method::Connect => "CONNECT",
        Method::Trace => "TRACE",
        Method::Other => "other",
    }
}
