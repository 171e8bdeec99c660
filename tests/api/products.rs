//! `/api/v1/products`: products, lists of them, search, variants, and many changes at once.

use serde_json::{Value, json};

use crate::support::http::Reply;
use crate::world::{Caller, World};

/// Makes a product; `more` has fields besides those that have to be.
pub(crate) fn create(caller: &Caller, sku: &str, more: &Value) -> Value {
    let mut body = json!({
        "name": format!("Product {sku}"), "sku": sku, "price_amount": 1000, "currency": "EUR",
    });
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    caller.post("/api/v1/products", &body).expect(201)
}

/// A vendor with an address of their own at example.com.
pub(crate) fn vendor(world: &World, name: &str) -> Caller {
    let customer = world.customer(name);
    let user = format!("/api/v1/users/{}", customer.id);
    let role = json!({ "role": "vendor" });
    world.admin.put(&user, &role).expect(200);
    world.signed_in(&format!("{name}@example.com"))
}

fn path_of(product: &Value) -> String {
    format!("/api/v1/products/{}", product["id"].as_str().unwrap())
}

fn skus(page: &Value) -> Vec<&str> {
    let items = page["items"].as_array().unwrap();
    items
        .iter()
        .map(|item| item["sku"].as_str().unwrap())
        .collect()
}

#[test]
fn a_product_is_made_read_changed_and_deleted() {
    let world = World::start();
    let anyone = world.anyone();
    let body = json!({
        "name": "Crème Brûlée Dish", "sku": "D-1", "price_amount": 1999, "currency": "EUR",
        "description": "Small.", "specifications": { "width_cm": 12, "safe": ["oven"] },
    });
    let reply = world.admin.post("/api/v1/products", &body);
    let made = reply.expect(201);
    let path = path_of(&made);
    assert_eq!(reply.header("location"), Some(&*path));
    assert_eq!(made["slug"], "creme-brulee-dish");
    assert_eq!(made["specifications"], body["specifications"]);
    assert_eq!(made["stock"], json!({ "on_hand": 0, "available": 0 }));
    assert_eq!(
        (&made["status"], &made["version"]),
        (&json!("active"), &json!(1))
    );

    let read = anyone.get(&path);
    assert_eq!(read.expect(200), made);
    let etag = read.header("etag").unwrap().to_owned();
    let again = anyone.request("GET", &path, &[("If-None-Match", &etag)], None);
    assert_eq!((again.status, again.body.len()), (304, 0));

    let change = json!({ "price_amount": 2499, "name": "Dish" });
    let put = |tag: &str| {
        world
            .admin
            .request("PUT", &path, &[("If-Match", tag)], Some(&change))
    };
    assert_eq!(put("\"v9\"").status, 412);
    let reply = put(&etag);
    let changed = reply.expect(200);
    assert_eq!(
        (&changed["price_amount"], &changed["version"]),
        (&json!(2499), &json!(2))
    );
    assert_eq!(changed["slug"], made["slug"], "URLs stay");
    assert_eq!(put(&etag).status, 412, "it has moved on");
    assert_eq!(anyone.get(&path).expect(200), changed, "no cache is stale");

    assert_eq!(world.admin.delete(&path).status, 204);
    assert_eq!(anyone.get(&path).status, 404);
    assert_eq!(world.admin.delete(&path).status, 404);
    assert_eq!(skus(&anyone.get("/api/v1/products").expect(200)), [""; 0]);
    create(&world.admin, "D-1", &json!({ "slug": "creme-brulee-dish" }));
}

