//! `/api/v1/users` and their addresses: who may what, versions, pages, deletion.

use serde_json::{Value, json};

use crate::auth::{letters, token_of};
use crate::support::config_client::{CONFIG_UPDATE, ConfigClient, ERROR, frame};
use crate::support::server::run;
use crate::world::{Caller, World};

fn path(caller: &Caller) -> String {
    format!("/api/v1/users/{}", caller.id)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

#[test]
fn a_user_is_read_and_changed_under_its_version() {
    let world = World::start();
    let ada = world.customer("ada");
    let reply = ada.get(&path(&ada));
    let user = reply.expect(200);
    let etag = reply.header("etag").unwrap().to_owned();
    let known = [("If-None-Match", etag.as_str())];
    let unchanged = ada.request("GET", &path(&ada), &known, None);
    assert_eq!((unchanged.status, unchanged.body.len()), (304, 0));

    let body = json!({ "name": "Ada Lovelace", "phone": "+44 20 1234567" });
    let matching = [("If-Match", etag.as_str())];
    let reply = ada.request("PUT", &path(&ada), &matching, Some(&body));
    let changed = reply.expect(200);
    assert_eq!(changed["name"], "Ada Lovelace");
    assert_eq!(
        changed["version"],
        json!(user["version"].as_i64().unwrap() + 1)
    );
    assert_eq!(changed["email"], user["email"], "what is absent stays");
    let reply = ada.request("PUT", &path(&ada), &matching, Some(&body));
    assert_eq!(reply.problem(412), "precondition_failed");
    let cleared = ada.put(&path(&ada), &json!({ "phone": null })).expect(200);
    assert_eq!(cleared["phone"], Value::Null);
    let faults = ada
        .put(&path(&ada), &json!({ "email": "x", "name": "", "id": "y" }))
        .faults();
    assert_eq!(faults.len(), 3, "{faults:?}");
}

#[test]
fn others_are_not_there_and_lists_are_for_staff() {
    let world = World::start();
    let (ada, eve) = (world.customer("ada"), world.customer("eve"));
    assert_eq!(eve.get(&path(&ada)).problem(404), "not_found");
    assert_eq!(eve.put(&path(&ada), &json!({})).problem(404), "not_found");
    assert_eq!(eve.delete(&path(&ada)).problem(404), "not_found");
    assert_eq!(eve.get("/api/v1/users").problem(403), "forbidden");
    assert_eq!(
        world.anyone().get("/api/v1/users").problem(401),
        "unauthenticated"
    );
    assert_eq!(world.admin.get(&path(&ada)).expect(200)["id"], ada.id);
    assert_eq!(
        world.admin.get("/api/v1/users/none").problem(404),
        "not_found"
    );
    let nobody = "/api/v1/users/01890a5d-ac96-774b-bcce-b302099a8057";
    assert_eq!(world.admin.get(nobody).problem(404), "not_found");
}

#[test]
fn staff_reads_the_list_page_by_page() {
    let world = World::start();
    for index in 0..4 {
        world.customer(&format!("user{index}"));
    }
    let mut target = "/api/v1/users?limit=2&include_total=1".to_owned();
    let mut ids = Vec::new();
    loop {
        let reply = world.admin.get(&target);
        let page = reply.expect(200);
        assert_eq!(page["total"], 5);
        let items = page["items"].as_array().unwrap();
        ids.extend(items.iter().map(|user| text(&user["id"]).to_owned()));
        let Some(next) = page["next"].as_str() else {
            break;
        };
        assert!(reply.header("link").unwrap().contains(next));
        target = format!("/api/v1/users?limit=2&include_total=1&cursor={next}");
    }
    assert_eq!(ids.len(), 5);
    assert!(
        ids.is_sorted_by(|left, right| left < right),
        "each once, in order: {ids:?}"
    );
    let second = world
        .admin
        .get("/api/v1/users?page=2&per_page=2")
        .expect(200);
    let second: Vec<&str> = second["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|user| text(&user["id"]))
        .collect();
    assert_eq!(second, ids[2..4]);
    let reply = world.admin.get("/api/v1/users?cursor=AAAA");
    assert_eq!(reply.status, 422);
}

#[test]
fn staff_gives_roles_and_the_last_administrator_stays() {
    let world = World::start();
    let ada = world.customer("ada");
    let reply = ada.put(&path(&ada), &json!({ "role": "admin" }));
    assert_eq!(reply.problem(403), "forbidden");
    let reply = world
        .admin
        .put(&path(&world.admin), &json!({ "role": "customer" }));
    assert_eq!(reply.problem(409), "last_admin");
    assert_eq!(
        world.admin.delete(&path(&world.admin)).problem(409),
        "last_admin"
    );

    let promoted = world
        .admin
        .put(&path(&ada), &json!({ "role": "admin" }))
        .expect(200);
    assert_eq!(promoted["role"], "admin");
    // The token says customer, which is true no more.
    assert_eq!(ada.get(&path(&ada)).problem(401), "invalid_token");
    let ada = world.signed_in("ada@example.com");
    ada.get("/api/v1/users").expect(200);
    world
        .admin
        .put(&path(&world.admin), &json!({ "role": "customer" }))
        .expect(200);
    assert_eq!(
        world.admin.get("/api/v1/users").problem(401),
        "invalid_token"
    );
    assert_eq!(ada.delete(&path(&ada)).problem(409), "last_admin");
}

#[test]
fn another_address_is_verified_again_and_a_taken_one_refused() {
    let world = World::start();
    let (ada, eve) = (world.customer("ada"), world.customer("eve"));
    let reply = eve.put(&path(&eve), &json!({ "email": "ADA@example.com" }));
    assert_eq!(reply.problem(409), "email_taken");
    let moved = ada
        .put(&path(&ada), &json!({ "email": "ada@example.org" }))
        .expect(200);
    assert_eq!(
        (text(&moved["email"]), &moved["email_verified"]),
        ("ada@example.org", &json!(false))
    );
    // The one that had the account is told, and the other is asked.
    let told = letters(&world.server, "ada@example.com", 2).remove(1);
    assert!(
        told.contains("Subject: Your address was replaced"),
        "{told}"
    );
    assert!(letters(&world.server, "ada@example.org", 1)[0].contains("Confirm"));
    let case = eve
        .put(&path(&eve), &json!({ "email": "Eve@Example.com" }))
        .expect(200);
    assert_eq!(case["email"], "Eve@Example.com");
}

/// The link with which a password is set, from the letter to an address; asks for it.
fn reset_link(world: &World, email: &str) -> String {
    let body = json!({ "email": email });
    let reply = world.anyone().post("/api/v1/auth/forgot-password", &body);
    reply.expect(202);
    let letters = letters(&world.server, email, 2);
    let asked = letters.iter().find(|letter| letter.contains("reset-pass"));
    token_of(asked.unwrap())
}

#[test]
fn a_link_that_sets_a_password_ends_with_the_address_it_was_mailed_to() {
    let world = World::start();
    let ada = world.customer("ada");
    let link = reset_link(&world, "ada@example.com");
    ada.put(&path(&ada), &json!({ "email": "ada@example.org" }))
        .expect(200);
    let body = json!({ "token": link, "password": "another horse" });
    let reply = world.anyone().post("/api/v1/auth/reset-password", &body);
    assert_eq!(reply.problem(410), "link_expired");
    let user = ada.get(&path(&ada)).expect(200);
    assert_eq!(user["email_verified"], false, "nobody read mail there");
    world.signed_in("ada@example.org");
    // Back at the first address, the link of before stays over.
    ada.put(&path(&ada), &json!({ "email": "ada@example.com" }))
        .expect(200);
    let reply = world.anyone().post("/api/v1/auth/reset-password", &body);
    assert_eq!(reply.problem(410), "link_expired");
}

#[test]
fn the_mailbox_of_before_confirms_nothing() {
    let world = World::start();
    let ada = world.customer("ada");
    let old = token_of(&letters(&world.server, "ada@example.com", 1)[0]);
    ada.put(&path(&ada), &json!({ "email": "ada@example.org" }))
        .expect(200);
    let verify = |token: &str| {
        let body = json!({ "token": token });
        world.anyone().post("/api/v1/auth/verify-email", &body)
    };
    assert_eq!(verify(&old).problem(410), "link_expired");
    let is_verified = || ada.get(&path(&ada)).expect(200)["email_verified"] == true;
    assert!(!is_verified());
    let next = token_of(&letters(&world.server, "ada@example.org", 1)[0]);
    verify(&next).expect(204);
    assert!(is_verified());
}

#[test]
fn a_deleted_user_is_nobody_and_the_address_is_free() {
    let world = World::start();
    let ada = world.customer("ada");
    let address = json!({ "recipient": "Ada", "line1": "1 Road", "city": "Berlin",
        "postal_code": "10115", "country": "DE" });
    ada.post(&format!("{}/addresses", path(&ada)), &address)
        .expect(201);
    let stale = [("If-Match", "\"v99\"")];
    let reply = ada.request("DELETE", &path(&ada), &stale, None);
    assert_eq!(reply.problem(412), "precondition_failed");
    ada.delete(&path(&ada)).expect(204);
    assert_eq!(ada.get("/api/v1/auth/me").problem(401), "invalid_token");
    assert_eq!(world.admin.get(&path(&ada)).problem(404), "not_found");
    let addresses = format!("{}/addresses", path(&ada));
    assert_eq!(world.admin.get(&addresses).problem(404), "not_found");
    assert_eq!(world.admin.delete(&path(&ada)).problem(404), "not_found");
    let again = world.customer("ada");
    assert_ne!(again.id, ada.id);
}

#[test]
fn addresses_have_one_default() {
    let world = World::start();
    let (ada, eve) = (world.customer("ada"), world.customer("eve"));
    let all = format!("{}/addresses", path(&ada));
    let address = |city: &str| {
        json!({ "recipient": "Ada", "line1": "1 Road", "city": city,
            "postal_code": "10115", "country": "DE" })
    };
    let reply = ada.post(&all, &address("Berlin"));
    let first = reply.expect(201);
    assert_eq!(first["is_default"], true, "the first is the default");
    let one = format!("{all}/{}", text(&first["id"]));
    assert_eq!(reply.header("location"), Some(&*one));
    let mut second = address("Bonn");
    second["is_default"] = true.into();
    let second = ada.post(&all, &second).expect(201);
    let other = format!("{all}/{}", text(&second["id"]));
    let defaults = || -> Vec<String> {
        let page = ada.get(&all).expect(200);
        let items = page["items"].as_array().unwrap().iter();
        let defaults = items.filter(|address| address["is_default"] == true);
        defaults
            .map(|address| text(&address["city"]).to_owned())
            .collect()
    };
    assert_eq!(defaults(), ["Bonn"]);
    ada.put(&one, &json!({ "is_default": true })).expect(200);
    assert_eq!(defaults(), ["Berlin"]);
    let faults = ada.put(&one, &json!({ "is_default": false })).faults();
    assert_eq!(
        faults,
        [("/is_default".to_owned(), "default_needed".to_owned())]
    );
    let faults = ada.put(&one, &json!({ "country": "GB" })).faults();
    assert_eq!(faults, [("/postal_code".to_owned(), "format".to_owned())]);
    let stale = [("If-Match", "\"v1\"")];
    let reply = ada.request("PUT", &one, &stale, Some(&json!({ "city": "Ulm" })));
    assert_eq!(reply.problem(412), "precondition_failed");
    ada.delete(&one).expect(204);
    assert_eq!(
        defaults(),
        ["Bonn"],
        "the oldest of the others takes its place"
    );
    assert_eq!(eve.put(&other, &json!({})).problem(404), "not_found");
    let strange = format!("{}/{}", all.replace(&ada.id, &eve.id), text(&second["id"]));
    assert_eq!(
        eve.delete(&strange).problem(404),
        "not_found",
        "an address of another"
    );
    world
        .admin
        .put(&other, &json!({ "label": "Work" }))
        .expect(200);
    ada.delete(&other).expect(204);
    assert_eq!(ada.get(&all).expect(200)["items"], json!([]));
}

#[test]
fn fifty_addresses_are_enough() {
    let world = World::start();
    let ada = world.customer("ada");
    let all = format!("{}/addresses", path(&ada));
    let address = json!({ "recipient": "Ada", "line1": "1 Road", "city": "Berlin",
        "postal_code": "10115", "country": "DE" });
    for _ in 0..50 {
        ada.post(&all, &address).expect(201);
    }
    assert_eq!(ada.post(&all, &address).problem(409), "too_many_addresses");
}

#[test]
fn administrators_are_made_on_the_machine() {
    let world = World::start();
    let folder = world.server.data();
    let create = |email: &str| {
        run(
            &[
                "admin",
                "create",
                email,
                "--json",
                "--data",
                folder.to_str().unwrap(),
            ],
            &[],
        )
    };
    let made = create("root@example.com");
    assert!(made.status.success(), "{made:?}");
    let made: Value = serde_json::from_slice(&made.stdout).unwrap();
    let body = json!({ "email": "root@example.com", "password": made["password"] });
    let tokens = world.anyone().post("/api/v1/auth/login", &body).expect(200);
    assert_eq!(
        (&tokens["user"]["role"], &tokens["user"]["id"]),
        (&json!("admin"), &made["id"])
    );
    let again = create("ROOT@example.com");
    assert_eq!(again.status.code(), Some(1));
    assert!(
        String::from_utf8(again.stderr)
            .unwrap()
            .contains("has an account already")
    );
    assert_eq!(create("nobody").status.code(), Some(2));
    let doctor = run(
        &["doctor", "--json", "--data", folder.to_str().unwrap()],
        &[],
    );
    let findings: Value = serde_json::from_slice(&doctor.stdout).unwrap();
    let mut findings = findings.as_array().unwrap().iter();
    let log = findings
        .rfind(|finding| finding["check"] == "audit log")
        .unwrap();
    assert_eq!(log["verdict"], "ok", "{log}");
}

#[test]
fn staff_changes_the_configuration_where_others_may_not() {
    let world = World::start();
    let ada = world.customer("ada");
    let change = |caller: &Caller| {
        let proxied = [("Via", "1.1 proxy")];
        caller.request(
            "POST",
            "/api/config",
            &proxied,
            Some(&json!({ "rows": 30 })),
        )
    };
    assert_eq!(change(&world.anyone()).status, 403);
    assert_eq!(change(&ada).status, 403);
    assert_eq!(change(&world.admin).status, 200);
    let headers = [("Via", "1.1 proxy")];
    let target = "/api/profile/flamegraph?seconds=0";
    let ops = |caller: &Caller| {
        caller
            .at(world.server.ops())
            .request("GET", target, &headers, None)
    };
    assert_eq!(ops(&ada).status, 403);
    assert_eq!(ops(&world.admin).status, 422, "a length that is refused");
}

#[test]
fn staff_that_is_signed_out_changes_nothing_over_an_open_websocket() {
    let write = [("THIRTEEN_STATE_WRITE", "token")];
    let world = World::start_under(&[], &write);
    let token = world.admin.token.clone().unwrap();
    let mut staff = ConfigClient::connect_as(world.server.api(), &token);
    staff.update(ROWS, 30).unwrap();
    let mut anyone = ConfigClient::connect(world.server.api());
    anyone.send(&frame(CONFIG_UPDATE, ROWS, 31)).unwrap();
    assert_eq!(anyone.next().unwrap()[0], ERROR, "without a session");
    world
        .admin
        .request("POST", "/api/v1/auth/logout", &[], None)
        .expect(204);
    staff.send(&frame(CONFIG_UPDATE, ROWS, 32)).unwrap();
    assert_eq!(staff.next().unwrap()[0], ERROR, "the session has ended");
}

/// The rows' field, as the configuration's frames name it.
const ROWS: u32 = 14;
