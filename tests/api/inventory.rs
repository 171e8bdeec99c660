//! `/api/v1/inventory`.

use serde_json::{Value, json};
use thirteen::commerce::inventory::reservations::sql::reserve;
use thirteen::commerce::inventory::reservations::{Holder, HolderKind};
use thirteen::commerce::inventory::rules::{Item, Line};
use thirteen::commerce::schema::DEFINITION;
use thirteen::id::Id;
use thirteen::store::{Options, open};

use crate::document::Document;
use crate::support::http::Reply;
use crate::world::{Caller, World};

/// A shop whose staff counts stock; every reply is held against the served document.
struct Shop {
    world: World,
    document: Document,
}

impl Shop {
    fn open() -> Shop {
        let world = World::start();
        let document = Document::of(&world);
        Shop { world, document }
    }

    fn staff(&self) -> &Caller {
        &self.world.admin
    }

    /// The id of a product of which there are none.
    fn product(&self, sku: &str) -> String {
        let body = json!({ "name": sku, "sku": sku, "price_amount": 100, "currency": "EUR" });
        let made = self.staff().post("/api/v1/products", &body).expect(201);
        made["id"].as_str().unwrap().to_owned()
    }

    /// The id of a variant of which there are none.
    fn variant(&self, product: &str, sku: &str) -> String {
        let body = json!({ "sku": sku, "options": { "size": sku } });
        let target = format!("/api/v1/products/{product}/variants");
        let made = self.staff().post(&target, &body).expect(201);
        made["id"].as_str().unwrap().to_owned()
    }

    fn list(&self, path: &str, query: &str) -> Value {
        let reply = self.staff().get(&format!("{path}?{query}"));
        self.document.check("GET", path, &reply);
        reply.expect(200)
    }

    fn set(&self, product: &str, headers: &[(&str, &str)], body: &Value) -> Reply {
        let target = format!("{INVENTORY}/{product}");
        let reply = self.staff().request("PUT", &target, headers, Some(body));
        self.document
            .check("PUT", "/api/v1/inventory/:productId", &reply);
        reply
    }

    fn adjust(&self, headers: &[(&str, &str)], body: &Value) -> Reply {
        let reply = self.staff().request("POST", ADJUST, headers, Some(body));
        self.document.check("POST", ADJUST, &reply);
        reply
    }

    /// All items of a list in pages of two.
    fn pages(&self, path: &str, query: &str) -> Vec<Value> {
        let mut items: Vec<Value> = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = self.list(path, &format!("{query}&limit=2{cursor}"));
            let of_page = page["items"].as_array().unwrap();
            assert!(of_page.len() <= 2);
            items.extend(of_page.iter().cloned());
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return items,
            }
        }
    }
}

/// Places and codes of what is wrong with a request.
fn errors_of(problem: &Value) -> Vec<(&str, &str)> {
    let errors = problem["errors"].as_array().unwrap().iter();
    errors
        .map(|error| {
            let pointer = error["pointer"].as_str().unwrap();
            (pointer, error["code"].as_str().unwrap())
        })
        .collect()
}

#[test]
fn a_level_is_set_where_nobody_else_has() {
    let shop = Shop::open();
    let hat = shop.product("HAT");
    let reply = shop.set(&hat, &[], &json!({ "on_hand": 7, "reorder_point": 3 }));
    let count = reply.expect(200);
    for (field, expected) in [
        ("on_hand", json!(7)),
        ("reserved", json!(0)),
        ("available", json!(7)),
        ("reorder_point", json!(3)),
        ("low", json!(false)),
        ("variant_id", Value::Null),
        ("product_id", json!(hat)),
    ] {
        assert_eq!(count[field], expected, "{field}");
    }
    let etag = reply.header("etag").unwrap().to_owned();
    let headers = [("If-Match", &*etag)];
    let count = shop
        .set(&hat, &headers, &json!({ "on_hand": 9 }))
        .expect(200);
    assert_eq!(
        (&count["on_hand"], &count["reorder_point"]),
        (&json!(9), &json!(3))
    );
    let refused = shop.set(&hat, &headers, &json!({ "on_hand": 1 }));
    assert_eq!(refused.problem(412), "precondition_failed");
    let same = shop.set(&hat, &[], &json!({})).expect(200);
    assert_eq!(same, count, "nothing is changed by nothing");
    let stock = shop
        .staff()
        .get(&format!("/api/v1/products/{hat}"))
        .expect(200);
    assert_eq!(stock["stock"], json!({ "on_hand": 9, "available": 9 }));
}

#[test]
fn what_is_no_level_and_what_is_not_counted_is_refused() {
    let shop = Shop::open();
    let hat = shop.product("HAT");
    let reply = shop.set(
        &hat,
        &[],
        &json!({ "on_hand": -1, "reorder_point": 1.5, "reserved": 1 }),
    );
    let faults = [
        ("/on_hand", "range"),
        ("/reorder_point", "type"),
        ("/reserved", "unknown_field"),
    ];
    assert_eq!(errors_of(&reply.expect(422)), faults);
    let absent = "00000000-0000-7000-8000-000000000000";
    for (product, body) in [
        (absent, json!({ "on_hand": 1 })),
        ("hat", json!({ "on_hand": 1 })),
        (&*hat, json!({ "on_hand": 1, "variant_id": absent })),
    ] {
        assert_eq!(shop.set(product, &[], &body).problem(404), "not_found");
    }
    let body = json!({ "product_id": hat, "delta": -1, "reason": "lost" });
    let refused = shop.adjust(&[], &body).expect(409);
    assert_eq!(refused["code"], "stock_conflict");
    assert_eq!(errors_of(&refused), [("/delta", "below_reserved")]);
}

