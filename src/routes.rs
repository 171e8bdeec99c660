//! The route tables: every URL of the product.

use crate::commerce::accounts::{addresses, recovery, registration, sign_in, users};
use crate::commerce::catalog::{attributes, bulk, categories, products, search, variants};
use crate::commerce::inventory;
use crate::context::Context;
use crate::dashboard;
use crate::http::Access::Operator;
use crate::http::RateClass::{Api, Auth, Publish, Registry, Write};
use crate::http::{Route, delete, get, post, put};
use crate::limits::{
    ADVISORY_BODY_BYTES_MAX, BODY_BYTES_MAX, BULK_BODY_BYTES_MAX, CONFIG_BODY_BYTES_MAX,
    DOCUMENT_BODY_BYTES_MAX, PUBLISH_BODY_BYTES_MAX, UPLOAD_BYTES_MAX,
};
use crate::openapi::by_hand;
use crate::registry::{
    access, accounts, advisories, documents, login, owners, packages, publish, search as finding,
    stars, tags, tarballs, tokens, uplinks,
};
use crate::telemetry::RouteLabel;
use crate::vault::uploads;
use crate::{auth, openapi, proxy, state, telemetry};

/// The doors, in the order that everything else numbers them.
pub const DOORS: [&str; 3] = ["api", "ops", "registry"];
/// Positions in [`DOORS`].
pub const API: usize = 0;
/// See [`API`].
pub const OPS: usize = 1;
/// See [`API`].
pub const REGISTRY: usize = 2;

/// The tables, in the order of [`DOORS`].
pub fn tables() -> [Vec<Route<Context>>; DOORS.len()] {
    [api(), ops(), registry()]
}

/// Every row of every table as metrics name it.
pub fn labels() -> Vec<RouteLabel> {
    let rows = DOORS.into_iter().zip(tables());
    rows.flat_map(|(door, table)| {
        table.into_iter().map(move |route| RouteLabel {
            door,
            method: crate::http::method_name(route.method),
            path: route.path,
        })
    })
    .collect()
}

// A row is a line here, however long.
fn api() -> Vec<Route<Context>> {
    let commerce = catalogue().into_iter().chain(stock()).chain(deploy());
    let mut routes = house();
    routes.extend(identity());
    routes.extend(commerce.map(|route| route.rate(Api)));
    routes
}

#[rustfmt::skip]
fn house() -> Vec<Route<Context>> {
    vec![
        get("/health", telemetry::api::health).documented(by_hand::health),
        get("/livez", telemetry::api::live).documented(by_hand::live),
        get("/readyz", telemetry::api::ready).documented(by_hand::ready),
        get("/api/v1/status", telemetry::api::status).documented(by_hand::status),
        get("/api/v1/openapi.json", openapi::api::read),
        get("/api/config", state::api::read).documented(by_hand::config),
        post("/api/config", state::api::update)
            .rate(Write)
            .body(CONFIG_BODY_BYTES_MAX)
            .documented(by_hand::change_config),
        Route::live("/_ws/config", state::api::FOLLOW),
    ]
}

#[rustfmt::skip]
fn identity() -> Vec<Route<Context>> {
    const USER: &str = "/api/v1/users/:id";
    const ADDRESSES: &str = "/api/v1/users/:id/addresses";
    const ADDRESS: &str = "/api/v1/users/:id/addresses/:addressId";
    vec![
        get("/.well-known/jwks.json", auth::api::keys),
        post("/api/v1/auth/register", registration::api::register).rate(Auth),
        post("/api/v1/auth/verify-email", registration::api::verify_email).rate(Auth),
        post("/api/v1/auth/login", sign_in::api::login).rate(Auth),
        post("/api/v1/auth/logout", sign_in::api::logout).rate(Api),
        post("/api/v1/auth/refresh-token", sign_in::api::refresh).rate(Auth),
        get("/api/v1/auth/me", sign_in::api::me).rate(Api),
        post("/api/v1/auth/forgot-password", recovery::api::forgot).rate(Auth),
        post("/api/v1/auth/reset-password", recovery::api::reset).rate(Auth),
        get("/api/v1/users", users::api::list).rate(Api),
        get(USER, users::api::read).rate(Api),
        put(USER, users::api::update).rate(Api),
        delete(USER, users::api::delete).rate(Api),
        get(ADDRESSES, addresses::api::list).rate(Api),
        post(ADDRESSES, addresses::api::create).rate(Api),
        put(ADDRESS, addresses::api::update).rate(Api),
        delete(ADDRESS, addresses::api::delete).rate(Api),
    ]
}

#[rustfmt::skip]
fn stock() -> Vec<Route<Context>> {
    vec![
        get("/api/v1/inventory", inventory::api::list),
        get("/api/v1/inventory/low-stock", inventory::api::low_stock),
        get("/api/v1/inventory/history", inventory::api::history),
        post("/api/v1/inventory/adjust", inventory::api::adjust),
        put("/api/v1/inventory/:productId", inventory::api::update),
    ]
}