#[test]
fn what_is_taken_unknown_or_wrong_is_refused() {
    let world = World::start();
    let first = create(&world.admin, "A", &json!({ "slug": "a" }));
    let post = |body: &Value| world.admin.post("/api/v1/products", body);
    let new = |more: Value| {
        let mut body = json!({ "name": "x", "sku": "B", "price_amount": 1, "currency": "EUR" });
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        body
    };
    assert_eq!(post(&new(json!({ "sku": "A" }))).problem(409), "sku_taken");
    assert_eq!(
        post(&new(json!({ "slug": "a" }))).problem(409),
        "slug_taken"
    );
    let nobody = first["id"].as_str().unwrap();
    let faults = post(&new(json!({
        "category_id": nobody, "attributes": [{ "value_id": nobody }],
        "images": [{ "url": "https://elsewhere.example/x.png" }],
    })))
    .faults();
    let pointers: Vec<&str> = faults.iter().map(|(pointer, _)| &**pointer).collect();
    assert_eq!(pointers, ["/category_id", "/attributes", "/images/0/url"]);
    let faults =
        post(&json!({ "price_amount": -1, "currency": "EURO", "sku": "", "x": 1 })).faults();
    assert_eq!(faults.len(), 5, "{faults:?}");

    let path = path_of(&first);
    let to = |status: &str| world.admin.put(&path, &json!({ "status": status }));
    to("archived").expect(200);
    assert_eq!(
        world.anyone().get(&path).status,
        404,
        "customers do not see it"
    );
    assert_eq!(world.customer("c").get(&path).status, 404);
    assert_eq!(world.admin.get(&path).status, 200);
    assert_eq!(to("active").problem(409), "illegal_transition");
    to("inactive").expect(200);
    to("active").expect(200);
    assert_eq!(world.anyone().get(&path).status, 200);
}

#[test]
fn lists_are_filtered_and_sorted() {
    let world = World::start();
    let admin = &world.admin;
    let category = admin
        .post("/api/v1/categories", &json!({ "name": "Lamps" }))
        .expect(201);
    let category = category["id"].as_str().unwrap();
    for (sku, price) in [("A", 300), ("B", 100), ("C", 200), ("D", 200)] {
        let place = if sku == "D" {
            Value::Null
        } else {
            json!(category)
        };
        create(
            admin,
            sku,
            &json!({ "price_amount": price, "category_id": place }),
        );
    }
    create(admin, "E", &json!({ "status": "inactive" }));
    let anyone = world.anyone();
    let list = |query: &str| {
        let reply = anyone.get(&format!("/api/v1/products?{query}"));
        reply.expect(200)
    };
    for (query, expected) in [
        ("", vec!["D", "C", "B", "A"]),
        ("order=asc", vec!["A", "B", "C", "D"]),
        ("sort=price", vec!["B", "C", "D", "A"]),
        ("sort=price&order=desc", vec!["A", "D", "C", "B"]),
        ("price_min=150&price_max=200", vec!["D", "C"]),
        ("in_stock=true", vec![]),
        ("in_stock=false&price_max=100", vec!["B"]),
        ("rating=1", vec![]),
    ] {
        assert_eq!(skus(&list(query)), expected, "{query}");
    }
}

#[test]
fn categories_have_lists_of_their_own() {
    let world = World::start();
    let (admin, anyone) = (&world.admin, world.anyone());
    let category = admin
        .post("/api/v1/categories", &json!({ "name": "Lamps" }))
        .expect(201);
    let category = category["id"].as_str().unwrap();
    for (sku, price) in [("A", 300), ("B", 100), ("C", 200)] {
        let more = json!({ "price_amount": price, "category_id": category });
        create(admin, sku, &more);
    }
    create(admin, "D", &json!({}));
    let list = |query: &str| {
        let target = format!("/api/v1/products?{query}");
        anyone.get(&target).expect(200)
    };
    let of_category = format!("category={category}&include_total=1");
    let page = list(&of_category);
    assert_eq!(
        (skus(&page), &page["total"]),
        (vec!["C", "B", "A"], &json!(3))
    );
    for path in [
        format!("products/category/{category}"),
        format!("categories/{category}/products"),
    ] {
        let page = anyone
            .get(&format!("/api/v1/{path}?sort=price"))
            .expect(200);
        assert_eq!(skus(&page), ["B", "C", "A"], "{path}");
    }
    let nowhere = format!("/api/v1/products/category/{}", uuid_of_nobody());
    assert_eq!(anyone.get(&nowhere).status, 404);
}

