//! `/v1/deploy/upload-url` and `/v1/uploads`.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use thirteen::limits::VENDOR_UPLOADS_AWAITED_MAX;

use crate::products;
use crate::support::http::{Connection, Reply};
use crate::world::World;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\nnot much of a picture";

fn issue(world: &World, body: &Value) -> Value {
    world.admin.post("/v1/deploy/upload-url", body).expect(201)
}

fn ask(world: &World, bytes: &[u8], kind: &str) -> Value {
    issue(
        world,
        &json!({ "size": bytes.len(), "content_type": kind, "filename": "a \"b\".png" }),
    )
}

fn put(world: &World, url: &str, kind: &str, bytes: &[u8]) -> Reply {
    let headers = [("Content-Type", kind)];
    Connection::open(world.server.api())
        .request("PUT", url, &headers, bytes)
        .unwrap()
}

/// Files in the folder of uploads, but for its key.
fn files(world: &World) -> usize {
    let folder = world.server.data().join("uploads");
    let mut waiting = vec![folder];
    let mut count = 0;
    while let Some(folder) = waiting.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                waiting.push(entry.path());
            } else if entry.file_name() != "key" {
                count += 1;
            }
        }
    }
    count
}

#[test]
fn a_picture_is_uploaded_once_and_shown_by_a_product() {
    let world = World::start();
    let reply = world.admin.post(
        "/v1/deploy/upload-url",
        &json!({ "size": PNG.len(), "content_type": "image/png", "filename": "a \"b\".png" }),
    );
    let issued = reply.expect(201);
    assert_eq!(issued["expires_in"], 900);
    assert_eq!(issued["fields"]["Content-Type"], "image/png");
    let (url, location) = (
        issued["url"].as_str().unwrap(),
        issued["location"].as_str().unwrap(),
    );
    assert_eq!(
        world.anyone().get(location).status,
        404,
        "nothing is there yet"
    );
    let reply = put(&world, url, "image/png", PNG);
    let stored = reply.expect(201);
    let hash: String = Sha256::digest(PNG)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(
        (&stored["url"], &stored["sha256"]),
        (&json!(location), &json!(hash))
    );
    assert_eq!(
        put(&world, url, "image/png", PNG).problem(409),
        "upload_used"
    );

    let read = world.anyone().get(location);
    assert_eq!((read.status, &*read.body), (200, PNG));
    assert_eq!(read.header("content-type"), Some("image/png"));
    assert_eq!(read.header("x-content-type-options"), Some("nosniff"));
    assert!(read.header("cache-control").unwrap().contains("immutable"));
    let disposition = read.header("content-disposition").unwrap();
    assert_eq!(disposition, "inline; filename*=UTF-8''a%20%22b%22.png");
    let etag = read.header("etag").unwrap().to_owned();
    let again = world
        .anyone()
        .request("GET", location, &[("If-None-Match", &etag)], None);
    assert_eq!(again.status, 304);

    let image = json!({ "images": [{ "url": location, "alt": "A lamp" }] });
    let product = products::create(&world.admin, "P", &image);
    assert_eq!(product["images"], image["images"]);
}

#[test]
fn what_was_not_promised_is_refused_and_leaves_nothing() {
    let world = World::start();
    let url = |kind: &str| ask(&world, PNG, kind)["url"].as_str().unwrap().to_owned();
    let own = url("image/png");
    assert_eq!(put(&world, &own, "image/gif", PNG).status, 415);
    assert_eq!(
        put(&world, &own, "image/png", &PNG[1..]).problem(422),
        "upload_mismatch"
    );
    let longer = [PNG, b"!"].concat();
    assert_eq!(
        put(&world, &own, "image/png", &longer).problem(422),
        "upload_mismatch"
    );
    let script = vec![b'<'; PNG.len()];
    assert_eq!(
        put(&world, &own, "image/png", &script).problem(422),
        "upload_mismatch"
    );
    for (from, to) in [
        (format!("size={}", PNG.len()), "size=9".to_owned()),
        ("image%2Fpng".to_owned(), "text%2Fhtml".to_owned()),
        ("expires=1".to_owned(), "expires=2".to_owned()),
        ("signature=".to_owned(), "signature=A".to_owned()),
    ] {
        let changed = own.replace(&from, &to);
        assert_ne!(changed, own);
        let kind = if to.contains("html") {
            "text/html"
        } else {
            "image/png"
        };
        assert_eq!(
            put(&world, &changed, kind, PNG).problem(403),
            "bad_signature",
            "{changed}"
        );
    }
    let wrong = issue(
        &world,
        &json!({
            "size": PNG.len(), "content_type": "image/png", "sha256": "0".repeat(64),
        }),
    );
    let wrong = wrong["url"].as_str().unwrap();
    assert_eq!(
        put(&world, wrong, "image/png", PNG).problem(422),
        "upload_mismatch"
    );
    assert_eq!(files(&world), 0, "nothing is left");
    put(&world, &own, "image/png", PNG).expect(201);
    assert_eq!(files(&world), 1, "a refusal does not use the URL up");
}

#[test]
fn a_body_that_breaks_off_leaves_nothing() {
    use std::io::Write;
    let world = World::start();
    let issued = issue(&world, &json!({ "size": 1 << 20 }));
    let url = issued["url"].as_str().unwrap();
    let mut connection = Connection::open(world.server.api());
    let head = format!(
        "PUT {url} HTTP/1.1\r\nHost: a\r\nContent-Type: application/octet-stream\r\n\
         Content-Length: {}\r\n\r\n",
        1 << 20
    );
    connection.stream().write_all(head.as_bytes()).unwrap();
    connection.stream().write_all(&vec![7; 600 << 10]).unwrap();
    connection
        .stream()
        .shutdown(std::net::Shutdown::Write)
        .unwrap();
    // The server answers or closes once it has seen the end.
    let _closed = connection.read_to_close();
    let whole = vec![7; 1 << 20];
    put(&world, url, "application/octet-stream", &whole).expect(201);
    assert_eq!(files(&world), 1);
}

