//! The lines of health, the cache, the dashboard and the proxy.

use serde_json::json;

use super::town::{Line, Town, Try, Who};

pub(crate) const LINES: &[Line] = &[
    Line {
        route: "GET /health",
        visit: |_| vec![Try::nobody("/health", 200)],
    },
    Line {
        route: "GET /livez",
        visit: |_| vec![Try::nobody("/livez", 200)],
    },
    Line {
        route: "GET /readyz",
        visit: |_| vec![Try::nobody("/readyz", 200)],
    },
    Line {
        route: "DELETE /-/thirteen/cache",
        visit: |_| {
            let path = "/-/thirteen/cache";
            vec![
                Try::nobody(path, 200),
                Try::nobody(format!("{path}?version=1.0.0"), 400),
                Try::nobody(path, 403).header("X-Forwarded-For", "203.0.113.7"),
            ]
        },
    },
    Line {
        route: "GET /_dashboard/api/config",
        visit: |_| {
            let path = "/_dashboard/api/config";
            vec![
                Try::nobody(path, 200),
                Try::nobody(path, 304).header("If-None-Match", "*"),
                Try::nobody(path, 400).header("X-Bun-Terminal-Rows", "0"),
            ]
        },
    },
    Line {
        route: "POST /_dashboard/api/config",
        visit: change_config,
    },
    Line {
        route: "GET /_dashboard/api/env",
        visit: |_| {
            let path = "/_dashboard/api/env";
            vec![
                Try::nobody(path, 200),
                Try::nobody(format!("{path}?format=xml"), 422),
            ]
        },
    },
    Line {
        route: "GET /_dashboard/api/packages",
        visit: |_| {
            let path = "/_dashboard/api/packages";
            vec![
                Try::nobody(path, 200),
                Try::nobody(format!("{path}?cursor=x"), 422),
                Try::nobody(format!("{path}?limit=0"), 422),
            ]
        },
    },
    Line {
        route: "GET /_dashboard/api/metrics",
        visit: |_| vec![Try::nobody("/_dashboard/api/metrics", 200)],
    },
    Line {
        route: "CONNECT authority",
        visit: tunnel,
    },
    Line {
        route: "GET absolute",
        visit: forward,
    },
];

fn change_config(_: &Town) -> Vec<Try> {
    let path = "/_dashboard/api/config";
    let by = |who, status| Try::by(who, path, status);
    let body = json!({ "field": "rows", "value": 30 });
    vec![
        by(Who::Nobody, 401).json(&body),
        by(Who::Alice, 403).json(&body),
        by(Who::Staff, 200).json(&body),
        by(Who::Staff, 412).json(&body).header("If-Match", "\"x\""),
        by(Who::Staff, 422).json(&json!({ "field": "colour" })),
        by(Who::Staff, 400)
            .body("{")
            .header("Content-Type", "application/json"),
        by(Who::Staff, 415)
            .body("{}")
            .header("Content-Type", "text/plain"),
        by(Who::Staff, 413).json(&json!("x".repeat(1 << 20))),
    ]
}

fn tunnel(town: &Town) -> Vec<Try> {
    let target = town.upstream.address().to_string();
    let good = town.proxy_headers();
    let mut other = good.clone();
    other[3].1 = "a.b.c".to_owned();
    vec![
        Try::nobody(&*target, 200).headers(&good),
        Try::nobody("127.0.0.1:1", 403).headers(&good),
        Try::nobody(&*target, 400).headers(&good[..3]),
        Try::nobody(&*target, 400).headers(&other),
        Try::nobody(&*target, 400).headers(&good).body("x"),
        Try::nobody(&*target, 401).headers(&forged(&good)),
    ]
}

fn forward(town: &Town) -> Vec<Try> {
    let url = format!("{}/theirs", town.upstream.url());
    let good = town.proxy_headers();
    vec![
        Try::nobody(&*url, 200).headers(&good),
        Try::nobody("http://127.0.0.1:1/theirs", 403).headers(&good),
        Try::nobody(&*url, 400),
        Try::nobody(&*url, 401).headers(&forged(&good)),
    ]
}

/// The headers with a token whose signature is another's.
fn forged(headers: &[(&'static str, String)]) -> Vec<(&'static str, String)> {
    let mut headers = headers.to_vec();
    let (claims, signature) = headers[3].1.rsplit_once('.').unwrap();
    let other: String = signature.chars().rev().collect();
    headers[3].1 = format!("{claims}.{other}");
    headers
}
