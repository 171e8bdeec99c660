//! The configuration over HTTP and as a WebSocket.

use std::rc::Rc;

use thirteen_kernels::config::ConfigState;
use thirteen_kernels::config::headers::{
    FaultList, LINES_BYTES_MAX, Required, validate, write_headers,
};
use thirteen_kernels::level::Level;

use crate::auth::principal;
use crate::context::Context;
use crate::http::websocket::{
    Refusal as HandshakeRefusal, Subprotocols, Terms, UpgradeRequest, accept,
};
use crate::http::{
    Begin, Exchange, Problem, Reply, Request, Strength, TagCondition, Upgrade, conditions,
    not_modified, pointer,
};
use crate::telemetry::{Fault, Operation};

use super::access::{Principal, Writer};
use super::change::{Expected, Refusal};
use super::document::{
    BodyFault, change_of_body, changed_body, config_body, config_etag, state_of_etag,
};
use super::follow::follow;
use super::headers::{FaultsBody, is_ours};
use super::session::{MESSAGE_BYTES_MAX, SUBPROTOCOLS, base_of_subprotocol};

/// `GET /api/config`; 304 where the client has it already.
pub fn read(
    context: &Context,
    request: &Request<'_>,
    reply: &mut Reply<'_>,
) -> Result<(), Problem> {
    let id = request_id(context, request)?;
    let state = context
        .telemetry
        .sample(Operation::ConfigRead, || context.state.read());
    let sequence = context.state.sequence();
    let etag = config_etag(&state, sequence);
    if not_modified(request, etag.as_bytes()).is_some() {
        reply.status(304).header("ETag", &etag);
        write_state(context, &state, id, reply);
        reply.empty();
        return Ok(());
    }
    let body = config_body(&state, sequence);
    reply.status(200).header("ETag", &etag);
    write_state(context, &state, id, reply);
    reply.body("application/json", body.as_bytes());
    Ok(())
}

/// `POST /api/config`: any of the fields, all or none; answered when they are on disk. With
/// `If-Match` only if nobody changed them since.
pub async fn update(context: &Context, exchange: &mut Exchange<'_>) -> Result<(), Problem> {
    let id = request_id(context, &exchange.request())?;
    let writer = writer(context, &exchange.request())?;
    let change = change_of_body(&exchange.collect().await?).map_err(problem_of_body)?;
    let expected = expected(&exchange.request(), state_of_etag);
    let sequence = context
        .state
        .change(change, expected, writer)
        .await
        .map_err(problem_of_refusal)?;
    let mut reply = exchange.reply();
    reply.status(200);
    write_state(context, &context.state.read(), id, &mut reply);
    reply.body("application/json", changed_body(sequence).as_bytes());
    Ok(())
}

/// `/_ws/config`.
pub const FOLLOW: Upgrade<Context> = Upgrade {
    negotiate,
    message_bytes_max: MESSAGE_BYTES_MAX as u32,
};

fn negotiate(
    context: &Rc<Context>,
    request: &Request<'_>,
    out: &mut Vec<u8>,
) -> Result<Begin, Problem> {
    let origins = context.origins.borrow();
    let terms = Terms {
        subprotocols: Subprotocols::Required(&SUBPROTOCOLS),
        origins: &origins,
    };
    let refused = |refusal| {
        context.telemetry.fault(Fault::HandshakeRefused);
        problem_of_handshake(refusal)
    };
    let accepted = accept(request, terms).map_err(refused)?;
    // A client that offers only the variant does not speak the protocol that it is a variant of.
    if !offers(request, SUBPROTOCOLS[0]) {
        return Err(refused(HandshakeRefusal::SubprotocolRequired(
            SUBPROTOCOLS[0],
        )));
    }
    let base = accepted.subprotocol().and_then(base_of_subprotocol);
    let base = base.expect("the handshake chose one of ours");
    let staff = principal::staff(context, request);
    let principal = match staff {
        Some(_) => Principal::Staff,
        None => Principal::Anyone,
    };
    let caller = context.caller_as(request, principal);
    accepted.write_reply(out);
    let context = context.clone();
    Ok(Box::new(move |live| {
        Box::pin(follow(context, live, base, caller, staff))
    }))
}