#[test]
fn large_files_come_back_whole_and_as_downloads() {
    let world = World::start();
    let bytes: Vec<u8> = (0..3_000_000_u32)
        .map(|number| (number % 251) as u8)
        .collect();
    let issued = ask(&world, &bytes, "text/html");
    put(&world, issued["url"].as_str().unwrap(), "text/html", &bytes).expect(201);
    let read = world.anyone().get(issued["location"].as_str().unwrap());
    assert!(read.body == bytes, "{} bytes", read.body.len());
    let disposition = read.header("content-disposition").unwrap();
    assert!(disposition.starts_with("attachment"), "{disposition}");
    let page = json!({ "images": [{ "url": issued["location"] }], "name": "x", "sku": "x",
        "price_amount": 1, "currency": "EUR" });
    let faults = world.admin.post("/api/v1/products", &page).faults();
    assert_eq!(faults[0].0, "/images/0/url", "a page is no picture");
}

#[test]
fn what_cannot_be_promised_is_told() {
    let world = World::start();
    let ask = |body: Value| world.admin.post("/v1/deploy/upload-url", &body).faults();
    assert_eq!(ask(json!({ "size": 0 })).len(), 1);
    assert_eq!(ask(json!({ "size": 1_000_000_000 })).len(), 1);
    let faulty = json!({ "size": 1, "content_type": "not a type", "sha256": "x".repeat(64) });
    assert_eq!(ask(faulty).len(), 2);
}

#[test]
fn a_url_ends_with_its_time() {
    let world = World::start();
    let key = std::fs::read(world.server.data().join("uploads").join("key")).unwrap();
    let issued = ask(&world, PNG, "image/png");
    let location = issued["location"].as_str().unwrap();
    let ticket = thirteen::vault::uploads::rules::Ticket {
        id: location.rsplit('/').next().unwrap().parse().unwrap(),
        size_bytes: PNG.len() as u64,
        content_type: "image/png".to_owned(),
        sha256: None,
        expires_at: 1_700_000_000_000,
    };
    let url = ticket.url(&key.try_into().unwrap());
    assert_eq!(
        put(&world, &url, "image/png", PNG).problem(410),
        "upload_expired"
    );
    put(&world, issued["url"].as_str().unwrap(), "image/png", PNG).expect(201);
}

#[test]
fn two_uploads_to_one_url_are_not_mixed() {
    use std::io::Write;
    let world = World::start();
    let issued = ask(&world, PNG, "image/png");
    let url = issued["url"].as_str().unwrap();
    let mut slow = Connection::open(world.server.api());
    let head = format!(
        "PUT {url} HTTP/1.1\r\nHost: a\r\nContent-Type: image/png\r\nContent-Length: {}\r\n\
         Expect: 100-continue\r\n\r\n",
        PNG.len()
    );
    slow.stream().write_all(head.as_bytes()).unwrap();
    let mut interim = [0; 25];
    // It is told to go on once it is the one who writes.
    std::io::Read::read_exact(slow.stream(), &mut interim).unwrap();
    assert!(interim.starts_with(b"HTTP/1.1 100"), "{interim:?}");
    assert_eq!(
        put(&world, url, "image/png", PNG).problem(409),
        "upload_used"
    );
    slow.stream().write_all(PNG).unwrap();
    slow.reply("PUT").unwrap().expect(201);
    assert_eq!(files(&world), 1);
}

#[test]
fn a_vendor_asks_for_so_many_urls() {
    let world = World::start();
    let vendor = products::vendor(&world, "v");
    let ask = || vendor.post("/v1/deploy/upload-url", &json!({ "size": PNG.len() }));
    let first = ask().expect(201);
    for _ in 1..VENDOR_UPLOADS_AWAITED_MAX {
        ask().expect(201);
    }
    let refused = ask();
    assert_eq!(refused.problem(429), "uploads_awaited");
    assert!(refused.header("retry-after").is_some());
    issue(&world, &json!({ "size": 1 }));
    let url = first["url"].as_str().unwrap();
    put(&world, url, "application/octet-stream", PNG).expect(201);
    ask().expect(201);
}

#[test]
fn a_file_that_no_row_tells_of_goes_at_the_start() {
    let mut world = World::start();
    let issued = ask(&world, PNG, "image/png");
    put(&world, issued["url"].as_str().unwrap(), "image/png", PNG).expect(201);
    assert!(world.server.terminate().status.success());
    let folder = world.server.data().join("uploads").join("ab");
    std::fs::create_dir_all(&folder).unwrap();
    let orphan = folder.join(thirteen::id::Id::fresh().to_string());
    std::fs::write(&orphan, b"left").unwrap();
    world.server.restart();
    world.server.await_log("that no row tells of");
    assert!(!orphan.exists());
    let location = issued["location"].as_str().unwrap();
    assert_eq!(world.anyone().get(location).body, PNG);
}

#[test]
fn urls_outlive_a_restart() {
    let mut world = World::start();
    let issued = ask(&world, PNG, "image/png");
    let url = issued["url"].as_str().unwrap();
    assert!(world.server.terminate().status.success());
    world.server.restart();
    put(&world, url, "image/png", PNG).expect(201);
}