#[test]
fn lists_go_on_where_a_page_ended() {
    let world = World::start();
    let anyone = world.anyone();
    for (sku, price) in [("A", 300), ("B", 100), ("C", 200), ("D", 200)] {
        create(&world.admin, sku, &json!({ "price_amount": price }));
    }
    let list = |query: &str| {
        let reply = anyone.get(&format!("/api/v1/products?{query}"));
        reply.expect(200)
    };
    assert_eq!(list("include_total=1&price_min=150")["total"], 3);
    let first = anyone.get("/api/v1/products?limit=2&sort=price");
    let next = first.expect(200)["next"].as_str().unwrap().to_owned();
    let link = first.header("link").unwrap().to_owned();
    assert!(
        link.ends_with("rel=\"next\"") && link.contains(&next),
        "{link}"
    );
    let second = list(&format!("limit=2&sort=price&cursor={next}"));
    assert_eq!(
        (skus(&second), &second["next"]),
        (vec!["D", "A"], &Value::Null)
    );
    assert_eq!(skus(&list("sort=price&page=2&per_page=3")), ["A"]);
    let other = anyone.get(&format!("/api/v1/products?limit=2&cursor={next}"));
    assert_eq!(other.problem(422), "invalid_cursor");
}

#[test]
fn what_is_not_active_is_for_staff() {
    let world = World::start();
    create(&world.admin, "E", &json!({ "status": "inactive" }));
    let target = "/api/v1/products?status=inactive";
    assert_eq!(world.anyone().get(target).status, 401);
    assert_eq!(world.customer("c").get(target).status, 403);
    assert_eq!(skus(&world.admin.get(target).expect(200)), ["E"]);
    assert_eq!(
        world.anyone().get(target).status,
        401,
        "no cache lets anybody by"
    );
    assert_eq!(
        skus(&world.admin.get("/api/v1/products?status=all").expect(200)),
        ["E"]
    );
    assert_eq!(
        skus(&world.anyone().get("/api/v1/products").expect(200)),
        [""; 0]
    );
}

#[test]
fn a_vendor_has_products_of_its_own_and_no_others() {
    let world = World::start();
    let (ada, bob) = (vendor(&world, "ada"), vendor(&world, "bob"));
    let own = create(
        &ada,
        "A",
        &json!({ "vendor_id": bob.id, "status": "inactive" }),
    );
    assert_eq!(
        own["vendor_id"],
        json!(ada.id),
        "nobody makes products for another"
    );
    let path = path_of(&own);
    assert_eq!((ada.get(&path).status, bob.get(&path).status), (200, 404));
    let change = json!({ "status": "active", "vendor_id": bob.id });
    assert_eq!(bob.put(&path, &change).status, 404);
    assert_eq!(
        ada.put(&path, &change).expect(200)["vendor_id"],
        json!(ada.id)
    );
    let variant = json!({ "sku": "A-1", "options": {} });
    let variants = format!("{path}/variants");
    assert_eq!(bob.post(&variants, &variant).status, 404);
    ada.post(&variants, &variant).expect(201);
    assert_eq!(ada.delete(&path).status, 403, "that is for staff");
    create(&ada, "B", &json!({ "status": "inactive" }));
    let target = format!("/api/v1/products?status=all&vendor={}", ada.id);
    assert_eq!(skus(&ada.get(&target).expect(200)), ["B", "A"]);
    assert_eq!(bob.get(&target).status, 403);
    let public = format!("/api/v1/products?vendor={}&sort=price", ada.id);
    assert_eq!(skus(&world.anyone().get(&public).expect(200)), ["A"]);
    let upload = json!({ "size": 1 });
    ada.post("/v1/deploy/upload-url", &upload).expect(201);
}