#[rustfmt::skip]
fn catalogue() -> Vec<Route<Context>> {
    vec![
        get("/api/v1/products", products::api::list),
        post("/api/v1/products", products::api::create),
        get("/api/v1/products/search", search::api::find),
        get("/api/v1/products/category/:id", products::api::list_of_category),
        post("/api/v1/products/bulk", bulk::api::run).body(BULK_BODY_BYTES_MAX),
        get("/api/v1/products/:id", products::api::read),
        put("/api/v1/products/:id", products::api::update),
        delete("/api/v1/products/:id", products::api::delete),
        get("/api/v1/products/:id/variants", variants::api::list),
        post("/api/v1/products/:id/variants", variants::api::create),
        get("/api/v1/products/:id/variants/:variantId", variants::api::read),
        put("/api/v1/products/:id/variants/:variantId", variants::api::update),
        delete("/api/v1/products/:id/variants/:variantId", variants::api::delete),
        get("/api/v1/categories", categories::api::list),
        post("/api/v1/categories", categories::api::create),
        get("/api/v1/categories/:id", categories::api::read),
        put("/api/v1/categories/:id", categories::api::update),
        delete("/api/v1/categories/:id", categories::api::delete),
        get("/api/v1/categories/:id/products", products::api::list_in_category),
        get("/api/v1/attributes", attributes::api::list),
        post("/api/v1/attributes", attributes::api::create),
        get("/api/v1/attributes/:id", attributes::api::read),
        put("/api/v1/attributes/:id", attributes::api::update),
        delete("/api/v1/attributes/:id", attributes::api::delete),
        get("/api/v1/attributes/:id/values", attributes::api::list_values),
        post("/api/v1/attributes/:id/values", attributes::api::create_value),
        put("/api/v1/attributes/:id/values", attributes::api::replace_values),
        put("/api/v1/attributes/:id/values/:valueId", attributes::api::update_value),
        delete("/api/v1/attributes/:id/values/:valueId", attributes::api::delete_value),
    ]
}

#[rustfmt::skip]
fn deploy() -> Vec<Route<Context>> {
    vec![
        post("/v1/deploy/upload-url", uploads::api::issue),
        put("/v1/uploads/:id", uploads::api::store)
            .body(UPLOAD_BYTES_MAX),
        get("/v1/uploads/:id", uploads::api::read),
    ]
}
fn ops() -> Vec<Route<Context>> {
    vec![
        get("/health", telemetry::api::health),
        get("/livez", telemetry::api::live),
        get("/readyz", telemetry::api::ready),
        get("/api/health", telemetry::api::report),
        get("/metrics", telemetry::api::metrics),
        get("/api/profile/metrics", telemetry::api::profile),
        get("/api/profile/flamegraph", telemetry::api::flamegraph).access(Operator),
    ]
}

#[rustfmt::skip]
fn registry() -> Vec<Route<Context>> {
    let mut routes = hosted();
    routes.extend([
        get("/health", documents::api::read).prompt(documents::api::health_at_once),
        get("/livez", documents::api::read).prompt(documents::api::health_at_once),
        get("/readyz", documents::api::ready),
    ]);
    routes.extend(upstreams());
    routes.extend(people());
    routes.extend(dashboard());
    routes.extend(proxied());
    routes
}

#[rustfmt::skip]
fn dashboard() -> Vec<Route<Context>> {
    vec![
        get("/_dashboard/api/config", dashboard::api::read_config).rate(Registry),
        post("/_dashboard/api/config", dashboard::api::change_config)
            .rate(Write)
            .body(CONFIG_BODY_BYTES_MAX),
        get("/_dashboard/api/env", dashboard::api::read_variables).rate(Registry),
        get("/_dashboard/api/packages", dashboard::api::list_packages).rate(Registry),
        get("/_dashboard/api/metrics", dashboard::api::read_metrics).rate(Registry),
    ]
}

fn proxied() -> Vec<Route<Context>> {
    vec![
        // A body is the handler's to refuse: its length says where the tunnel would begin.
        Route::tunnel(proxy::api::connect).body(u64::MAX),
        Route::forward(proxy::api::forward),
    ]
}

#[rustfmt::skip]
fn hosted() -> Vec<Route<Context>> {
    const REVISION: &str = "/:@package/-rev/:rev";
    const TAGS: &str = "/-/package/:@package/dist-tags";
    const TAG: &str = "/-/package/:@package/dist-tags/:tag";
    vec![
        get("/:@package", documents::api::read).prompt(documents::api::read_at_once).rate(Registry),
        get("/:@package/:version", documents::api::read_version).rate(Registry),
        put(REVISION, packages::api::replace).body(DOCUMENT_BODY_BYTES_MAX).rate(Publish),
        delete(REVISION, packages::api::delete).rate(Publish),
        delete("/:@package/-/:file/-rev/:rev", packages::api::delete_file).rate(Publish),
        get(TAGS, tags::api::list).rate(Registry),
        put(TAG, tags::api::put).rate(Publish),
        post(TAG, tags::api::put).rate(Publish),
        delete(TAG, tags::api::delete).rate(Publish),
        put("/:@package", publish::api::put).rate(Publish).body(PUBLISH_BODY_BYTES_MAX),
        get("/:@package/-/:file", tarballs::api::read)
            .prompt(tarballs::api::read_at_once)
            .rate(Registry),
    ]
}

