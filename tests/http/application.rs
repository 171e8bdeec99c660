//! What the in-process server serves: a handler for each thing that a handler can do.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use thirteen::http::websocket::{OriginPolicy, Subprotocols, Terms, accept};
use thirteen::http::{
    Application, Begin, ConnectionChange, Event, Exchange, Live, Observation, Problem, Reply,
    Request, Route, Upgrade, get,
};
use thirteen::shard::Flag;
use thirteen_kernels::http::Method::{Delete, Get, Post, Put};

use crate::shelf::{self, Shelf};

/// What handlers reach, and what the server told.
#[derive(Default)]
pub(crate) struct Workbench {
    /// Statuses in the order in which they were observed.
    pub(crate) observed: RefCell<Vec<u16>>,
    pub(crate) opened: Cell<usize>,
    pub(crate) ended: Cell<usize>,
    pub(crate) refused: Cell<usize>,
    /// What `/gate` waits for.
    pub(crate) gate: Flag,
    /// Requests that have come to `/gate`.
    pub(crate) at_gate: Cell<usize>,
    pub(crate) shelf: Shelf,
}

impl Application for Workbench {
    fn admit(&self, _: usize, _: &Route<Workbench>, request: &Request<'_>) -> Result<(), Problem> {
        match request.header("x-admit") {
            Some(b"no") => Err(Problem::new(403, "Not admitted.")),
            Some(_) | None => Ok(()),
        }
    }

    fn observe(&self, observation: &Observation<'_>) {
        self.observed.borrow_mut().push(observation.status);
    }

    fn connection(&self, change: ConnectionChange) {
        let count = match change {
            ConnectionChange::Opened => &self.opened,
            ConnectionChange::Ended => &self.ended,
            ConnectionChange::Refused => &self.refused,
        };
        count.set(count.get() + 1);
    }
}

pub(crate) fn routes() -> Vec<Route<Workbench>> {
    let mut routes = shelf::routes();
    routes.extend(own_routes());
    routes
}

fn own_routes() -> Vec<Route<Workbench>> {
    vec![
        get("/hello", hello),
        get("/nothing", nothing),
        get("/text", text),
        get("/stored-text", stored_text),
        get("/query", query),
        get("/problem", problem),
        get("/panic", panic_at_once),
        get("/items/:id", item),
        get("/items/special", special),
        get("/items/:id/parts/:part", part),
        get("/files/*rest", file),
        Route::new(Delete, "/items/:id", remove),
        Route::new(Post, "/echo", echo).body(ECHO_BYTES_MAX),
        Route::new(Put, "/count", count).body(COUNT_BYTES_MAX),
        Route::new(Post, "/ignore", ignore).body(COUNT_BYTES_MAX),
        Route::new(Get, "/gate", gate),
        Route::new(Get, "/late", late),
        Route::new(Get, "/stream", stream),
        Route::new(Get, "/cut", cut),
        Route::new(Get, "/stored", stored),
        Route::new(Get, "/panic/waiting", panic_later),
        Route::new(Get, "/panic/streaming", panic_amid),
        get("/failing/at-once/:token", fail),
        Route::new(Get, "/failing/later/:token", fail_later),
        Route::live("/socket", SOCKET),
    ]
}

/// The longest body of `/echo`.
pub(crate) const ECHO_BYTES_MAX: u64 = 64 << 10;
/// The longest body of `/count` and `/ignore`.
pub(crate) const COUNT_BYTES_MAX: u64 = 8 << 20;
/// The longest message of `/socket`: the suites send up to 16 MiB.
const MESSAGE_BYTES_MAX: u32 = 17 << 20;

type Done = Result<(), Problem>;

fn hello(_: &Workbench, _: &Request<'_>, reply: &mut Reply<'_>) -> Done {
    reply.status(200).body("text/plain", b"hello");
    Ok(())
}

fn nothing(_: &Workbench, _: &Request<'_>, _: &mut Reply<'_>) -> Done {
    Ok(())
}

/// `?bytes=` of text.
fn text(_: &Workbench, request: &Request<'_>, reply: &mut Reply<'_>) -> Done {
    let body = words(number(request, "bytes")? as usize);
    reply.status(200).header("ETag", "\"v7\"");
    reply.body("text/plain; charset=utf-8", body.as_bytes());
    Ok(())
}

