//! `/api/v1/auth` and `/.well-known/jwks.json`: registering, sessions, tokens, cookies.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::http::{Connection, Reply};
use crate::support::server::{Server, run};
use crate::world::{Caller, PASSWORD, World};

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn login(caller: &Caller, email: &str, password: &str) -> Reply {
    let body = json!({ "email": email, "password": password });
    caller.post("/api/v1/auth/login", &body)
}

fn me(world: &World, token: &str) -> Reply {
    let bearer = format!("Bearer {token}");
    let headers = [("Authorization", bearer.as_str())];
    world
        .anyone()
        .request("GET", "/api/v1/auth/me", &headers, None)
}

fn refresh(world: &World, token: &str) -> Reply {
    let body = json!({ "refresh_token": token });
    world.anyone().post("/api/v1/auth/refresh-token", &body)
}

/// The letters in the maildir to an address, the oldest first; waits until there are so many.
pub(crate) fn letters(server: &Server, to: &str, count: usize) -> Vec<String> {
    let folder = server.data().join("mail/new");
    let deadline = Instant::now() + Duration::from_secs(30);
    let needle = format!("To: {to}\r\n");
    loop {
        let entries = std::fs::read_dir(&folder).into_iter().flatten();
        let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        let found: Vec<String> = paths
            .iter()
            .map(|path| std::fs::read_to_string(path).unwrap())
            .filter(|letter| letter.contains(&needle))
            .collect();
        if found.len() >= count {
            return found;
        }
        assert!(Instant::now() < deadline, "{} letters to {to}", found.len());
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// The token in a letter's link.
pub(crate) fn token_of(letter: &str) -> String {
    let whole = letter.replace("=\r\n", "").replace("=3D", "=");
    let (_, rest) = whole.split_once("?token=").unwrap();
    rest.chars()
        .take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c))
        .collect()
}

#[test]
fn a_user_registers_signs_in_and_out() {
    let world = World::start();
    let body = json!({ "email": "Ada@Example.com", "password": PASSWORD, "name": "Ada" });
    let reply = world.anyone().post("/api/v1/auth/register", &body);
    let user = reply.expect(201);
    assert_eq!(reply.header("etag"), Some("\"v1\""));
    let id = text(&user["id"]);
    assert_eq!(
        reply.header("location"),
        Some(&*format!("/api/v1/users/{id}"))
    );
    assert_eq!(user["email"], "Ada@Example.com");
    assert_eq!(
        (&user["role"], &user["email_verified"]),
        (&json!("customer"), &json!(false))
    );
    assert!(!reply.text().contains("argon2") && !reply.text().contains(PASSWORD));

    let reply = login(&world.anyone(), "ADA@example.COM", PASSWORD);
    let tokens = reply.expect(200);
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert_eq!(
        (&tokens["token_type"], &tokens["expires_in"]),
        (&json!("Bearer"), &json!(900))
    );
    assert_eq!(tokens["user"]["id"], user["id"]);
    let access = text(&tokens["access_token"]);
    assert_eq!(me(&world, access).expect(200)["id"], user["id"]);

    let bearer = format!("Bearer {access}");
    let headers = [("Authorization", bearer.as_str())];
    let reply = world
        .anyone()
        .request("POST", "/api/v1/auth/logout", &headers, None);
    reply.expect(204);
    let reply = me(&world, access);
    assert_eq!(reply.problem(401), "invalid_token");
    assert_eq!(
        reply.header("www-authenticate"),
        Some("Bearer error=\"invalid_token\"")
    );
    let refused = refresh(&world, text(&tokens["refresh_token"]));
    assert_eq!(refused.problem(401), "invalid_refresh_token");
}

#[test]
fn registering_tells_every_fault_and_a_taken_address() {
    let world = World::start();
    let anyone = world.anyone();
    let body = json!({ "email": "nobody", "password": "password", "name": "", "role": "admin" });
    let faults = anyone.post("/api/v1/auth/register", &body).faults();
    let faults: Vec<(&str, &str)> = faults.iter().map(|(at, code)| (&**at, &**code)).collect();
    assert_eq!(
        faults,
        [
            ("/email", "format"),
            ("/name", "length"),
            ("/password", "common_password"),
            ("/role", "unknown_field"),
        ]
    );
    world.customer("ada");
    let body = json!({ "email": "ADA@example.com", "password": PASSWORD, "name": "Eve" });
    let reply = anyone.post("/api/v1/auth/register", &body);
    assert_eq!(reply.problem(409), "email_taken");
}