#[test]
fn changes_by_staff_are_in_the_audit_log() {
    let mut world = World::start();
    let product = create(&world.admin, "A", &json!({}));
    world
        .admin
        .put(
            &path_of(&product),
            &json!({ "name": "B", "price_amount": 9, "sku": "A" }),
        )
        .expect(200);
    let whole = json!({ "all_or_nothing": true, "operations": [
        { "op": "update", "id": product["id"], "product": { "status": "inactive" } },
    ] });
    world
        .admin
        .post("/api/v1/products/bulk", &whole)
        .expect(200);
    assert_eq!(world.admin.delete(&path_of(&product)).status, 204);
    assert!(world.server.terminate().status.success());
    let folder = world.server.data();
    let options = thirteen::store::Options { shards: 0 };
    let definition = &thirteen::commerce::schema::DEFINITION;
    let store = thirteen::store::open(definition, &folder, options).unwrap();
    let sql = "SELECT action, detail FROM audit_logs WHERE subject_kind = 'product' \
         ORDER BY sequence";
    let pair = |row: &thirteen::store::Row<'_>| Ok((row.get(0)?, row.get(1)?));
    let told: Vec<(String, String)> = store.read(|view| view.all(sql, &[], pair)).unwrap();
    let told: Vec<(&str, Value)> = told
        .iter()
        .map(|(action, detail)| (&**action, serde_json::from_str(detail).unwrap()))
        .collect();
    let changed = json!({ "name": ["Product A", "B"], "price_amount": [1000, 9] });
    let expected = [
        ("product.created", json!({ "sku": "A" })),
        ("product.updated", changed),
        (
            "product.updated",
            json!({ "status": ["active", "inactive"] }),
        ),
        ("product.deleted", json!({ "sku": "A" })),
    ];
    assert_eq!(told, expected);
}

#[test]
fn faulty_queries_are_told_whole() {
    let world = World::start();
    let reply = world
        .anyone()
        .get("/api/v1/products?sort=x&price_min=-1&colour=red&limit=0");
    assert_eq!(reply.faults().len(), 4, "{}", reply.text());
    let reply = world
        .anyone()
        .get("/api/v1/products?price_min=2&price_max=1");
    assert_eq!(
        reply.faults(),
        [("/price_max".to_owned(), "range".to_owned())]
    );
}

#[test]
fn search_finds_words_and_their_beginnings() {
    let world = World::start();
    let admin = &world.admin;
    create(
        admin,
        "S-1",
        &json!({ "name": "Blue Lamp", "description": "For a desk." }),
    );
    create(
        admin,
        "S-2",
        &json!({ "name": "Desk", "description": "Goes with a blue lamp." }),
    );
    create(
        admin,
        "S-3",
        &json!({ "name": "Red Lamp", "price_amount": 5 }),
    );
    let anyone = world.anyone();
    let search = |query: &str| anyone.get(&format!("/api/v1/products/search?{query}"));
    for (query, expected) in [
        ("q=blue+lamp", vec!["S-1", "S-2"]),
        ("q=blu", vec!["S-1", "S-2"]),
        ("q=lamp&price_max=10", vec!["S-3"]),
        ("q=nothing", vec![]),
    ] {
        assert_eq!(skus(&search(query).expect(200)), expected, "{query}");
    }
    let first = search("q=lamp&limit=2&include_total=1").expect(200);
    assert_eq!(first["total"], 3);
    let next = first["next"].as_str().unwrap();
    create(admin, "S-4", &json!({ "name": "Lamp Lamp Lamp" }));
    let second = search(&format!("q=lamp&limit=2&cursor={next}")).expect(200);
    let mut seen = [skus(&first), skus(&second)].concat();
    seen.sort_unstable();
    assert_eq!(seen, ["S-1", "S-2", "S-3"]);
    for query in ["", "q=", "q=%22", "q=%2A%20-", "q=a&limit=0"] {
        let reply = search(query);
        assert_eq!(reply.status, 422, "{query}: {}", reply.text());
    }
    for query in [
        "q=%22a",
        "q=a%20OR",
        "q=NEAR(a",
        "q=name%3Aa",
        "q=a*b",
        "q=%F0%9F%92%A1a",
    ] {
        assert_eq!(search(query).status, 200, "{query}");
    }
    let long = "a".repeat(201);
    assert_eq!(search(&format!("q={long}")).status, 422);
}