/// The same from where it is stored.
async fn stored_text(_: &Workbench, exchange: &mut Exchange<'_>) -> Done {
    let body = words(number(&exchange.request(), "bytes")? as usize);
    let stored = exchange.stored(200, "text/plain", Bytes::from(body));
    let stored = stored.header(exchange, "ETag", "\"v7\"");
    stored.send(exchange).await
}

fn words(bytes: usize) -> String {
    let mut text = String::with_capacity(bytes + 32);
    for number in 0.. {
        if text.len() >= bytes {
            break;
        }
        text.push_str(&format!("line {} of a text\n", number * 7919 % 1000));
    }
    text.truncate(bytes);
    text
}

fn query(_: &Workbench, request: &Request<'_>, reply: &mut Reply<'_>) -> Done {
    let pairs: Result<Vec<(String, String)>, Problem> = request.query().collect();
    reply.status(200).json(&pairs?);
    Ok(())
}

fn problem(_: &Workbench, _: &Request<'_>, reply: &mut Reply<'_>) -> Done {
    reply.status(200).header("X-Dropped", "1");
    Err(Problem::new(422, "Two fields.")
        .fault("/rows", "range", "must be 1 to 255")
        .fault("/cols", "range", "must be 1 to 255"))
}

fn panic_at_once(_: &Workbench, _: &Request<'_>, reply: &mut Reply<'_>) -> Done {
    reply.status(200).header("X-Dropped", "1");
    panic!("as asked");
}

fn item(_: &Workbench, request: &Request<'_>, reply: &mut Reply<'_>) -> Done {
    let id = request.parameter("id")?;
    reply.status(200).body("text/plain", id.as_bytes());
    Ok(())
}

fn special(_: &Workbench, _: &Request<'_>, reply: &mut Reply<'_>) -> Done {
    reply.status(200).body("text/plain", b"the special one");
    Ok(())
}

fn part(_: &Workbench, request: &Request<'_>, reply: &mut Reply<'_>) -> Done {
    let (id, part) = (request.parameter("id")?, request.parameter("part")?);
    reply
        .status(200)
        .body("text/plain", format!("{id} {part}").as_bytes());
    Ok(())
}

fn file(_: &Workbench, request: &Request<'_>, reply: &mut Reply<'_>) -> Done {
    let rest = request.parameter("rest")?;
    reply.status(200).body("text/plain", rest.as_bytes());
    Ok(())
}

async fn remove(_: &Workbench, exchange: &mut Exchange<'_>) -> Done {
    exchange.reply().status(204).empty();
    Ok(())
}

async fn echo(_: &Workbench, exchange: &mut Exchange<'_>) -> Done {
    let body = exchange.collect().await?;
    exchange
        .reply()
        .status(200)
        .body("application/octet-stream", &body);
    Ok(())
}

/// Reads a body piece by piece: its length and the sum of its bytes.
async fn count(_: &Workbench, exchange: &mut Exchange<'_>) -> Done {
    let (mut length, mut sum) = (0_u64, 0_u64);
    while let Some(piece) = exchange.read().await? {
        length += piece.len() as u64;
        sum += piece.iter().map(|byte| u64::from(*byte)).sum::<u64>();
    }
    exchange.reply().status(200).json(&(length, sum));
    Ok(())
}

async fn ignore(_: &Workbench, exchange: &mut Exchange<'_>) -> Done {
    exchange.reply().status(200).body("text/plain", b"ignored");
    Ok(())
}

async fn gate(workbench: &Workbench, exchange: &mut Exchange<'_>) -> Done {
    workbench.at_gate.set(workbench.at_gate.get() + 1);
    workbench.gate.raised().await;
    exchange.reply().status(200).body("text/plain", b"through");
    Ok(())
}

/// Replies after `?ms=`.
async fn late(_: &Workbench, exchange: &mut Exchange<'_>) -> Done {
    let span = number(&exchange.request(), "ms")?;
    thirteen::shard::sleep(Duration::from_millis(span)).await;
    exchange.reply().status(200).body("text/plain", b"late");
    Ok(())
}

