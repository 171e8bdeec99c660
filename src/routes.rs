//! The route tables: every URL of the product.

use crate::commerce::catalog::{attributes, bulk, categories, products, search, variants};
use crate::commerce::inventory;
use crate::context::Context;
use crate::http::Access::Operator;
use crate::http::RateClass::{Api, Write};
use crate::http::{Route, delete, get, post, put};
use crate::limits::{BODY_BYTES_MAX, BULK_BODY_BYTES_MAX, CONFIG_BODY_BYTES_MAX, UPLOAD_BYTES_MAX};
use crate::openapi::by_hand;
use crate::telemetry::RouteLabel;
use crate::vault::uploads;
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
    let mut rows = vec![
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
    ];
    rows.extend(catalogue());
    rows
}

fn catalogue() -> Vec<Route<Context>> {
    let product_lists = [
        get("/api/v1/products", products::api::list),
        get("/api/v1/products/search", search::api::find),
        get(
            "/api/v1/products/category/:id",
            products::api::list_of_category,
        ),
        get(
            "/api/v1/categories/:id/products",
            products::api::list_in_category,
        ),
    ];
    let products = [
        post("/api/v1/products", products::api::create),
        post("/api/v1/products/bulk", bulk::api::run).body(BULK_BODY_BYTES_MAX),
        get("/api/v1/products/:id", products::api::read),
        put("/api/v1/products/:id", products::api::update),
        delete("/api/v1/products/:id", products::api::delete),
        get("/api/v1/products/:id/variants", variants::api::list),
        post("/api/v1/products/:id/variants", variants::api::create),
        get(
            "/api/v1/products/:id/variants/:variant_id",
            variants::api::read,
        ),
        put(
            "/api/v1/products/:id/variants/:variant_id",
            variants::api::update,
        ),
        delete(
            "/api/v1/products/:id/variants/:variant_id",
            variants::api::delete,
        ),
    ];
    let categories = [
        get("/api/v1/categories", categories::api::list),
        post("/api/v1/categories", categories::api::create),
        get("/api/v1/categories/:id", categories::api::read),
        put("/api/v1/categories/:id", categories::api::update),
        delete("/api/v1/categories/:id", categories::api::delete),
    ];
    let attributes = [
        get("/api/v1/attributes", attributes::api::list),
        post("/api/v1/attributes", attributes::api::create),
        get("/api/v1/attributes/:id", attributes::api::read),
        put("/api/v1/attributes/:id", attributes::api::update),
        delete("/api/v1/attributes/:id", attributes::api::delete),
        get(
            "/api/v1/attributes/:id/values",
            attributes::api::list_values,
        ),
        post(
            "/api/v1/attributes/:id/values",
            attributes::api::create_value,
        ),
        put(
            "/api/v1/attributes/:id/values",
            attributes::api::replace_values,
        ),
        put(
            "/api/v1/attributes/:id/values/:value_id",
            attributes::api::update_value,
        ),
        delete(
            "/api/v1/attributes/:id/values/:value_id",
            attributes::api::delete_value,
        ),
    ];
    let uploads = [
        post("/v1/deploy/upload-url", uploads::api::issue),
        put("/v1/uploads/:id", uploads::api::store).body(UPLOAD_BYTES_MAX),
        get("/v1/uploads/:id", uploads::api::read),
    ];
    let rows = product_lists.into_iter().chain(products).chain(categories);
    let rows = rows.chain(attributes).chain(uploads);
    rows.map(|row| row.rate(Api)).collect()
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