#[test]
fn stock_that_moves_is_not_hidden_by_a_304() {
    let world = World::start();
    let admin = &world.admin;
    let body = json!({ "name": "x", "sku": "P", "price_amount": 1, "currency": "EUR" });
    let reply = admin.post("/api/v1/products", &body);
    let product = reply.expect(201);
    let path = path_of(&product);
    let tag_of = |reply: &Reply| reply.header("etag").unwrap().to_owned();
    let with_variant = |variant: Option<&Value>| {
        json!({ "product_id": product["id"], "delta": 1, "reason": "found",
            "variant_id": variant.map_or(&Value::Null, |variant| &variant["id"]) })
    };
    let check = |path: &str, first: String, variant: Option<&Value>| {
        let known = |tag: &str| admin.request("GET", path, &[("If-None-Match", tag)], None);
        let read = tag_of(&admin.get(path));
        assert_eq!(known(&read).status, 304);
        let change = json!({ "price_amount": 7 });
        let put = admin.request("PUT", path, &[("If-Match", &first)], Some(&change));
        put.expect(200);
        assert_eq!(known(&read).status, 200);
        let changed = tag_of(&put);
        assert_eq!(changed, tag_of(&admin.get(path)));
        let moved = admin.post("/api/v1/inventory/adjust", &with_variant(variant));
        moved.expect(200);
        for tag in [&first, &read, &changed] {
            assert_eq!(known(tag).status, 200, "{path} {tag}");
        }
        let again = admin.request("PUT", path, &[("If-Match", &changed)], Some(&change));
        assert_eq!(again.status, 200, "its version is the same");
    };
    check(&path, tag_of(&reply), None);
    // What only staff sees comes by another way than from the cache.
    let hidden = admin.put(&path, &json!({ "status": "inactive" }));
    hidden.expect(200);
    check(&path, tag_of(&hidden), None);
    let variants = format!("{path}/variants");
    let reply = admin.post(
        &variants,
        &json!({ "sku": "V", "options": { "size": "S" } }),
    );
    let variant = reply.expect(201);
    let path = format!("{variants}/{}", variant["id"].as_str().unwrap());
    check(&path, tag_of(&reply), Some(&variant));
}

#[test]
fn variants_have_skus_options_and_stock_of_their_own() {
    let world = World::start();
    let admin = &world.admin;
    let product = create(admin, "P", &json!({}));
    let path = format!("{}/variants", path_of(&product));
    let new = |sku: &str, size: &str| json!({ "sku": sku, "options": { "size": size } });
    let reply = admin.post(&path, &new("P-S", "S"));
    let small = reply.expect(201);
    assert_eq!(
        (&small["price_amount"], &small["product_id"]),
        (&Value::Null, &product["id"])
    );
    assert_eq!(
        admin.post(&path, &new("P-S", "M")).problem(409),
        "sku_taken"
    );
    assert_eq!(
        admin.post(&path, &new("P-M", "S")).problem(409),
        "options_taken"
    );
    let faulty = json!({ "sku": "x", "options": { "size": 1 } });
    assert_eq!(admin.post(&path, &faulty).faults()[0].0, "/options");
    let variant = format!("{path}/{}", small["id"].as_str().unwrap());
    let changed = admin
        .put(&variant, &json!({ "price_amount": 5 }))
        .expect(200);
    assert_eq!(
        (&changed["price_amount"], &changed["version"]),
        (&json!(5), &json!(2))
    );

    let count = json!({
        "product_id": product["id"], "variant_id": small["id"], "delta": 7, "reason": "found",
    });
    admin.post("/api/v1/inventory/adjust", &count).expect(200);
    let anyone = world.anyone();
    let stock = json!({ "on_hand": 7, "available": 7 });
    let listed = anyone.get(&path);
    assert_eq!(listed.expect(200)["items"][0]["stock"], stock);
    assert_eq!(anyone.get(&path_of(&product)).expect(200)["stock"], stock);
    assert_eq!(
        skus(&anyone.get("/api/v1/products?in_stock=true").expect(200)),
        ["P"]
    );

    assert_eq!(admin.delete(&variant).status, 204);
    assert_eq!(anyone.get(&variant).status, 404);
    assert_eq!(
        anyone.get(&path_of(&product)).expect(200)["stock"]["on_hand"],
        0
    );
    assert_eq!(
        skus(&anyone.get("/api/v1/products?in_stock=true").expect(200)),
        [""; 0]
    );
}

