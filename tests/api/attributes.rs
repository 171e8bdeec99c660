//! `/api/v1/attributes`.

use serde_json::{Value, json};

use crate::products;
use crate::world::World;

fn texts(values: &Value) -> Vec<&str> {
    let values = values.as_array().unwrap();
    values
        .iter()
        .map(|value| value["value"].as_str().unwrap())
        .collect()
}

#[test]
fn attributes_have_values_and_products_have_those() {
    let world = World::start();
    let admin = &world.admin;
    let body = json!({ "name": "Colour", "values": ["Red", "Green"] });
    let reply = admin.post("/api/v1/attributes", &body);
    let colour = reply.expect(201);
    let path = format!("/api/v1/attributes/{}", colour["id"].as_str().unwrap());
    assert_eq!(texts(&colour["values"]), ["Red", "Green"]);
    let twin = json!({ "name": "COLOUR" });
    assert_eq!(
        admin.post("/api/v1/attributes", &twin).problem(409),
        "name_taken"
    );

    let values = format!("{path}/values");
    let reply = admin.post(&values, &json!({ "value": "Blue" }));
    let blue = reply.expect(201);
    assert_eq!(
        admin
            .post(&values, &json!({ "value": "Blue" }))
            .problem(409),
        "value_taken"
    );
    let arranged = admin
        .put(&values, &json!({ "values": ["Blue", "Red", "Black"] }))
        .expect(200);
    assert_eq!(texts(&arranged["items"]), ["Blue", "Red", "Black"]);
    assert_eq!(
        arranged["items"][0]["id"], blue["id"],
        "what stays keeps its id"
    );
    let listed = admin.get(&values);
    assert_eq!(listed.expect(200), arranged);

    let held = json!({ "attributes": [{ "value_id": blue["id"] }] });
    let product = products::create(admin, "P", &held);
    assert_eq!(product["attributes"][0]["name"], "Colour");
    assert_eq!(product["attributes"][0]["value"], "Blue");
    let of_value = |id: &Value| {
        let target = format!("/api/v1/products?attribute={}", id.as_str().unwrap());
        world.anyone().get(&target).expect(200)["items"]
            .as_array()
            .unwrap()
            .len()
    };
    assert_eq!(
        (of_value(&blue["id"]), of_value(&arranged["items"][1]["id"])),
        (1, 0)
    );
    let one = format!("{values}/{}", blue["id"].as_str().unwrap());
    assert_eq!(admin.delete(&one).problem(409), "in_use");
    assert_eq!(
        admin.put(&values, &json!({ "values": [] })).problem(409),
        "in_use"
    );
    assert_eq!(admin.delete(&path).problem(409), "in_use");
    admin.put(&one, &json!({ "value": "Navy" })).expect(200);
    let product = format!("/api/v1/products/{}", product["id"].as_str().unwrap());
    let read = world.anyone().get(&product).expect(200);
    assert_eq!(read["attributes"][0]["value"], "Navy", "no cache is stale");
    admin
        .put(&product, &json!({ "attributes": [] }))
        .expect(200);
    assert_eq!(admin.delete(&one).status, 204);
    assert_eq!(admin.delete(&path).status, 204);
    assert_eq!(admin.get(&path).status, 404);
}

#[test]
fn values_are_of_their_kind() {
    let world = World::start();
    let body = json!({ "name": "Size", "kind": "number", "values": ["1", "x", "1", "2.5"] });
    let faults = world.admin.post("/api/v1/attributes", &body).faults();
    let expected = [("/values/1", "format"), ("/values/2", "duplicate")];
    assert_eq!(
        faults,
        expected.map(|(place, code)| (place.to_owned(), code.to_owned()))
    );
}

#[test]
fn a_list_of_attributes_is_paged() {
    let world = World::start();
    for name in ["a", "b", "c"] {
        world
            .admin
            .post("/api/v1/attributes", &json!({ "name": name }))
            .expect(201);
    }
    let first = world
        .admin
        .get("/api/v1/attributes?limit=2&include_total=1")
        .expect(200);
    assert_eq!(first["total"], 3);
    let next = first["next"].as_str().unwrap();
    let second = world
        .admin
        .get(&format!("/api/v1/attributes?limit=2&cursor={next}"))
        .expect(200);
    assert_eq!(
        (&second["items"][0]["name"], &second["next"]),
        (&json!("c"), &Value::Null)
    );
}