/// Streams `?pieces=` of `?bytes=` each.
async fn stream(_: &Workbench, exchange: &mut Exchange<'_>) -> Done {
    let request = exchange.request();
    let (pieces, bytes) = (number(&request, "pieces")?, number(&request, "bytes")?);
    let mut streaming = exchange.stream(200, "text/plain");
    for index in 0..pieces {
        let letter = b'a' + (index % 26) as u8;
        streaming.write(&vec![letter; bytes as usize]).await?;
        if index % 3 == 0 {
            streaming.flush().await?;
        }
    }
    streaming.finish();
    Ok(())
}

/// Streams a piece and fails.
async fn cut(_: &Workbench, exchange: &mut Exchange<'_>) -> Done {
    let mut streaming = exchange.stream(200, "text/plain");
    streaming.write(b"not all").await?;
    streaming.flush().await?;
    Err(Problem::new(500, "nobody sees this"))
}

/// Sends `?bytes=` stored bytes.
async fn stored(_: &Workbench, exchange: &mut Exchange<'_>) -> Done {
    let bytes = number(&exchange.request(), "bytes")?;
    let body = Bytes::from(pattern(bytes as usize));
    exchange
        .stored(200, "application/octet-stream", body)
        .send(exchange)
        .await
}

fn fail(_: &Workbench, _: &Request<'_>, _: &mut Reply<'_>) -> Done {
    Err(Problem::new(500, "as asked"))
}

async fn fail_later(_: &Workbench, _: &mut Exchange<'_>) -> Done {
    thirteen::shard::yield_now().await;
    Err(Problem::new(500, "as asked"))
}

async fn panic_later(_: &Workbench, exchange: &mut Exchange<'_>) -> Done {
    thirteen::shard::yield_now().await;
    exchange.reply().status(200).header("X-Dropped", "1");
    panic!("as asked");
}

async fn panic_amid(_: &Workbench, exchange: &mut Exchange<'_>) -> Done {
    let mut streaming = exchange.stream(200, "text/plain");
    streaming.write(b"not all").await?;
    streaming.flush().await?;
    panic!("as asked");
}

const SOCKET: Upgrade<Workbench> = Upgrade {
    negotiate,
    message_bytes_max: MESSAGE_BYTES_MAX,
};

fn negotiate(
    _: &Rc<Workbench>,
    request: &Request<'_>,
    out: &mut Vec<u8>,
) -> Result<Begin, Problem> {
    let origins = OriginPolicy::new([""; 0]).expect("no origin is malformed");
    let terms = Terms {
        subprotocols: Subprotocols::Unspoken,
        origins: &origins,
    };
    let accepted = accept(request, terms).map_err(|refusal| Problem::new(refusal.status(), ""))?;
    accepted.write_reply(out);
    Ok(Box::new(|live| Box::pin(echo_messages(live))))
}

async fn echo_messages(mut live: Live) {
    live.set_deadline(None);
    loop {
        match live.next().await {
            Ok(Event::Message(kind, payload)) => {
                let message = live.bytes(&payload).to_vec();
                match kind {
                    thirteen::http::websocket::MessageKind::Text => {
                        live.write_text(str::from_utf8(&message).expect("text is UTF-8"));
                    }
                    thirteen::http::websocket::MessageKind::Binary => live.write(&message),
                }
            }
            Ok(Event::Alive) => {}
            Ok(Event::End(_)) => return live.finish().await,
            Err(_) => {
                let code = thirteen::http::websocket::CloseCode::GOING_AWAY;
                return live.close(code, "Server stops").await;
            }
        }
    }
}

/// Bytes that show where in a body one is.
pub(crate) fn pattern(count: usize) -> Vec<u8> {
    (0..count).map(|index| (index % 251) as u8).collect()
}

fn number(request: &Request<'_>, name: &str) -> Result<u64, Problem> {
    for pair in request.query() {
        let (candidate, value) = pair?;
        if candidate == name {
            return value.parse().map_err(|_| Problem::new(400, value));
        }
    }
    Err(Problem::new(400, format!("{name} is missing")))
}