#[test]
fn a_name_is_one_line_and_is_not_mailed_to_a_stranger() {
    let world = World::start();
    let anyone = world.anyone();
    let register = |name: &str| {
        let body = json!({ "email": "ada@example.com", "password": PASSWORD, "name": name });
        anyone.post("/api/v1/auth/register", &body)
    };
    for name in [
        "Ada\nvisit",
        "Ada\r\nvisit",
        "Ada\tvisit",
        "Ada\u{2028}visit",
    ] {
        let faults = register(name).faults();
        assert_eq!(faults, [("/name".to_owned(), "characters".to_owned())]);
    }
    register("Visit evil.example").expect(201);
    let body = json!({ "email": "ada@example.com" });
    anyone
        .post("/api/v1/auth/forgot-password", &body)
        .expect(202);
    for letter in letters(&world.server, "ada@example.com", 2) {
        assert!(letter.contains("\r\nHello,\r\n"), "{letter}");
        assert!(!letter.contains("evil"), "{letter}");
    }
}

#[test]
fn a_wrong_password_and_an_unknown_address_are_told_alike() {
    let world = World::start();
    world.customer("ada");
    let wrong = login(&world.anyone(), "ada@example.com", "wrong horse battery");
    let unknown = login(&world.anyone(), "eve@example.com", "wrong horse battery");
    assert_eq!(wrong.problem(401), "invalid_credentials");
    let mut bodies = [wrong.json(), unknown.json()];
    for body in &mut bodies {
        body.as_object_mut().unwrap().remove("trace_id");
    }
    assert_eq!(bodies[0], bodies[1]);
}

/// Seconds.
fn lower_quartile(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 4].as_secs_f64()
}

/// Interleaved tries, of which the faster quarter counts: whatever else the machine does only adds
/// to a time. The bound is generous, since the hash takes tens of milliseconds and the rest less
/// than one: an answer without a hash would be ten times as fast.
#[test]
fn the_time_of_a_login_does_not_tell_whether_the_address_is_known() {
    let world = World::start();
    world.customer("ada");
    let caller = world.anyone();
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..25 {
        for (times, email) in times.iter_mut().zip(["ada@example.com", "eve@example.com"]) {
            let begun = Instant::now();
            login(&caller, email, "wrong horse battery").expect(401);
            times.push(begun.elapsed());
        }
    }
    let [known, unknown] = times.map(lower_quartile);
    let ratio = known / unknown;
    assert!(
        (0.6..1.6).contains(&ratio),
        "known {known:.4} s, unknown {unknown:.4} s"
    );
}

#[test]
fn the_time_of_registering_does_not_tell_whether_the_address_is_taken() {
    let world = World::start();
    world.customer("ada");
    let caller = world.anyone();
    let mut times = [Vec::new(), Vec::new()];
    for index in 0..25 {
        let emails = [
            "ada@example.com".to_owned(),
            format!("user{index}@example.com"),
        ];
        for ((times, email), status) in times.iter_mut().zip(emails).zip([409, 201]) {
            let body = json!({ "email": email, "password": PASSWORD, "name": "Ada" });
            let begun = Instant::now();
            caller.post("/api/v1/auth/register", &body).expect(status);
            times.push(begun.elapsed());
        }
    }
    let [taken, free] = times.map(lower_quartile);
    let ratio = taken / free;
    assert!(
        (0.6..1.6).contains(&ratio),
        "taken {taken:.4} s, free {free:.4} s"
    );
}