fn offers(request: &Request<'_>, subprotocol: &str) -> bool {
    let mut values = request.header_values("sec-websocket-protocol");
    let is_it = |offer: &[u8]| offer.trim_ascii() == subprotocol.as_bytes();
    values.any(|value| value.split(|byte| *byte == b',').any(is_it))
}

/// The id of a request: the client's, or one of ours. 400 where any `X-Bun-*` header is at fault.
fn request_id(context: &Context, request: &Request<'_>) -> Result<u64, Problem> {
    let head = request.head();
    if !head.headers().any(|(name, _)| is_ours(name)) {
        return Ok(context.request_id());
    }
    let mut faults = FaultList::new();
    let check = || validate(Level::detect(), head.headers(), Required::None, &mut faults);
    let valid = context.telemetry.sample(Operation::HeadersValidate, check);
    if let Some(valid) = valid {
        return Ok(valid.request_id().unwrap_or_else(|| context.request_id()));
    }
    context.telemetry.fault(Fault::ConfigHeaders);
    let body = serde_json::to_vec(&FaultsBody::new(&faults)).expect("its keys are strings");
    Err(Problem::new(400, "").with_body("application/json", body))
}

/// Adds the configuration as header lines.
fn write_state(context: &Context, state: &ConfigState, id: u64, reply: &mut Reply<'_>) {
    let mut lines = [0; LINES_BYTES_MAX];
    let write = || write_headers(state, id, None, &mut lines);
    let bytes = context.telemetry.sample(Operation::HeadersInject, write);
    reply.lines(&lines[..bytes]);
}

/// The proof that a request may change the configuration. A page of another origin may not, even
/// on a machine whose programs all may.
fn writer(context: &Context, request: &Request<'_>) -> Result<Writer, Problem> {
    let (origins, host) = (request.header_values("origin"), request.header("host"));
    if context.origins.borrow().check(origins, host).is_err() {
        return Err(Problem::new(
            403,
            "Pages of this origin may not change the configuration.",
        ));
    }
    let policy = context.settings.borrow().state.write;
    context.caller(request).writer(policy).ok_or_else(|| {
        Problem::new(
            403,
            "The configuration cannot be changed from here (setting state.write).",
        )
    })
}

fn problem_of_body(fault: BodyFault) -> Problem {
    match fault {
        BodyFault::Malformed(error) => Problem::new(400, format!("The body is no JSON: {error}")),
        BodyFault::Fields(faults) => {
            let problem = Problem::new(422, "Nothing was changed.");
            faults.into_iter().fold(problem, |problem, fault| {
                let pointer = match &*fault.field {
                    "" => String::new(),
                    name => pointer(name),
                };
                problem.fault(pointer, fault.code, fault.message)
            })
        }
    }
}

/// How a change that was not made is answered.
pub fn problem_of_refusal(refusal: Refusal) -> Problem {
    let passing = |detail| Problem::new(503, detail).header("Retry-After", "1");
    match refusal {
        Refusal::Busy => passing("Too many changes wait for the disk."),
        Refusal::DiskFailed => passing("The disk did not take the change."),
        Refusal::Stale => Problem::new(412, "The configuration has changed since."),
    }
}

fn problem_of_handshake(refusal: HandshakeRefusal<'_>) -> Problem {
    let body = refusal.to_string();
    let mut problem = Problem::new(refusal.status(), "").with_body("text/plain", body);
    for (name, value) in refusal.headers() {
        problem = problem.header(name, value);
    }
    problem
}

/// What `If-Match` asks for, with what one of a resource's tags stands for. The comparison is the
/// strong one (RFC 9110, section 13.1.1), so that a weak tag names nothing, and neither does one
/// that this server never gave.
pub fn expected(
    request: &Request<'_>,
    state_of_etag: impl Fn(&[u8]) -> Option<(ConfigState, u64)>,
) -> Expected {
    if request.header("if-match").is_none() {
        return Expected::Any;
    }
    let mut states = Vec::new();
    for condition in conditions(request, "if-match") {
        match condition {
            TagCondition::Whatever => return Expected::Any,
            TagCondition::Tag(tag) if tag.strength == Strength::Strong => {
                states.extend(state_of_etag(tag.quoted));
            }
            TagCondition::Tag(_) => {}
        }
    }
    Expected::OneOf(states.into())
}
