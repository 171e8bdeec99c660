//! A Cookie header of ten pairs, at every level, beside the cookie crate.

#[path = "support/answer.rs"]
mod answer;
#[path = "support/flamegraph.rs"]
mod flamegraph;

use std::hint::black_box;

use answer::check;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use thirteen_kernels::http::{cookies, find_cookie};
use thirteen_kernels::level::Level;

criterion_group! {
    name = benches;
    config = flamegraph::criterion();
    targets = ten_pairs
}
criterion_main!(benches);

fn ten_pairs(criterion: &mut Criterion) {
    let rival: Vec<(String, String)> = cookie::Cookie::split_parse(TEN)
        .map(|pair| pair.expect("well-formed"))
        .map(|pair| (pair.name().to_owned(), pair.value_trimmed().to_owned()))
        .collect();
    assert_eq!(rival.len(), 10);
    let mut group = criterion.benchmark_group("cookies/ten pairs");
    group.throughput(Throughput::Bytes(TEN.len() as u64));
    for level in Level::all_available() {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let ours: Vec<(String, String)> = cookies(level, TEN.as_bytes())
            .map(|(name, value)| (text(name), text(value)))
            .collect();
        check(
            &format!("cookies/ten pairs/{}", level.name()),
            ours,
            rival.clone(),
        );
        group.bench_function(level.name(), |bencher| {
            bencher.iter(|| {
                cookies(level, black_box(TEN.as_bytes()))
                    .map(black_box)
                    .count()
            });
        });
        let last = format!("{}, the last by name", level.name());
        let found = find_cookie(level, TEN.as_bytes(), b"last");
        check(
            &format!("cookies/ten pairs/{last}"),
            found,
            Some(&b"%2Fproducts%2F42"[..]),
        );
        group.bench_function(&last, |bencher| {
            bencher.iter(|| find_cookie(level, black_box(TEN.as_bytes()), black_box(b"last")));
        });
    }
    group.bench_function("cookie crate", |bencher| {
        bencher.iter(|| {
            cookie::Cookie::split_parse(black_box(TEN))
                .map(black_box)
                .count()
        });
    });
    group.finish();
}

const TEN: &str = "session=9f2c4b7a1d8e6035c4f7a2b9d0e81f36; csrf=Zk3vQ1nT8wLx; \
    cart=01890a5d-ac96-774b-bcce-b302099a8057; theme=dark; lang=en-GB; currency=EUR; \
    _ga=GA1.1.1834921573.1700000000; consent=\"analytics=0\"; ab=b; last=%2Fproducts%2F42";