#[test]
fn a_refresh_token_is_good_once_and_its_answer_is_repeated() {
    let world = World::start();
    world.customer("ada");
    let tokens = login(&world.anyone(), "ada@example.com", PASSWORD).expect(200);
    let first = text(&tokens["refresh_token"]);
    let second = refresh(&world, first).expect(200);
    assert_ne!(second["refresh_token"], tokens["refresh_token"]);
    assert_ne!(second["access_token"], tokens["access_token"]);
    assert_eq!(
        refresh(&world, first).expect(200),
        second,
        "the reply may have been lost"
    );
    me(&world, text(&second["access_token"])).expect(200);
    let third = refresh(&world, text(&second["refresh_token"])).expect(200);
    me(&world, text(&third["access_token"])).expect(200);
    for hostile in ["", "x", &"A".repeat(43), &"A".repeat(100), &first[1..]] {
        let status = refresh(&world, hostile).status;
        assert!(matches!(status, 401 | 422), "{hostile}: {status}");
    }
}

#[test]
fn a_letter_verifies_the_address_once() {
    let world = World::start();
    let ada = world.customer("ada");
    let letter = letters(&world.server, "ada@example.com", 1).remove(0);
    let body = json!({ "token": token_of(&letter) });
    let anyone = world.anyone();
    anyone.post("/api/v1/auth/verify-email", &body).expect(204);
    let user = ada.get("/api/v1/auth/me").expect(200);
    assert_eq!(user["email_verified"], true);
    let again = anyone.post("/api/v1/auth/verify-email", &body);
    assert_eq!(again.problem(410), "link_expired");
    // A link of one purpose is none of the other.
    let body = json!({ "token": token_of(&letter), "password": "another horse" });
    let reply = anyone.post("/api/v1/auth/reset-password", &body);
    assert_eq!(reply.problem(410), "link_expired");
}

#[test]
fn a_forgotten_password_is_set_anew_and_every_session_ends() {
    let world = World::start();
    let ada = world.customer("ada");
    let anyone = world.anyone();
    let forgot = |email: &str| {
        let body = json!({ "email": email });
        anyone
            .post("/api/v1/auth/forgot-password", &body)
            .expect(202)
    };
    assert_eq!(forgot("ada@example.com"), forgot("eve@example.com"));
    let first = letters(&world.server, "ada@example.com", 2).remove(1);
    // Another letter makes the first one's link useless.
    forgot("ada@example.com");
    let second = letters(&world.server, "ada@example.com", 3);
    let mut second = second.iter().map(|letter| token_of(letter));
    let second = second.rfind(|token| *token != token_of(&first)).unwrap();
    let reset = |token: &str, password: &str| {
        let body = json!({ "token": token, "password": password });
        anyone.post("/api/v1/auth/reset-password", &body)
    };
    assert_eq!(
        reset(&token_of(&first), "another horse").problem(410),
        "link_expired"
    );
    let faults = reset(&second, "12345678").faults();
    assert_eq!(
        faults,
        [("/password".to_owned(), "common_password".to_owned())]
    );
    reset(&second, "another horse").expect(204);
    assert_eq!(reset(&second, "third horse").problem(410), "link_expired");
    assert_eq!(ada.get("/api/v1/auth/me").problem(401), "invalid_token");
    login(&anyone, "ada@example.com", PASSWORD).expect(401);
    login(&anyone, "ada@example.com", "another horse").expect(200);
}

/// Cookies that a reply sets, as `name=value`, and their attributes.
fn cookies(reply: &Reply) -> Vec<(String, String)> {
    let lines = reply.headers.iter();
    let lines = lines.filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"));
    lines
        .map(|(_, line)| {
            let (pair, attributes) = line.split_once("; ").unwrap();
            (pair.to_owned(), attributes.to_owned())
        })
        .collect()
}

