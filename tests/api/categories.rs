//! `/api/v1/categories`.

use serde_json::{Value, json};

use crate::world::{Caller, World};

fn create(caller: &Caller, name: &str, parent: Option<&Value>) -> Value {
    let body = json!({ "name": name, "parent_id": parent.map(|parent| &parent["id"]) });
    caller.post("/api/v1/categories", &body).expect(201)
}

fn path_of(category: &Value) -> String {
    format!("/api/v1/categories/{}", category["id"].as_str().unwrap())
}

fn paths(page: &Value) -> Vec<&str> {
    let items = page["items"].as_array().unwrap();
    items
        .iter()
        .map(|item| item["path"].as_str().unwrap())
        .collect()
}

#[test]
fn a_category_takes_its_descendants_along() {
    let world = World::start();
    let (admin, anyone) = (&world.admin, world.anyone());
    let home = create(admin, "Home", None);
    let garden = create(admin, "Garden", None);
    let lamps = create(admin, "Lamps", Some(&home));
    let desk = create(admin, "Desk Lamps", Some(&lamps));
    assert_eq!(desk["path"], "/home/lamps/desk-lamps/");
    let tree = anyone.get("/api/v1/categories?include_total=1");
    let tree = tree.expect(200);
    let expected = [
        "/garden/",
        "/home/",
        "/home/lamps/",
        "/home/lamps/desk-lamps/",
    ];
    assert_eq!(
        (paths(&tree), &tree["total"]),
        (expected.to_vec(), &json!(4))
    );

    let change = json!({ "parent_id": garden["id"], "slug": "lights" });
    let reply = admin.put(&path_of(&lamps), &change);
    assert_eq!(reply.expect(200)["path"], "/garden/lights/");
    let moved = anyone.get(&path_of(&desk)).expect(200);
    assert_eq!(
        (&moved["path"], &moved["version"]),
        (&json!("/garden/lights/desk-lamps/"), &json!(2))
    );
    let to_root = admin
        .put(&path_of(&desk), &json!({ "parent_id": null }))
        .expect(200);
    assert_eq!(to_root["path"], "/desk-lamps/");
    let first = anyone.get("/api/v1/categories?limit=3").expect(200);
    let next = first["next"].as_str().unwrap();
    let second = anyone
        .get(&format!("/api/v1/categories?limit=3&cursor={next}"))
        .expect(200);
    assert_eq!(paths(&second), ["/home/"]);
}

#[test]
fn children_are_in_the_order_that_the_shop_gave_them() {
    let world = World::start();
    let root = create(&world.admin, "Root", None);
    for (name, order) in [("a", 3), ("b", 1), ("c", 2)] {
        let body = json!({ "name": name, "parent_id": root["id"], "sort_order": order });
        world.admin.post("/api/v1/categories", &body).expect(201);
    }
    let parent = root["id"].as_str().unwrap();
    let first = world
        .anyone()
        .get(&format!("/api/v1/categories?parent={parent}&limit=2"));
    let first = first.expect(200);
    assert_eq!(paths(&first), ["/root/b/", "/root/c/"]);
    let next = first["next"].as_str().unwrap();
    let target = format!("/api/v1/categories?parent={parent}&cursor={next}");
    assert_eq!(
        paths(&world.anyone().get(&target).expect(200)),
        ["/root/a/"]
    );
    let whole_tree = format!("/api/v1/categories?cursor={next}");
    assert_eq!(
        world.anyone().get(&whole_tree).problem(422),
        "invalid_cursor"
    );
}

#[test]
fn cycles_depth_and_what_is_not_empty_are_refused() {
    let world = World::start();
    let admin = &world.admin;
    let mut line = vec![create(admin, "Level 0", None)];
    for level in 1..8 {
        line.push(create(admin, &format!("Level {level}"), line.last()));
    }
    let body = json!({ "name": "Too deep", "parent_id": line[7]["id"] });
    let faults = admin.post("/api/v1/categories", &body).faults();
    assert_eq!(faults, [("/parent_id".to_owned(), "too_deep".to_owned())]);
    for below in [0, 3, 7] {
        let reply = admin.put(
            &path_of(&line[0]),
            &json!({ "parent_id": line[below]["id"] }),
        );
        assert_eq!(reply.problem(409), "category_cycle");
    }
    let other = create(admin, "Other", None);
    let reply = admin.put(&path_of(&line[0]), &json!({ "parent_id": other["id"] }));
    assert_eq!(
        reply.faults()[0].1,
        "too_deep",
        "the deepest below it counts"
    );
    assert_eq!(
        admin.delete(&path_of(&line[6])).problem(409),
        "category_not_empty"
    );
    let product = json!({
        "name": "x", "sku": "x", "price_amount": 1, "currency": "EUR", "category_id": other["id"],
    });
    let product = admin.post("/api/v1/products", &product).expect(201);
    assert_eq!(
        admin.delete(&path_of(&other)).problem(409),
        "category_not_empty"
    );
    let product = format!("/api/v1/products/{}", product["id"].as_str().unwrap());
    assert_eq!(admin.delete(&product).status, 204);
    assert_eq!(admin.delete(&path_of(&other)).status, 204);
    assert_eq!(world.anyone().get(&path_of(&other)).status, 404);
    create(admin, "Other", None);
}

#[test]
fn versions_and_slugs_are_held() {
    let world = World::start();
    let admin = &world.admin;
    let one = create(admin, "One", None);
    let twin = create(admin, "One", None);
    assert_ne!(one["slug"], twin["slug"], "a slug that is made is free");
    let body = json!({ "name": "x", "slug": "one" });
    assert_eq!(
        admin.post("/api/v1/categories", &body).problem(409),
        "slug_taken"
    );
    let reply = admin.put(&path_of(&twin), &json!({ "slug": "one" }));
    assert_eq!(reply.problem(409), "slug_taken");
    let change = json!({ "name": "Uno" });
    let put = |tag| admin.request("PUT", &path_of(&one), &[("If-Match", tag)], Some(&change));
    assert_eq!(put("\"v2\"").status, 412);
    assert_eq!(put("\"v1\"").header("etag"), Some("\"v2\""));
    let reply = admin.request("DELETE", &path_of(&one), &[("If-Match", "\"v1\"")], None);
    assert_eq!(reply.status, 412);
    let unknown = json!({ "name": "x", "parent_id": "01890000-0000-7000-8000-000000000000" });
    assert_eq!(
        admin.post("/api/v1/categories", &unknown).faults()[0].0,
        "/parent_id"
    );
}
