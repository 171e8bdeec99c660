//! Request heads: a browser's of 703 bytes and wrk's smallest, at every level, beside httparse.

#[path = "support/answer.rs"]
mod answer;
#[path = "support/flamegraph.rs"]
mod flamegraph;

use std::hint::black_box;
use std::mem::MaybeUninit;

use answer::check;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use thirteen_kernels::http::{HEADERS_MAX, HeadParser, HeadStatus, HeadTable};
use thirteen_kernels::level::Level;

criterion_group! {
    name = benches;
    config = flamegraph::criterion();
    targets = heads
}
criterion_main!(benches);

/// The answer of either parser: length of the head, target, names and values.
type Answer = (usize, Vec<u8>, Vec<(Vec<u8>, Vec<u8>)>);

fn heads(criterion: &mut Criterion) {
    assert_eq!(BROWSER.len(), 703);
    let pipelined = HEALTH.repeat(16);
    for (name, bytes) in [
        ("browser, 703 bytes", BROWSER.as_bytes()),
        ("health, 46 bytes", HEALTH.as_bytes()),
        ("health, first of 16 pipelined", pipelined.as_bytes()),
    ] {
        let expected = httparse_answer(bytes);
        let mut group = criterion.benchmark_group(format!("http_head/{name}"));
        group.throughput(Throughput::Bytes(expected.0 as u64));
        for level in Level::all_available() {
            let parser = HeadParser::new(level);
            let mut table = HeadTable::new();
            let label = format!("http_head/{name}/{}", level.name());
            check(
                &label,
                our_answer(parser, &mut table, bytes),
                expected.clone(),
            );
            group.bench_function(level.name(), |bencher| {
                bencher.iter(|| {
                    let status = parser.parse(black_box(bytes), black_box(&mut table));
                    assert!(matches!(status, Ok(HeadStatus::Complete { .. })));
                });
            });
        }
        // Its fastest form: the slots for headers are not initialised.
        group.bench_function("httparse", |bencher| {
            bencher.iter(|| {
                let mut slots = [const { MaybeUninit::uninit() }; HEADERS_MAX];
                let mut request = httparse::Request::new(&mut []);
                let status = request.parse_with_uninit_headers(black_box(bytes), &mut slots);
                assert!(matches!(status, Ok(httparse::Status::Complete(_))));
                black_box(&request);
            });
        });
        group.finish();
    }
}

fn our_answer(parser: HeadParser, table: &mut HeadTable, bytes: &[u8]) -> Answer {
    let Ok(HeadStatus::Complete { bytes: length }) = parser.parse(bytes, table) else {
        panic!("a whole, well-formed head");
    };
    let head = table.view(bytes);
    let owned = |(name, value): (&[u8], &[u8])| (name.to_vec(), value.to_vec());
    (
        length,
        head.target().to_vec(),
        head.headers().map(owned).collect(),
    )
}

fn httparse_answer(bytes: &[u8]) -> Answer {
    let mut slots = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut slots);
    let Ok(httparse::Status::Complete(length)) = request.parse(bytes) else {
        panic!("a whole, well-formed head");
    };
    let target = request
        .path
        .expect("a whole head has a target")
        .as_bytes()
        .to_vec();
    let owned = |header: &httparse::Header<'_>| (header.name.into(), header.value.into());
    (length, target, request.headers.iter().map(owned).collect())
}

const HEALTH: &str = "GET /health HTTP/1.1\r\nHost: 127.0.0.1:3000\r\n\r\n";

const BROWSER: &str = concat!(
    "GET /api/v1/products/espresso-machine-with-grinder?currency=EUR&locale=en-GB HTTP/1.1\r\n",
    "Host: shop.example.com\r\n",
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) ",
    "Chrome/124.0.0.0 Safari/537.36\r\n",
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;",
    "q=0.8\r\n",
    "Accept-Language: en-GB,en;q=0.7,de;q=0.3\r\n",
    "Accept-Encoding: gzip, deflate, br, zstd\r\n",
    "Referer: https://shop.example.com/products?page=12\r\n",
    "Cookie: session=9f2c4b7a1d8e6035c4f7a2b9d0e81f36; theme=dark; ",
    "cart=01890a5d-ac96-774b-bcce-b302099a8057; lang=en-GB; ",
    "consent=analytics%3D0%26marketing%3D0%26\r\n",
    "Sec-Fetch-Mode: navigate\r\n",
    "If-None-Match: \"5f3c9a7e1b2d4c6f\"\r\n",
    "Connection: keep-alive\r\n",
    "\r\n",
);