#[test]
fn cookies_are_bare_on_the_machine_and_prefixed_through_a_proxy() {
    let world = World::start();
    world.customer("ada");
    let body = json!({ "email": "ada@example.com", "password": PASSWORD });
    let sign_in = |headers: &[(&str, &str)]| {
        let caller = world.anyone();
        cookies(&caller.request("POST", "/api/v1/auth/login", headers, Some(&body)))
    };
    let shown = |cookies: Vec<(String, String)>| -> Vec<String> {
        let name = |pair: &str| pair.split('=').next().unwrap().to_owned();
        cookies
            .into_iter()
            .map(|(pair, rest)| format!("{}; {rest}", name(&pair)))
            .collect()
    };
    assert_eq!(
        shown(sign_in(&[])),
        [
            "at; Path=/; Max-Age=900; SameSite=Strict; HttpOnly",
            "rt; Path=/; Max-Age=2592000; SameSite=Strict; HttpOnly",
            "csrf; Path=/; Max-Age=2592000; SameSite=Strict",
        ]
    );
    assert_eq!(
        shown(sign_in(&[("X-Forwarded-For", "192.0.2.1")])),
        [
            "__Host-at; Path=/; Max-Age=900; SameSite=Strict; Secure; HttpOnly",
            "__Host-rt; Path=/; Max-Age=2592000; SameSite=Strict; Secure; HttpOnly",
            "__Host-csrf; Path=/; Max-Age=2592000; SameSite=Strict; Secure",
        ]
    );
    // The bare names of a browser elsewhere are not ours.
    let bare = sign_in(&[])[0].0.clone();
    let headers = [("Cookie", bare.as_str()), ("Via", "1.1 proxy")];
    let reply = world
        .anyone()
        .request("GET", "/api/v1/auth/me", &headers, None);
    assert_eq!(reply.problem(401), "unauthenticated");
    let headers = [("Cookie", bare.as_str())];
    world
        .anyone()
        .request("GET", "/api/v1/auth/me", &headers, None)
        .expect(200);
}

#[test]
fn a_cookie_alone_changes_nothing() {
    let front_end = [("THIRTEEN_API_CORS_ORIGINS", "https://shop.example")];
    let world = World::start_under(&[], &front_end);
    world.customer("ada");
    let reply = login(&world.anyone(), "ada@example.com", PASSWORD);
    let id = text(&reply.json()["user"]["id"]).to_owned();
    let pairs: Vec<String> = cookies(&reply).into_iter().map(|(pair, _)| pair).collect();
    let token = pairs[2].strip_prefix("csrf=").unwrap();
    let all = pairs.join("; ");
    let access = pairs[0].clone();
    let planted = format!("{access}; csrf=planted");
    let twice = format!("{all}; csrf=planted");
    let address = world.server.api().to_string();
    let ours = format!("http://{address}");
    let put = |headers: &[(&str, &str)]| {
        let body = json!({ "name": "Ada" });
        let target = format!("/api/v1/users/{id}");
        world
            .anyone()
            .request("PUT", &target, headers, Some(&body))
            .status
    };
    let table: &[(u16, &[(&str, &str)])] = &[
        (403, &[("Cookie", &access)]),
        (403, &[("Cookie", &all)]),
        (403, &[("Cookie", &all), ("Sec-Fetch-Site", "cross-site")]),
        (403, &[("Cookie", &all), ("Sec-Fetch-Site", "same-site")]),
        (403, &[("Cookie", &all), ("Origin", "https://evil.example")]),
        (403, &[("Cookie", &all), ("Origin", "null")]),
        (403, &[("Cookie", &all), ("X-CSRF-Token", "planted")]),
        (403, &[("Cookie", &planted), ("X-CSRF-Token", "planted")]),
        (403, &[("Cookie", &access), ("X-CSRF-Token", token)]),
        (403, &[("Cookie", &twice), ("X-CSRF-Token", token)]),
        (200, &[("Cookie", &all), ("X-CSRF-Token", token)]),
        (
            200,
            &[("Cookie", &access), ("Sec-Fetch-Site", "same-origin")],
        ),
        (200, &[("Cookie", &access), ("Sec-Fetch-Site", "none")]),
        (200, &[("Cookie", &access), ("Origin", &ours)]),
        (
            200,
            &[("Cookie", &access), ("Origin", "https://shop.example")],
        ),
        (
            403,
            &[
                ("Cookie", &access),
                ("Origin", "https://shop.example.evil.example"),
            ],
        ),
        (
            403,
            &[("Cookie", &access), ("Origin", "http://shop.example")],
        ),
    ];
    for (expected, headers) in table {
        assert_eq!(put(headers), *expected, "{headers:?}");
    }
    let read = [
        ("Cookie", access.as_str()),
        ("Sec-Fetch-Site", "cross-site"),
    ];
    world
        .anyone()
        .request("GET", "/api/v1/auth/me", &read, None)
        .expect(200);
}

