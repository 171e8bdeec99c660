//! The route tables: every URL of the product.

use crate::commerce::inventory;
use crate::context::Context;
use crate::http::Access::Operator;
use crate::http::RateClass::{Api, Write};
use crate::http::{Route, get, post, put};
use crate::limits::{BODY_BYTES_MAX, CONFIG_BODY_BYTES_MAX};
use crate::openapi::by_hand;
use crate::telemetry::RouteLabel;
use crate::{openapi, state, telemetry};

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

fn api() -> Vec<Route<Context>> {
    vec![
        get("/health", telemetry::api::health).documented(by_hand::health),
        get("/livez", telemetry::api::live).documented(by_hand::live),
        get("/readyz", telemetry::api::ready).documented(by_hand::ready),
        get("/api/v1/status", telemetry::api::status).documented(by_hand::status),
        get("/api/v1/openapi.json", openapi::api::read),
        get("/api/v1/inventory", inventory::api::list).rate(Api),
        get("/api/v1/inventory/low-stock", inventory::api::low_stock).rate(Api),
        get("/api/v1/inventory/history", inventory::api::history).rate(Api),
        post("/api/v1/inventory/adjust", inventory::api::adjust)
            .rate(Api)
            .body(BODY_BYTES_MAX),
        put("/api/v1/inventory/:productId", inventory::api::update)
            .rate(Api)
            .body(BODY_BYTES_MAX),
        get("/api/config", state::api::read).documented(by_hand::config),
        post("/api/config", state::api::update)
            .rate(Write)
            .body(CONFIG_BODY_BYTES_MAX)
            .documented(by_hand::change_config),
        Route::live("/_ws/config", state::api::FOLLOW),
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

fn registry() -> Vec<Route<Context>> {
    vec![
        get("/health", telemetry::api::health),
        get("/livez", telemetry::api::live),
        get("/readyz", telemetry::api::ready),
    ]
}