#[rustfmt::skip]
fn people() -> Vec<Route<Context>> {
    const BULK: &str = "/-/npm/v1/security/advisories/bulk";
    const AUDITS: &str = "/-/npm/v1/security/audits";
    const AUDITS_QUICK: &str = "/-/npm/v1/security/audits/quick";
    vec![
        get("/-/ping", accounts::api::ping),
        get("/-/whoami", accounts::api::whoami).rate(Registry),
        get("/-/user/:user", accounts::api::read).rate(Registry),
        put("/-/user/:user", accounts::api::enter).rate(Auth),
        put("/-/user/:user/-rev/:rev", accounts::api::enter).rate(Auth),
        delete("/-/user/token/:token", accounts::api::leave).rate(Publish),
        post("/-/v1/login", login::api::begin).rate(Auth),
        get("/-/v1/login/style.css", login::api::style),
        get("/-/v1/login/page/:secret", login::api::page).rate(Registry),
        post("/-/v1/login/page/:secret", login::api::submit).rate(Auth),
        get("/-/v1/done/:secret", login::api::done).rate(Registry),
        get("/-/npm/v1/user", accounts::api::profile).rate(Registry),
        post("/-/npm/v1/user", accounts::api::change_profile).rate(Publish),
        get("/-/npm/v1/tokens", tokens::api::list).rate(Registry),
        post("/-/npm/v1/tokens", tokens::api::create).rate(Publish),
        delete("/-/npm/v1/tokens/token/:token", tokens::api::revoke).rate(Publish),
        get("/-/package/:@package/visibility", access::api::visibility).rate(Registry),
        post("/-/package/:@package/visibility", access::api::set_access).rate(Publish),
        get("/-/package/:@package/access", access::api::access).rate(Registry),
        post("/-/package/:@package/access", access::api::set_access).rate(Publish),
        get("/-/package/:@package/collaborators", access::api::collaborators).rate(Registry),
        post("/-/package/:@package/collaborators", access::api::set_collaborator).rate(Publish),
        get("/-/package/:@package/owners", owners::api::list).rate(Registry),
        put("/-/package/:@package/owners", owners::api::add).rate(Publish),
        delete("/-/package/:@package/owners/:user", owners::api::remove).rate(Publish),
        get("/-/user/:user/package", access::api::packages_of).rate(Registry),
        get("/-/_view/starredByUser", stars::api::view).rate(Registry),
        get("/-/user/v1/star", stars::api::own).rate(Registry),
        put("/-/user/v1/star", stars::api::give).rate(Publish),
        delete("/-/user/v1/star", stars::api::take).rate(Publish).body(BODY_BYTES_MAX),
        get("/-/user/:user/stars", stars::api::list).rate(Registry),
        get("/-/v1/search", finding::api::find).rate(Registry),
        post(BULK, advisories::api::bulk).rate(Registry).body(ADVISORY_BODY_BYTES_MAX),
        post(AUDITS, advisories::api::audit).rate(Registry).body(ADVISORY_BODY_BYTES_MAX),
        post(AUDITS_QUICK, advisories::api::audit).rate(Registry).body(ADVISORY_BODY_BYTES_MAX),
        get("/-/npm/v1/keys", advisories::api::keys).rate(Registry),
        get("/-/npm/v1/attestations/:@package", advisories::api::attestations).rate(Registry),
        get("/-/all", access::api::absent),
        get("/-/org/*rest", access::api::absent),
        put("/-/org/*rest", access::api::absent),
        delete("/-/org/*rest", access::api::absent).body(BODY_BYTES_MAX),
        get("/-/team/*rest", access::api::absent),
        put("/-/team/*rest", access::api::absent),
        delete("/-/team/*rest", access::api::absent).body(BODY_BYTES_MAX),
        get("/-/stage", access::api::absent),
        get("/-/stage/*rest", access::api::absent),
        post("/-/stage/*rest", access::api::absent).body(PUBLISH_BODY_BYTES_MAX),
        put("/-/stage/*rest", access::api::absent).body(PUBLISH_BODY_BYTES_MAX),
        delete("/-/stage/*rest", access::api::absent),
        get("/-/package/:@package/trust", access::api::absent),
        post("/-/package/:@package/trust", access::api::absent),
        post("/-/npm/v1/oidc/*rest", access::api::absent),
    ]
}

fn upstreams() -> Vec<Route<Context>> {
    vec![delete("/-/thirteen/cache", uplinks::api::clear).access(Operator)]
}