#[test]
fn the_refresh_cookie_is_under_the_same_rule() {
    let world = World::start();
    world.customer("ada");
    let reply = login(&world.anyone(), "ada@example.com", PASSWORD);
    let pairs: Vec<String> = cookies(&reply).into_iter().map(|(pair, _)| pair).collect();
    let token = pairs[2].strip_prefix("csrf=").unwrap();
    let all = pairs.join("; ");
    let renew = |headers: &[(&str, &str)]| {
        let caller = world.anyone();
        caller.request("POST", "/api/v1/auth/refresh-token", headers, None)
    };
    assert_eq!(renew(&[("Cookie", &all)]).problem(403), "csrf");
    let reply = renew(&[("Cookie", &all), ("X-CSRF-Token", token)]);
    assert_eq!(cookies(&reply).len(), 3);
    assert_eq!(renew(&[]).problem(401), "invalid_refresh_token");
}

#[test]
fn what_is_no_good_token_is_refused() {
    let world = World::start();
    let ada = world.customer("ada");
    let token = ada.token.clone().unwrap();
    let forged = {
        let (message, _) = token.rsplit_once('.').unwrap();
        format!("{message}.{}", "A".repeat(86))
    };
    let none = format!("eyJhbGciOiJub25lIn0.{}.", token.split('.').nth(1).unwrap());
    let table = [
        ("", "unauthenticated"),
        ("Bearer", "invalid_token"),
        ("Bearer ", "invalid_token"),
        ("Basic YWRhOmFkYQ==", "invalid_token"),
        (&*token, "invalid_token"),
        (
            &format!("Bearer {}", &token[..token.len() - 1]),
            "invalid_token",
        ),
        (&format!("Bearer {token}x"), "invalid_token"),
        (&format!("Bearer {forged}"), "invalid_token"),
        (&format!("Bearer {none}"), "invalid_token"),
        (&format!("Bearer {}", "x".repeat(2000)), "invalid_token"),
    ];
    for (value, code) in table {
        let headers: &[(&str, &str)] = match value {
            "" => &[],
            value => &[("Authorization", value)],
        };
        let reply = world
            .anyone()
            .request("GET", "/api/v1/auth/me", headers, None);
        assert_eq!(reply.problem(401), code, "{value}");
    }
    let lower = format!("bearer {token}");
    let headers = [("Authorization", lower.as_str())];
    world
        .anyone()
        .request("GET", "/api/v1/auth/me", &headers, None)
        .expect(200);
}

/// Connections land on the shards at random: with so many both of two have some.
struct Everywhere {
    connections: Vec<Connection>,
}

impl Everywhere {
    fn of(world: &World) -> Everywhere {
        let open = |_| Connection::open(world.server.api());
        let connections = (0..32).map(open).collect();
        Everywhere { connections }
    }

    /// The statuses that a token gets.
    fn ask(&mut self, token: &str) -> Vec<u16> {
        let value = format!("Bearer {token}");
        let each = self.connections.iter_mut();
        each.map(|connection| {
            let headers = [("Authorization", value.as_str())];
            let reply = connection.request("GET", "/api/v1/auth/me", &headers, b"");
            reply.unwrap().status
        })
        .collect()
    }
}

#[test]
fn a_revoked_token_is_refused_on_every_shard_at_once() {
    let world = World::start_with(&["--shards", "2"]);
    let ada = world.customer("ada");
    let token = ada.token.clone().unwrap();
    let other = login(&world.anyone(), "ada@example.com", PASSWORD).expect(200);
    let other = text(&other["access_token"]).to_owned();
    let mut shards = Everywhere::of(&world);
    let mut ask = |token: &str| shards.ask(token);
    assert_eq!(ask(&token), [200; 32]);
    assert_eq!(ask(&other), [200; 32]);
    ada.request("POST", "/api/v1/auth/logout", &[], None)
        .expect(204);
    assert_eq!(ask(&token), [401; 32], "from the very next request on");
    assert_eq!(
        ask(&other),
        [200; 32],
        "another session of the same user goes on"
    );
}