#[test]
fn a_bulk_request_tells_what_became_of_each_operation() {
    let world = World::start();
    let admin = &world.admin;
    let known = create(admin, "K", &json!({}));
    let new = new_operation;
    let operations = json!([
        new("N-1"),
        new("K"),
        { "op": "update", "id": known["id"], "version": 1, "product": { "price_amount": 7 } },
        { "op": "update", "id": known["id"], "version": 1, "product": { "price_amount": 8 } },
        { "op": "delete", "id": uuid_of_nobody() },
        { "op": "delete", "id": known["id"] },
    ]);
    let whole = json!({ "operations": operations, "all_or_nothing": true });
    let refused = admin.post("/api/v1/products/bulk", &whole);
    assert_eq!(refused.problem(409), "bulk_refused");
    let pointers: Vec<Value> = refused.json()["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["pointer"].clone())
        .collect();
    let expected = [
        "/operations/1/product/sku",
        "/operations/3",
        "/operations/4",
    ];
    assert_eq!(pointers, expected);
    assert_eq!(
        world.anyone().get(&path_of(&known)).expect(200)["price_amount"],
        1000
    );

    let each = json!({ "operations": operations });
    let reply = admin.post("/api/v1/products/bulk", &each);
    let told = reply.expect(200);
    let results = told["results"].as_array().unwrap();
    let statuses: Vec<i64> = results
        .iter()
        .map(|one| one["status"].as_i64().unwrap())
        .collect();
    assert_eq!(statuses, [201, 409, 200, 412, 404, 204]);
    assert_eq!(
        (&told["succeeded"], &told["failed"]),
        (&json!(3), &json!(3))
    );
    assert_eq!(results[1]["error"]["code"], "sku_taken");
    assert_eq!(
        skus(&world.anyone().get("/api/v1/products").expect(200)),
        ["N-1"]
    );
}

#[test]
fn a_bulk_request_has_bounds() {
    let world = World::start();
    let admin = &world.admin;
    let new = new_operation;
    let many: Vec<Value> = (0..1000)
        .map(|number| new(&format!("M-{number}")))
        .collect();
    let reply = admin.post("/api/v1/products/bulk", &json!({ "operations": many }));
    assert_eq!(reply.expect(200)["succeeded"], 1000);
    let too_many: Vec<Value> = (0..1001)
        .map(|number| new(&format!("T-{number}")))
        .collect();
    let reply = admin.post("/api/v1/products/bulk", &json!({ "operations": too_many }));
    assert_eq!(
        reply.faults(),
        [("/operations".to_owned(), "length".to_owned())]
    );
    let whole = |count: usize| {
        let some: Vec<Value> = (0..count)
            .map(|number| new(&format!("W-{number}")))
            .collect();
        let body = json!({ "operations": some, "all_or_nothing": true });
        admin.post("/api/v1/products/bulk", &body)
    };
    assert_eq!(whole(201).problem(422), "bulk_too_long");
    assert_eq!(whole(200).expect(200)["succeeded"], 200);
    let faulty = json!({ "operations": [{ "op": "create" }, { "op": "update", "product": {} }] });
    assert_eq!(
        admin.post("/api/v1/products/bulk", &faulty).faults().len(),
        2
    );
}

/// An operation that makes a product.
fn new_operation(sku: &str) -> Value {
    let product = json!({ "name": sku, "sku": sku, "price_amount": 1, "currency": "EUR" });
    json!({ "op": "create", "product": product })
}

/// An id that nothing has.
fn uuid_of_nobody() -> &'static str {
    "01890000-0000-7000-8000-000000000000"
}
