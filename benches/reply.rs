//! What it costs to write a reply: its usual headers, JSON, and one from the cache of replies.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use thirteen::http::{DoorPolicy, Generations, Prepared, Rendered, ReplyCache, rehearse};

#[path = "support/answer.rs"]
mod answer;
#[path = "support/catalogue.rs"]
mod catalogue;
#[path = "support/flamegraph.rs"]
mod flamegraph;

/// As wrk sends it, as a browser does, and with ids.
const HEADS: [(&str, &str); 3] = [
    ("bare", "GET /api/v1/products HTTP/1.1\r\nHost: a\r\n\r\n"),
    (
        "browser",
        "GET /api/v1/products HTTP/1.1\r\nHost: a\r\nUser-Agent: x\r\nAccept: */*\r\n\
         Accept-Language: en\r\nAccept-Encoding: gzip, deflate, br, zstd\r\nReferer: x\r\n\r\n",
    ),
    (
        "traced",
        "GET /api/v1/products HTTP/1.1\r\nHost: a\r\nX-Quantum-Id: job-7\r\n\
         traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n\r\n",
    ),
];

fn plain(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("reply");
    let body = br#"{"status":"healthy","timestamp":"2026-11-20T13:00:00.000Z"}"#;
    let mut prepared = Prepared::default();
    prepared.render("application/json", body);
    let mut out = Vec::with_capacity(64 << 10);
    for (name, head) in HEADS {
        rehearse(head.as_bytes(), &DoorPolicy::default(), |rehearsal| {
            group.bench_function(format!("prepared, {name}"), |bencher| {
                bencher.iter(|| {
                    out.clear();
                    rehearsal.reply(&mut out, |reply| reply.prepared(black_box(&prepared)));
                });
            });
            assert!(out.ends_with(body));
            group.bench_function(format!("written, {name}"), |bencher| {
                bencher.iter(|| {
                    out.clear();
                    rehearsal.reply(&mut out, |reply| {
                        reply.status(200).body("application/json", black_box(body));
                    });
                });
            });
            assert!(out.ends_with(body));
        });
    }
    let page = catalogue::page(4);
    let expected = serde_json::to_vec(&page).expect("its keys are strings");
    rehearse(HEADS[0].1.as_bytes(), &DoorPolicy::default(), |rehearsal| {
        group.bench_function("json of four products", |bencher| {
            bencher.iter(|| {
                out.clear();
                rehearsal.reply(&mut out, |reply| reply.status(200).json(black_box(&page)));
            });
        });
        answer::check("json", out.ends_with(&expected), true);
        group.bench_function("json of four products, by to_vec", |bencher| {
            bencher.iter(|| {
                out.clear();
                rehearsal.reply(&mut out, |reply| {
                    let body = serde_json::to_vec(black_box(&page)).expect("its keys are strings");
                    reply.status(200).body("application/json", &body);
                });
            });
        });
        answer::check("json", out.ends_with(&expected), true);
    });
    group.finish();
}

struct Still;

impl Generations for Still {
    type Topic = u32;

    fn generation(&self, topic: u32) -> u64 {
        u64::from(topic)
    }
}

fn kept(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("reply cache");
    let page = catalogue::page(20);
    let cache = ReplyCache::new(64 << 20);
    let mut out = Vec::with_capacity(64 << 10);
    for (name, head) in HEADS {
        rehearse(head.as_bytes(), &DoorPolicy::default(), |rehearsal| {
            group.bench_function(format!("hit, 20 products, {name}"), |bencher| {
                bencher.iter(|| {
                    out.clear();
                    rehearsal.reply(&mut out, |reply| {
                        let render = || Ok(Rendered::json(&page));
                        let topics = [black_box(1), 2];
                        let request = rehearsal.request();
                        let served = cache.serve(&Still, request, reply, &topics, render);
                        served.expect("nothing fails here");
                    });
                });
            });
        });
    }
    answer::check("misses", cache.tally().misses, 1);
    group.finish();
}

criterion_group! {
    name = benches;
    config = flamegraph::criterion();
    targets = plain, kept
}
criterion_main!(benches);