#[test]
fn keys_are_rotated_while_the_server_runs() {
    let world = World::start_with(&["--shards", "2"]);
    let ada = world.customer("ada");
    let kids = || -> Vec<String> {
        let set = world.anyone().get("/.well-known/jwks.json").expect(200);
        let keys = set["keys"].as_array().unwrap().iter();
        keys.map(|key| text(&key["kid"]).to_owned()).collect()
    };
    let before = kids();
    assert_eq!(before.len(), 1);
    let folder = world.server.data();
    let rotate = || {
        let output = run(
            &[
                "keys",
                "rotate",
                "--json",
                "--data",
                folder.to_str().unwrap(),
            ],
            &[],
        );
        assert!(output.status.success(), "{output:?}");
        let told: Value = serde_json::from_slice(&output.stdout).unwrap();
        text(&told["kid"]).to_owned()
    };
    let fresh = rotate();
    world.server.await_log(&fresh);
    assert_eq!(kids(), [fresh.clone(), before[0].clone()]);
    let first = ada.token.clone().unwrap();
    let mut shards = Everywhere::of(&world);
    assert_eq!(shards.ask(&first), [200; 32]);
    let tokens = login(&world.anyone(), "ada@example.com", PASSWORD).expect(200);
    let (header, _) = text(&tokens["access_token"]).split_once('.').unwrap();
    let header: Value = {
        use base64::Engine;
        let engine = base64::engine::general_purpose::URL_SAFE_NO_PAD;
        serde_json::from_slice(&engine.decode(header).unwrap()).unwrap()
    };
    assert_eq!(
        header,
        json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": fresh })
    );
    let third = rotate();
    world.server.await_log(&third);
    assert_eq!(kids(), [third, fresh]);
    assert_eq!(
        shards.ask(&first),
        [401; 32],
        "its key is gone, however well the token was known"
    );
    assert_eq!(shards.ask(text(&tokens["access_token"])), [200; 32]);
}

/// More at once than are hashed and wait: each is answered, with its tokens or with 503.
#[test]
fn a_storm_of_logins_is_answered_and_holds_up_nobody_else() {
    let world = World::start();
    world.customer("ada");
    let address = world.server.api();
    let body = json!({ "email": "ada@example.com", "password": PASSWORD }).to_string();
    let login = || {
        let headers = [("Content-Type", "application/json")];
        let reply = Connection::open(address).request(
            "POST",
            "/api/v1/auth/login",
            &headers,
            body.as_bytes(),
        );
        let reply = reply.unwrap();
        if reply.status == 503 {
            assert_eq!(reply.header("retry-after"), Some("1"));
        }
        reply.status
    };
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let storm: Vec<_> = (0..100).map(|_| scope.spawn(login)).collect();
        let mut connection = Connection::open(address);
        for _ in 0..50 {
            let health = connection.request("GET", "/health", &[], b"").unwrap();
            assert_eq!(health.status, 200);
        }
        storm
            .into_iter()
            .map(|login| login.join().unwrap())
            .collect()
    });
    assert!(
        statuses.iter().all(|status| matches!(status, 200 | 503)),
        "{statuses:?}"
    );
    let good = statuses.iter().filter(|status| **status == 200).count();
    assert!(good >= 64, "those who found room were served: {good}");
    login();
}

#[test]
fn tries_are_counted_by_address_and_by_account() {
    let settings = [("THIRTEEN_RATE_AUTH_PER_15S", "5")];
    let server = Server::start_with(&[], &settings);
    let mut connection = Connection::open(server.api());
    let mut last = None;
    for index in 0..6 {
        let body = json!({ "email": format!("u{index}@example.com"), "password": "x" });
        let headers = [("Content-Type", "application/json")];
        let reply = connection
            .request(
                "POST",
                "/api/v1/auth/login",
                &headers,
                body.to_string().as_bytes(),
            )
            .unwrap();
        last = Some(reply);
    }
    let reply = last.unwrap();
    assert_eq!(reply.problem(429), "rate_limited");
    assert_eq!(reply.header("ratelimit-policy"), Some("5;w=15"));
    assert_eq!(reply.header("ratelimit-remaining"), Some("0"));
    let seconds: u64 = reply.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=30).contains(&seconds), "{seconds}");
}

#[test]
fn an_end_of_the_server_loses_no_session() {
    let mut world = World::start();
    let ada = world.customer("ada");
    let token = ada.token.clone().unwrap();
    drop(ada);
    world.server.kill();
    world.server.restart();
    me(&world, &token).expect(200);
}
