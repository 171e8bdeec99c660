//! Walks the table of the api door: whatever is in it refuses whom and what it has to.

use serde_json::json;
use thirteen::http::{Access, Handler, RateClass, Route, method_name};
use thirteen::routes::{API, tables};

use crate::document;
use crate::support::http::{Connection, Reply};
use crate::world::{Caller, World};

fn rows() -> Vec<Route<thirteen::context::Context>> {
    let mut tables = tables();
    std::mem::take(&mut tables[API])
}

fn name_of<A>(route: &Route<A>) -> String {
    format!("{} {}", method_name(route.method), route.path)
}

/// The route's path with ids that nothing has.
fn target_of(path: &str) -> String {
    let segments = path.split('/').map(|segment| match segment.as_bytes() {
        [b':' | b'*', ..] => NOBODY,
        _ => segment,
    });
    segments.collect::<Vec<_>>().join("/")
}

/// Sends what the route takes, as far as that can be told without knowing it.
fn try_route<A>(caller: &Caller, route: &Route<A>) -> Reply {
    let body = (route.body_bytes_max > 0).then(|| serde_json::json!({}));
    let (method, target) = (method_name(route.method), target_of(route.path));
    caller.request(method, &target, &[], body.as_ref())
}

#[test]
fn every_route_is_in_the_document() {
    for route in rows() {
        let operation = document::operation(method_name(route.method), route.path);
        let operation = operation.unwrap_or_else(|| panic!("{} is not", name_of(&route)));
        let needs = operation.get("security").is_some();
        let is_guarded = !matches!(route.access, Access::Anyone | Access::Operator);
        assert_eq!(needs, is_guarded, "{}", name_of(&route));
    }
}

#[test]
fn nobody_gets_what_somebody_has_to_ask_for() {
    let world = World::start();
    let anyone = world.anyone();
    for route in rows() {
        let reply = match route.access {
            Access::Anyone | Access::Operator => continue,
            Access::User | Access::Seller | Access::Vendor | Access::Admin => {
                try_route(&anyone, &route)
            }
        };
        assert_eq!(reply.status, 401, "{}: {}", name_of(&route), reply.text());
        let challenge = reply.header("www-authenticate").unwrap_or_default();
        assert!(challenge.starts_with("Bearer"), "{}", name_of(&route));
    }
}

#[test]
fn a_customer_does_nothing_that_takes_a_higher_role() {
    let world = World::start();
    let customer = world.customer("low");
    for route in rows() {
        match route.access {
            Access::Anyone | Access::Operator | Access::User => continue,
            Access::Seller | Access::Vendor | Access::Admin => {}
        }
        let reply = try_route(&customer, &route);
        assert_eq!(reply.status, 403, "{}: {}", name_of(&route), reply.text());
    }
}

#[test]
fn what_belongs_to_somebody_else_is_not_there() {
    let world = World::start();
    let (stranger, owner) = (world.vendor("stranger"), world.vendor("owner"));
    let places = places_of(&owner);
    let mut tried = 0;
    for route in rows() {
        let is_owned =
            matches!(route.access, Access::User | Access::Seller) && route.path.contains("/:");
        if !is_owned {
            continue;
        }
        let target = places
            .iter()
            .fold(route.path.to_owned(), |target, (template, place)| {
                target.replace(template, place)
            });
        assert!(!target.contains(':'), "whose is {target}?");
        let body = (route.body_bytes_max > 0).then(|| match route.path {
            "/api/v1/products/:id/variants" => json!({ "sku": "S-1", "options": { "a": "b" } }),
            _ => json!({}),
        });
        let method = method_name(route.method);
        let reply = stranger.request(method, &target, &[], body.as_ref());
        // What is wrong with the body is nobody's business who may not send it.
        assert_eq!(reply.status, 404, "{}: {}", name_of(&route), reply.text());
        tried += 1;
    }
    assert!(tried >= 10, "{tried} routes have an owner");
    for (_, place) in places.iter().filter(|(_, place)| place.starts_with("/api")) {
        owner.get(place).expect(200);
    }
}

/// What an owner has, and where the templates of its routes lead to it.
fn places_of(owner: &Caller) -> Vec<(&'static str, String)> {
    let id = |made: serde_json::Value| made["id"].as_str().unwrap().to_owned();
    let addresses = format!("/api/v1/users/{}/addresses", owner.id);
    let address = json!({
        "recipient": "O. Wner", "line1": "1 High Street", "city": "London",
        "postal_code": "SW1A 1AA", "country": "GB", "is_default": true,
    });
    let address = id(owner.post(&addresses, &address).expect(201));
    let product = json!({ "name": "Own", "sku": "OWN-1", "price_amount": 1, "currency": "EUR" });
    let product = id(owner.post("/api/v1/products", &product).expect(201));
    let variants = format!("/api/v1/products/{product}/variants");
    let variant = json!({ "sku": "OWN-2", "options": { "size": "s" } });
    let variant = id(owner.post(&variants, &variant).expect(201));
    vec![
        (":addressId", address),
        (":variantId", variant),
        ("/api/v1/users/:id", format!("/api/v1/users/{}", owner.id)),
        (
            "/api/v1/products/:id",
            format!("/api/v1/products/{product}"),
        ),
    ]
}