#[test]
fn a_batch_is_made_whole_or_not_at_all() {
    let shop = Shop::open();
    let (hat, shirt) = (shop.product("HAT"), shop.product("SHIRT"));
    let small = shop.variant(&shirt, "S");
    let body = json!({ "adjustments": [
        { "product_id": hat, "delta": 5, "reason": "delivery" },
        { "product_id": shirt, "variant_id": small, "delta": 4, "reason": "delivery" },
        { "product_id": hat, "delta": -2, "reason": "broken" },
    ]});
    let adjusted = shop.adjust(&[], &body).expect(200);
    let levels: Vec<i64> = adjusted["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["on_hand"].as_i64().unwrap())
        .collect();
    assert_eq!(levels, [5, 4, 3]);
    let absent = "00000000-0000-7000-8000-000000000000";
    let body = json!({ "adjustments": [
        { "product_id": hat, "delta": 1, "reason": "found" },
        { "product_id": hat, "delta": -9, "reason": "lost" },
        { "product_id": absent, "delta": 1, "reason": "found" },
    ]});
    let refused = shop.adjust(&[], &body).expect(404);
    let faults = [
        ("/adjustments/1/delta", "below_reserved"),
        ("/adjustments/2/product_id", "not_found"),
    ];
    assert_eq!(errors_of(&refused), faults);
    let counts = shop.list(INVENTORY, &format!("product_id={hat}"));
    assert_eq!(counts["items"][0]["on_hand"], 3);
}

#[test]
fn a_repeated_adjustment_changes_nothing_twice() {
    let shop = Shop::open();
    let hat = shop.product("HAT");
    let key = [("Idempotency-Key", "delivery-117")];
    let body = json!({ "product_id": hat, "delta": 5, "reason": "delivery 117" });
    let first = shop.adjust(&key, &body);
    let again = shop.adjust(&key, &body);
    assert_eq!(
        (first.expect(200), first.header("idempotent-replayed")),
        (again.expect(200), None)
    );
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    let other = json!({ "product_id": hat, "delta": 6, "reason": "delivery 117" });
    assert_eq!(
        shop.adjust(&key, &other).problem(422),
        "idempotency_key_reused"
    );
    // What was refused may be asked again.
    let key = [("Idempotency-Key", "loss-1")];
    let loss = json!({ "product_id": hat, "delta": -6, "reason": "lost" });
    assert_eq!(shop.adjust(&key, &loss).problem(409), "stock_conflict");
    let found = json!({ "product_id": hat, "delta": 1, "reason": "found" });
    shop.adjust(&[], &found).expect(200);
    let lost = shop.adjust(&key, &loss);
    assert_eq!(lost.expect(200)["items"][0]["on_hand"], 0);
    assert_eq!(lost.header("idempotent-replayed"), None);
}

#[test]
fn lists_are_whole_in_pages() {
    let shop = Shop::open();
    let (hat, shirt) = (shop.product("HAT"), shop.product("SHIRT"));
    let (small, large) = (shop.variant(&shirt, "S"), shop.variant(&shirt, "L"));
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let keys = |items: &[Value]| -> Vec<(String, String)> {
        let key = |item: &Value| (text(&item["product_id"]), text(&item["variant_id"]));
        items.iter().map(key).collect()
    };
    let key = |product: &str, variant: &str| (product.to_owned(), variant.to_owned());
    let of_shirt = [key(&shirt, ""), key(&shirt, &small), key(&shirt, &large)];
    let all = [&[key(&hat, "")], &of_shirt[..]].concat();
    assert_eq!(keys(&shop.pages(INVENTORY, "")), all);
    let query = format!("product_id={shirt}");
    assert_eq!(keys(&shop.pages(INVENTORY, &query)), of_shirt);
    let counted = shop.list(INVENTORY, "include_total=1&page=2&per_page=3");
    assert_eq!(
        (
            &counted["total"],
            counted["items"].as_array().unwrap().len()
        ),
        (&json!(4), 1)
    );
    // Nothing is left of anything; the large shirt lacks most.
    let body = json!({ "variant_id": large, "reorder_point": 2 });
    shop.set(&shirt, &[], &body).expect(200);
    shop.set(&hat, &[], &json!({ "on_hand": 1 })).expect(200);
    let low = shop.pages(LOW_STOCK, "");
    assert_eq!(keys(&low)[0], key(&shirt, &large));
    assert!(low.len() == 3 && low.iter().all(|item| item["low"] == true));
    let counted = shop.list(LOW_STOCK, "include_total=1&limit=1");
    assert_eq!(counted["total"], 3);
    let refused = shop.staff().get(&format!("{LOW_STOCK}?cursor={}", "AQA"));
    assert_eq!(refused.problem(422), "invalid_cursor");
}

#[test]
fn history_tells_what_was_changed_by_whom() {
    let shop = Shop::open();
    let (hat, shirt) = (shop.product("HAT"), shop.product("SHIRT"));
    let small = shop.variant(&shirt, "S");
    for delta in [5, -1, -1] {
        let body = json!({ "product_id": hat, "delta": delta, "reason": "counted" });
        shop.adjust(&[], &body).expect(200);
    }
    let body = json!({ "variant_id": small, "on_hand": 2 });
    shop.set(&shirt, &[], &body).expect(200);
    let rows = shop.pages(HISTORY, "");
    let told: Vec<_> = rows
        .iter()
        .map(|row| {
            (
                row["delta"].as_i64().unwrap(),
                row["on_hand_after"].as_i64().unwrap(),
            )
        })
        .collect();
    assert_eq!(told, [(2, 2), (-1, 3), (-1, 4), (5, 5)]);
    assert_eq!(rows[0]["reason"], "set");
    assert_eq!(rows[1]["reason"], "counted");
    assert!(rows.iter().all(|row| row["actor"] == *shop.staff().id));
    let moment = rows[1]["created_at"].as_str().unwrap();
    for (query, expected) in [
        (format!("product_id={hat}"), 3),
        (format!("variant_id={small}"), 1),
        (format!("product_id={hat}&variant_id={small}"), 0),
        (format!("from={moment}&to=2999-12-31T00:00:00Z"), 2),
        ("to=2020-01-01T00:00:00Z".to_owned(), 0),
    ] {
        let rows = shop.pages(HISTORY, &query);
        assert!(rows.len() >= expected, "{query}");
        let counted = shop.list(HISTORY, &format!("{query}&include_total=1"));
        assert_eq!(counted["total"], rows.len(), "{query}");
        assert_eq!(rows.is_empty(), expected == 0, "{query}");
    }
    let refused = shop.staff().get(&format!(
        "{HISTORY}?from=2021-01-01T00:00:00Z&to=2020-01-01T00:00:00Z"
    ));
    assert_eq!(refused.faults(), [("/to".to_owned(), "range".to_owned())]);
}

#[test]
fn stock_that_becomes_low_is_told_once() {
    let shop = Shop::open();
    let hat = shop.product("HAT");
    shop.set(&hat, &[], &json!({ "on_hand": 5, "reorder_point": 3 }))
        .expect(200);
    for delta in [-1, -1, -1] {
        let body = json!({ "product_id": hat, "delta": delta, "reason": "sold over the counter" });
        shop.adjust(&[], &body).expect(200);
    }
    let server = &shop.world.server;
    server.await_log("stock is low");
    let metrics = crate::support::http::send(server.ops(), "GET", "/metrics", &[], b"");
    assert!(
        metrics.text().contains("\nthirteen_stock_low_total 1\n"),
        "{}",
        metrics.text()
    );
}

#[test]
fn what_is_reserved_cannot_be_counted_away_and_expires() {
    let shop = Shop::open();
    let hat = shop.product("HAT");
    shop.set(&hat, &[], &json!({ "on_hand": 9 })).expect(200);
    hold(&shop.world, &hat, &[(4, 3_600_000), (2, 0)]);
    let refused = shop.set(&hat, &[], &json!({ "on_hand": 3 }));
    assert_eq!(refused.problem(409), "below_reserved");
    // The second one's time is over: the sweeper gives back its two, and nothing of the first.
    shop.world
        .server
        .await_log("expired reservations were released");
    let counts = shop.list(INVENTORY, &format!("product_id={hat}"));
    let count = &counts["items"][0];
    assert_eq!(
        (&count["reserved"], &count["available"]),
        (&json!(4), &json!(5))
    );
    let stock = shop.set(&hat, &[], &json!({ "on_hand": 4 })).expect(200);
    assert_eq!(
        (&stock["available"], &stock["low"]),
        (&json!(0), &json!(true))
    );
}

/// Reserves so many of a product for so many milliseconds, as orders do, in the server's store:
/// no endpoint does it alone.
fn hold(world: &World, product: &str, holds: &'static [(i64, i64)]) {
    let folder = world.server.data();
    let store = open(&DEFINITION, &folder, Options { shards: 0 }).unwrap();
    let item = Item {
        product_id: product.parse().unwrap(),
        variant_id: None,
    };
    for &(quantity, ttl_ms) in holds {
        let id = Id::fresh();
        let kind = HolderKind::Order;
        let lines = [Line { item, quantity }];
        let reserved =
            store.write_blocking(move |tx| reserve(tx, id, Holder { kind, id }, &lines, ttl_ms));
        assert!(reserved.unwrap().is_ok());
    }
    store.close();
}

const INVENTORY: &str = "/api/v1/inventory";
const LOW_STOCK: &str = "/api/v1/inventory/low-stock";
const HISTORY: &str = "/api/v1/inventory/history";
const ADJUST: &str = "/api/v1/inventory/adjust";
