//! The endpoints of the dashboard.

use thirteen_kernels::config::ConfigState;
use thirteen_kernels::config::headers::{LINES_BYTES_MAX, write_headers};

use super::config::Overview;
use super::shapes::{
    ChangeField, FieldChanged, FieldName, PackageLine, PackagesQuery, VariablesQuery,
};
use crate::auth::principal::Anyone;
use crate::context::Context;
use crate::http::{
    Body, Cursor, Exchange, Page, Problem, Query, Reply, Request, Sent, Start, Total,
};
use crate::registry::access::{Administrator, Visitor};
use crate::registry::listing::sql::{self as listing, Wanted};
use crate::registry::topics;
use crate::state::Change;
use crate::state::access::Principal;
use crate::state::api::{expected, problem_of_refusal};
use crate::state::variables::{VariablesFormat, text};
use crate::store::View;
use crate::telemetry::{self, Operation};

/// `GET /_dashboard/api/config`; 304 where the client has it already. Everybody may read it, so it
/// comes without a proxy token: that is a credential, and whoever asks would get one.
pub async fn read_config(context: &Context, exchange: &mut Exchange<'_>) -> Result<(), Problem> {
    let packages = packages_count(context).await?;
    let read = || context.state.read();
    let overview = Overview {
        state: context.telemetry.sample(Operation::ConfigRead, read),
        sequence: context.state.sequence(),
        packages,
        uptime: context.house.steady_ms() / 1000,
    };
    let request = exchange.request();
    let mut reply = exchange.reply();
    if let Some(etag) = overview.known(&request) {
        reply.status(304).header("ETag", etag);
        write_state(context, &overview.state, &request, &mut reply);
        reply.empty();
        return Ok(());
    }
    reply.status(200).header("ETag", overview.etag());
    write_state(context, &overview.state, &request, &mut reply);
    reply.body("application/json", &overview.body());
    Ok(())
}

/// `POST /_dashboard/api/config`: one field, by staff; answered when it is on disk. With `If-Match`
/// only where the configuration is the one of a tag that was given; 412 where it is not.
pub async fn change_config(
    context: &Context,
    _: Administrator,
    body: Body<ChangeField>,
    exchange: &mut Exchange<'_>,
) -> Result<Sent, Problem> {
    let FieldName(field) = body.value.field;
    let number = body.value.value.of(field);
    let change = number.and_then(|number| Some((number, Change::update(field, number).ok()?)));
    let Some((value, change)) = change else {
        return Err(Problem::invalid().fault("/value", "range", field.range_text()));
    };
    let request = exchange.request();
    let policy = context.settings.borrow().state.write;
    let caller = context.caller_as(&request, Principal::Staff);
    let writer = caller
        .writer(policy)
        .expect("staff may write under every policy");
    let expected = expected(&request, Overview::state_of_etag);
    let changed = context.state.change(change, expected, writer).await;
    let changed = FieldChanged {
        updated: field.name().to_owned(),
        value,
        sequence: changed.map_err(problem_of_refusal)?,
    };
    let mut reply = exchange.reply();
    reply.status(200);
    write_state(context, &context.state.read(), &request, &mut reply);
    reply.json(&changed);
    Ok(Sent)
}

/// `GET /_dashboard/api/env?format=json|shell|dotenv`.
pub fn read_variables(
    context: &Context,
    _: Anyone,
    query: Query<VariablesQuery>,
    _: &Request<'_>,
    reply: &mut Reply<'_>,
) -> Result<Sent, Problem> {
    let format = query.0.format.unwrap_or(VariablesFormat::Json);
    let read = || context.state.read();
    let state = context.telemetry.sample(Operation::ConfigRead, read);
    let content_type = match format {
        VariablesFormat::Json => "application/json",
        VariablesFormat::Shell | VariablesFormat::Dotenv => "text/plain; charset=utf-8",
    };
    let body = text(&state, format);
    reply.status(200).header("Cache-Control", "no-cache");
    reply.body(content_type, body.as_bytes());
    Ok(Sent)
}

/// `GET /_dashboard/api/packages`: what is hosted here and what is kept of upstreams, by name; of
/// restricted packages those that the caller may read.
pub async fn list_packages(
    context: &Context,
    visitor: Visitor,
    query: Query<PackagesQuery>,
    _: &mut Exchange<'_>,
) -> Result<Page<PackageLine>, Problem> {
    visitor.may_list()?;
    let PackagesQuery { q, page } = query.0;
    let text = q.as_ref().map_or("", |text| &**text).to_ascii_lowercase();
    let wanted = Wanted {
        text: text.clone(),
        after: after(&page.start)?,
        skip: page.offset(),
        limit: page.limit as usize + 1,
    };
    let asked = visitor.clone();
    let list = move |view: &View<'_>| listing::list(view, &asked, &wanted);
    let found = context.house.registry.read_heavy(list).await?;
    let lines = found.into_iter().map(PackageLine::from).collect();
    let mut listed = page.page(lines, |line: &PackageLine| {
        Cursor::new(BY_NAME).string(&line.name)
    });
    if page.total == Total::Included {
        let count = move |view: &View<'_>| listing::total(view, &visitor, &text);
        listed.total = Some(context.house.registry.read_heavy(count).await?);
    }
    Ok(listed)
}

/// `GET /_dashboard/api/metrics`: the ops door's `/metrics`, for those who may read lists.
pub async fn read_metrics(
    context: &Context,
    visitor: Visitor,
    exchange: &mut Exchange<'_>,
) -> Result<Sent, Problem> {
    visitor.may_list()?;
    telemetry::api::metrics(context, exchange).await?;
    Ok(Sent)
}

fn after(start: &Start) -> Result<String, Problem> {
    let Start::After(cursor) = start else {
        return Ok(String::new());
    };
    let mut values = cursor.values(BY_NAME)?;
    let name = values.string()?.to_owned();
    values.end()?;
    Ok(name)
}

async fn packages_count(context: &Context) -> Result<u64, Problem> {
    // Before the count: what is changed after it moves the generation on.
    let generation = context.house.registry.generation(topics::packages());
    if let Some(count) = context.dashboard.count(generation) {
        return Ok(count);
    }
    let count = context.house.registry.read_heavy(listing::count).await?;
    context.dashboard.remember(generation, count);
    Ok(count)
}

/// Adds the configuration as header lines, and an id where the request came without one: this
/// door sends back the one that it has.
fn write_state(
    context: &Context,
    state: &ConfigState,
    request: &Request<'_>,
    reply: &mut Reply<'_>,
) {
    let mut lines = [0; LINES_BYTES_MAX];
    let id = context.request_id();
    let write = || write_headers(state, id, None, &mut lines);
    let bytes = context.telemetry.sample(Operation::HeadersInject, write);
    let mut lines = &lines[..bytes];
    if request.header("x-bun-request-id").is_some() {
        let last = lines.windows(ID.len()).position(|part| part == ID);
        lines = &lines[..last.expect("the id is the last line")];
    }
    reply.lines(lines);
}

const ID: &[u8] = b"X-Bun-Request-ID";
/// The order of the list of packages.
const BY_NAME: u8 = 1;
