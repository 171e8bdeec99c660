//! `--demo` fills an empty shop, once and always alike.

use crate::support::http::{fetch, post_json};
use crate::support::server::Server;
use serde_json::json;

#[test]
fn a_demo_is_the_same_every_time_and_filled_once() {
    let mut first = Server::start_with(&["--demo=300"], &[]);
    let second = Server::start_with(&["--demo=300"], &[]);
    let list = "/api/v1/products?limit=100&sort=price&include_total=1";
    let products = fetch(first.api(), list);
    assert_eq!(products.body, fetch(second.api(), list).body);
    let total = products.json()["total"].as_u64().unwrap();
    assert!((250..300).contains(&total), "{total} of 300 are active");
    let categories = fetch(first.api(), "/api/v1/categories?include_total=1").json();
    assert_eq!(categories["total"], 50);

    let exit = first.terminate();
    let line = exit
        .stdout
        .iter()
        .find(|line| line.starts_with("demo"))
        .unwrap();
    let (_, account) = line.split_once("products; ").unwrap();
    let (email, password) = account.split_once(" signs in with ").unwrap();
    first.restart();
    let login = post_json(
        first.api(),
        "/api/v1/auth/login",
        &json!({ "email": email, "password": password }),
    );
    assert_eq!(login.status, 200, "{}", login.text());
    assert_eq!(fetch(first.api(), list).body, products.body);
    let exit = first.terminate();
    assert!(
        !exit.stdout.iter().any(|line| line.starts_with("demo")),
        "{:?}",
        exit.stdout
    );
}

#[test]
fn a_shop_that_has_products_or_users_stays_as_it_is() {
    let mut world = crate::world::World::start();
    assert!(world.server.terminate().status.success());
    world.server.restart_with(&["--demo=300"]);
    let products = fetch(world.server.api(), "/api/v1/products?include_total=1").json();
    assert_eq!(products["total"], 0);
}