#[test]
fn no_route_takes_more_than_its_bound() {
    let world = World::start();
    for route in rows() {
        if matches!(route.handler, Handler::Live(_)) || route.body_bytes_max > 1 << 20 {
            continue; // uploads have their own tests
        }
        let body = vec![b' '; route.body_bytes_max as usize + 1];
        let bearer = format!("Bearer {}", world.admin.token.as_deref().unwrap());
        let headers = [
            ("Authorization", &*bearer),
            ("Content-Type", "application/json"),
        ];
        let mut connection = Connection::open(world.server.api());
        let method = method_name(route.method);
        let reply = connection
            .request(method, &target_of(route.path), &headers, &body)
            .unwrap();
        assert_eq!(reply.status, 413, "{}: {}", name_of(&route), reply.text());
    }
}

#[test]
fn what_is_no_json_and_what_is_none_of_ours_is_refused() {
    let world = World::start();
    let bearer = format!("Bearer {}", world.admin.token.as_deref().unwrap());
    for route in rows() {
        let method = method_name(route.method);
        let takes_json = document::operation(method, route.path)
            .is_some_and(|operation| !operation["requestBody"]["content"][JSON].is_null());
        if !takes_json {
            continue;
        }
        let send = |content_type: &str, body: &[u8]| {
            let headers = [("Authorization", &*bearer), ("Content-Type", content_type)];
            Connection::open(world.server.api())
                .request(method, &target_of(route.path), &headers, body)
                .unwrap()
        };
        let cases: [(&str, &[u8], u16); 4] = [
            ("application/json", b"{", 400),
            ("application/json", b"[1]", 422),
            ("application/json", br#"{"no such field": 1}"#, 422),
            ("text/plain", b"{}", 415),
        ];
        for (content_type, body, status) in cases {
            let reply = send(content_type, body);
            let is_config = route.path == "/api/config" && reply.status < 500;
            assert!(
                reply.status == status || is_config,
                "{}: {} for {}",
                name_of(&route),
                reply.text(),
                String::from_utf8_lossy(body)
            );
        }
    }
}

#[test]
fn what_a_route_does_not_take_is_405_and_told() {
    let world = World::start();
    let anyone = world.anyone();
    for route in rows() {
        let reply = anyone.request("OPTIONS", &target_of(route.path), &[], None);
        assert_eq!(reply.status, 204, "{}", name_of(&route));
        let allow = reply.header("allow").unwrap_or_default().to_owned();
        let allowed: Vec<&str> = allow.split(", ").collect();
        assert!(allowed.contains(&method_name(route.method)), "{allow}");
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "TRACE"] {
            if !allowed.contains(&method) {
                let reply = anyone.request(method, &target_of(route.path), &[], None);
                assert_eq!(reply.status, 405, "{method} for {}", name_of(&route));
                assert_eq!(reply.header("allow"), Some(&*allow));
            }
        }
    }
}

#[test]
fn what_is_told_to_somebody_is_kept_from_shared_caches() {
    let world = World::start();
    let kept = |caller: &Caller, target: &str| {
        let reply = caller.get(target);
        reply.header("cache-control").map(str::to_owned)
    };
    let private = Some("private, no-cache".to_owned());
    let me = format!("/api/v1/users/{}", world.admin.id);
    for target in [
        "/api/v1/auth/me",
        &me,
        "/api/v1/inventory",
        "/api/v1/products",
    ] {
        assert_eq!(kept(&world.admin, target), private, "{target}");
    }
    assert_eq!(kept(&world.anyone(), "/api/v1/products"), None);
}

#[test]
fn every_route_of_the_api_is_counted() {
    for route in rows() {
        let is_free = ["/api/v1/status", "/api/v1/openapi.json"].contains(&route.path);
        if !is_free && (route.path.starts_with("/api/v1/") || route.path.starts_with("/v1/")) {
            assert_ne!(route.rate, RateClass::Free, "{}", name_of(&route));
        }
    }
}

const JSON: &str = "application/json";

/// An id that nothing has.
const NOBODY: &str = "00000000-0000-7000-8000-000000000000";
