//! One visit to every route of the api door, each asked for what it is there for.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use thirteen::http::method_name;
use thirteen::routes::{API, tables};

use crate::auth::{letters, token_of};
use crate::document::{check, seen};
use crate::support::http::Connection;
use crate::world::{Caller, PASSWORD, World};

#[test]
fn every_route_does_what_it_is_for() {
    let world = World::start();
    visit_house(&world);
    visit_identity(&world);
    let product = visit_catalogue(&world);
    visit_stock(&world, &product);
    visit_uploads(&world);
    let routes: BTreeSet<String> = tables()[API]
        .iter()
        .map(|route| format!("{} {}", method_name(route.method), route.path))
        .collect();
    let seen = seen();
    let missed: Vec<&String> = routes.difference(&seen).collect();
    assert!(missed.is_empty(), "not visited: {missed:#?}");
}

fn visit_house(world: &World) {
    let anyone = world.anyone();
    for target in [
        "/health",
        "/livez",
        "/readyz",
        "/api/v1/status",
        "/api/config",
    ] {
        anyone.get(target).expect(200);
    }
    anyone.get("/api/v1/openapi.json").expect(200);
    anyone.get("/.well-known/jwks.json").expect(200);
    anyone
        .post("/api/config", &json!({ "rows": 30 }))
        .expect(200);
    let upgrade = [
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("Sec-WebSocket-Protocol", "bun.config.v1"),
    ];
    let mut connection = Connection::open(world.server.api());
    let reply = connection
        .request("GET", "/_ws/config", &upgrade, b"")
        .unwrap();
    assert_eq!(reply.status, 101);
    check("GET", "/_ws/config", &reply);
}

fn visit_identity(world: &World) {
    let (anyone, email) = (world.anyone(), "tourist@example.com");
    let body = json!({ "email": email, "password": PASSWORD, "name": "Tourist" });
    anyone.post("/api/v1/auth/register", &body).expect(201);
    let token = token_of(&letters(&world.server, email, 1)[0]);
    let body = json!({ "token": token });
    anyone.post("/api/v1/auth/verify-email", &body).expect(204);
    let body = json!({ "email": email });
    anyone
        .post("/api/v1/auth/forgot-password", &body)
        .expect(202);
    let token = token_of(&letters(&world.server, email, 2)[1]);
    let body = json!({ "token": token, "password": PASSWORD });
    anyone
        .post("/api/v1/auth/reset-password", &body)
        .expect(204);
    let body = json!({ "email": email, "password": PASSWORD });
    let tokens = anyone.post("/api/v1/auth/login", &body).expect(200);
    let body = json!({ "refresh_token": tokens["refresh_token"] });
    anyone.post("/api/v1/auth/refresh-token", &body).expect(200);
    let tourist = world.signed_in(email);
    tourist.get("/api/v1/auth/me").expect(200);
    visit_addresses(&tourist);
    let user = format!("/api/v1/users/{}", tourist.id);
    tourist.get(&user).expect(200);
    tourist
        .put(&user, &json!({ "name": "Traveller" }))
        .expect(200);
    let leaving = world.signed_in(email);
    leaving.post("/api/v1/auth/logout", &json!({})).expect(204);
    tourist.delete(&user).expect(204);
    world.admin.get("/api/v1/users").expect(200);
}

fn visit_addresses(tourist: &Caller) {
    let addresses = format!("/api/v1/users/{}/addresses", tourist.id);
    let body = json!({
        "recipient": "A. Tourist", "line1": "1 High Street", "city": "London",
        "postal_code": "SW1A 1AA", "country": "GB", "is_default": true,
    });
    let made = tourist.post(&addresses, &body).expect(201);
    tourist.get(&addresses).expect(200);
    let address = format!("{addresses}/{}", text(&made["id"]));
    tourist
        .put(&address, &json!({ "city": "Leeds" }))
        .expect(200);
    tourist.delete(&address).expect(204);
}

