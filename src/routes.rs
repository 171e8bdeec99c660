//! The route tables: every URL of the product.

use thirteen_kernels::http::Method::{Get, Post};

use crate::context::Context;
use crate::http::Access::Operator;
use crate::http::RateClass::Write;
use crate::http::{Handler, Route, get};
use crate::limits::CONFIG_BODY_BYTES_MAX;
use crate::telemetry::RouteLabel;
use crate::{state, telemetry, waiting};

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
        get("/health", telemetry::api::health),
        get("/livez", telemetry::api::live),
        Route::new(Get, "/readyz", waiting!(telemetry::api::ready)),
        Route::new(Get, "/api/v1/status", waiting!(telemetry::api::status)),
        get("/api/config", state::api::read),
        Route::new(Post, "/api/config", waiting!(state::api::update))
            .rate(Write)
            .body(CONFIG_BODY_BYTES_MAX),
        Route::new(Get, "/_ws/config", Handler::Live(state::api::FOLLOW)),
    ]
}

fn ops() -> Vec<Route<Context>> {
    vec![
        get("/health", telemetry::api::health),
        get("/livez", telemetry::api::live),
        Route::new(Get, "/readyz", waiting!(telemetry::api::ready)),
        Route::new(Get, "/api/health", waiting!(telemetry::api::report)),
        Route::new(Get, "/metrics", waiting!(telemetry::api::metrics)),
        Route::new(
            Get,
            "/api/profile/metrics",
            waiting!(telemetry::api::profile),
        ),
        Route::new(
            Get,
            "/api/profile/flamegraph",
            waiting!(telemetry::api::flamegraph),
        )
        .access(Operator),
    ]
}

fn registry() -> Vec<Route<Context>> {
    vec![
        get("/health", telemetry::api::health),
        get("/livez", telemetry::api::live),
        Route::new(Get, "/readyz", waiting!(telemetry::api::ready)),
    ]
}
