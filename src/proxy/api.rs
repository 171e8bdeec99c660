//! The rows of the proxy: `CONNECT`, and `GET` and `HEAD` for other hosts.

use std::time::Instant;

use thirteen_kernels::config::Field;
use thirteen_kernels::config::headers::{Required, ValidHeaders};
use thirteen_kernels::http::BodyLength;

use crate::auth::tokens::proxy::{Pass, verify};
use crate::context::{self, Context};
use crate::http::{Exchange, Problem, Request};
use crate::settings::Upstream;
use crate::shard;
use crate::telemetry::{Operation, process};

use super::decision::decide;
use super::forward;
use super::headers::check;
use super::refusal::Refusal;
use super::tunnel;

/// `CONNECT host:port`.
pub async fn connect(context: &Context, exchange: &mut Exchange<'_>) -> Result<(), Problem> {
    // What follows may be the tunnel's already, and is no request: a refusal ends the connection.
    open(context, exchange).await.map_err(Problem::closing)
}

async fn open(context: &Context, exchange: &mut Exchange<'_>) -> Result<(), Problem> {
    let request = exchange.request();
    let head = request.head();
    if head.body() != BodyLength::None || head.header("content-length").is_some() {
        return Err(Refusal::Body.into());
    }
    let upstream = decided(context, &request, head.target(), None)?.clone();
    let (timeout, idle) = {
        let proxy = &context.settings.borrow().proxy;
        let timeout = upstream.timeout.unwrap_or(proxy.timeout);
        (timeout, proxy.idle_timeout)
    };
    // The far end is a connection as the near one is.
    let seat = exchange.seat().ok_or(Refusal::Busy)?;
    let address = &upstream.address;
    let connecting = context
        .outgoing
        .connect(&address.host, address.port, upstream.reach, timeout);
    let far = connecting.await.map_err(Refusal::from)?;
    exchange.open_tunnel(Box::new(move |near, early| {
        let here = context::here();
        Box::pin(async move {
            tunnel::run(&here, (near, far), early, idle).await;
            drop(seat);
        })
    }));
    Ok(())
}

/// `GET http://host/path`, and `HEAD`.
pub async fn forward(context: &Context, exchange: &mut Exchange<'_>) -> Result<(), Problem> {
    let request = exchange.request();
    let host = request.head().host().unwrap_or_default();
    let port = port_of_scheme(&request);
    let upstream = decided(context, &request, host, Some(port))?.clone();
    forward::pass(context, exchange, &upstream).await
}

/// The upstream that a request may reach; every check that needs no network, in the order of
/// PROTOCOL.md.
fn decided<'c>(
    context: &'c Context,
    request: &Request<'_>,
    target: &[u8],
    default: Option<u16>,
) -> Result<&'c Upstream, Problem> {
    let valid = check(context, request, Required::Proxy)?;
    let valid = valid.expect("required headers are there or at fault");
    let version = number(&valid, Field::Version);
    if version != 1 {
        return Err(Refusal::Version(version).into());
    }
    let hash = number(&valid, Field::RegistryHash) as u32;
    let pass = pass(context, &valid).ok_or(Refusal::Token)?;
    if pass.hash != hash {
        return Err(Refusal::Token.into());
    }
    let admitted = context
        .house
        .proxy_budget
        .admit(pass.rate, context.house.steady_ms());
    admitted.map_err(|problem| {
        problem
            .code("RATE_LIMITED")
            .header("X-Bun-Error", "RATE_LIMITED")
    })?;
    let decide = || decide(&context.proxy.upstreams, hash, target, default);
    Ok(context.telemetry.sample(Operation::ProxyRouting, decide)?)
}

/// A field that the proxy requires.
fn number(valid: &ValidHeaders<'_>, field: Field) -> u64 {
    valid
        .value(field)
        .expect("a field that is required is there")
}

/// What is known of the token, verified once per shard.
fn pass(context: &Context, valid: &ValidHeaders<'_>) -> Option<Pass> {
    let token = valid.token().expect("a token is required").as_bytes();
    let find = || context.proxy.tokens.find(token, shard::turn_began());
    if let Some(pass) = context.telemetry.sample(Operation::ProxyToken, find) {
        return Some(pass);
    }
    let now_seconds = process::unix_ms() / 1000;
    let claims = verify(&context.keys.borrow(), token, now_seconds).ok()?;
    let pass = Pass::of(&claims, &context.house.rate_keys);
    let now = (Instant::now(), now_seconds);
    context.proxy.tokens.remember(token, pass, &claims, now);
    Some(pass)
}

fn port_of_scheme(request: &Request<'_>) -> u16 {
    let target = request.head().target();
    let is_https = target
        .get(..8)
        .is_some_and(|start| start.eq_ignore_ascii_case(b"https://"));
    if is_https { 443 } else { 80 }
}