/// Leaves a product behind and gives its id.
fn visit_catalogue(world: &World) -> String {
    let (admin, anyone) = (&world.admin, world.anyone());
    let made = |target: &str, body: &Value| text(&admin.post(target, body).expect(201)["id"]);
    let category = made("/api/v1/categories", &json!({ "name": "Lamps" }));
    let category_path = format!("/api/v1/categories/{category}");
    anyone.get("/api/v1/categories").expect(200);
    anyone.get(&category_path).expect(200);
    admin
        .put(&category_path, &json!({ "sort_order": 3 }))
        .expect(200);
    let body = json!({
        "name": "Desk lamp", "sku": "TOUR-1", "price_amount": 4900, "currency": "EUR",
        "category_id": category, "description": "Warm light.", "specifications": { "watts": 7 },
    });
    let product = made("/api/v1/products", &body);
    let path = format!("/api/v1/products/{product}");
    for target in [
        "/api/v1/products",
        "/api/v1/products/search?q=lam",
        &path,
        &format!("/api/v1/products/category/{category}"),
        &format!("{category_path}/products"),
    ] {
        anyone.get(target).expect(200);
    }
    admin
        .put(&path, &json!({ "price_amount": 4500 }))
        .expect(200);
    let variants = format!("{path}/variants");
    let variant = made(
        &variants,
        &json!({ "sku": "TOUR-1-RED", "options": { "color": "red" } }),
    );
    anyone.get(&variants).expect(200);
    let variant = format!("{variants}/{variant}");
    anyone.get(&variant).expect(200);
    admin
        .put(&variant, &json!({ "price_amount": 5000 }))
        .expect(200);
    admin.delete(&variant).expect(204);
    visit_attributes(world);
    let other = json!({ "name": "Torch", "sku": "TOUR-2", "price_amount": 900, "currency": "EUR" });
    let operations = json!({ "operations": [{ "op": "create", "product": other }] });
    let done = admin.post("/api/v1/products/bulk", &operations).expect(200);
    let torch = text(&done["results"][0]["id"]);
    admin
        .delete(&format!("/api/v1/products/{torch}"))
        .expect(204);
    let empty = made("/api/v1/categories", &json!({ "name": "Empty" }));
    admin
        .delete(&format!("/api/v1/categories/{empty}"))
        .expect(204);
    product
}

fn visit_attributes(world: &World) {
    let admin = &world.admin;
    let made = |target: &str, body: &Value| text(&admin.post(target, body).expect(201)["id"]);
    let attribute = made("/api/v1/attributes", &json!({ "name": "Material" }));
    let path = format!("/api/v1/attributes/{attribute}");
    admin.get("/api/v1/attributes").expect(200);
    admin.get(&path).expect(200);
    admin.put(&path, &json!({ "name": "Stuff" })).expect(200);
    let values = format!("{path}/values");
    let oak = made(&values, &json!({ "value": "oak" }));
    admin.get(&values).expect(200);
    let oak = format!("{values}/{oak}");
    admin.put(&oak, &json!({ "value": "ash" })).expect(200);
    admin.delete(&oak).expect(204);
    admin
        .put(&values, &json!({ "values": ["elm", "pine"] }))
        .expect(200);
    admin.delete(&path).expect(204);
}

fn visit_stock(world: &World, product: &str) {
    let admin = &world.admin;
    let level = json!({ "on_hand": 5, "reorder_point": 9 });
    admin
        .put(&format!("/api/v1/inventory/{product}"), &level)
        .expect(200);
    let adjustment = json!({ "product_id": product, "delta": 2, "reason": "found" });
    admin
        .post("/api/v1/inventory/adjust", &adjustment)
        .expect(200);
    for target in [
        "/api/v1/inventory",
        "/api/v1/inventory/low-stock",
        "/api/v1/inventory/history",
    ] {
        let listed = admin.get(target).expect(200);
        assert_eq!(listed["items"][0]["product_id"], product, "{target}");
    }
}

fn visit_uploads(world: &World) {
    let body = json!({ "size": 5, "content_type": "text/plain" });
    let issued = world.admin.post("/v1/deploy/upload-url", &body).expect(201);
    let url = text(&issued["url"]);
    let mut connection = Connection::open(world.server.api());
    let headers = [("Content-Type", "text/plain")];
    let stored = connection.request("PUT", &url, &headers, b"hello").unwrap();
    assert_eq!(stored.status, 201, "{}", stored.text());
    check("PUT", &url, &stored);
    let location = text(&issued["location"]);
    let read = connection.request("GET", &location, &[], b"").unwrap();
    assert_eq!((read.status, &*read.body), (200, &b"hello"[..]));
    check("GET", &location, &read);
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}
