//! What a coding of a reply costs and saves: catalogue pages of 2, 10 and 60 KB.

use std::fmt::Write as _;
use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use thirteen::http::{Coding, Effort, compress};

#[path = "support/answer.rs"]
mod answer;
#[path = "support/flamegraph.rs"]
mod flamegraph;

fn replies(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("compression");
    for items in [4, 20, 120] {
        let body = page(items);
        group.throughput(Throughput::Bytes(body.len() as u64));
        for coding in Coding::ALL {
            for effort in [Effort::Least, Effort::Usual, Effort::Kept] {
                let mut out = Vec::new();
                compress(coding, effort, body.as_bytes(), &mut out).expect("text is compressed");
                let share = out.len() * 100 / body.len();
                let name = format!("{} {effort:?}, {share} % of {}", coding.name(), body.len());
                group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
                    bencher.iter(|| {
                        out.clear();
                        compress(coding, effort, black_box(body.as_bytes()), &mut out)
                    });
                });
            }
        }
    }
    group.finish();
}

/// A page of products as the catalogue writes it; ids, prices and words differ.
fn page(items: u32) -> String {
    let mut page = String::from("{\"items\":[");
    let mut seed = 13_u64;
    let mut random = || {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        seed >> 33
    };
    for item in 0..items {
        let words: Vec<&str> = (0..12)
            .map(|_| WORDS[random() as usize % WORDS.len()])
            .collect();
        let (name, description) = (words[..3].join(" "), words.join(" "));
        let (id, price) = (random() << 20 | random(), random() % 100_000);
        let separator = if item == 0 { "" } else { "," };
        write!(
            page,
            "{separator}{{\"id\":\"0193e5c2-7b{:02x}-7{:03x}-8{:03x}-{id:012x}\",\"version\":{},\
             \"name\":\"{name}\",\"slug\":\"{}\",\"sku\":\"SKU-{:06}\",\"description\":\"{description}\",\
             \"price_amount\":{price},\"currency\":\"EUR\",\"status\":\"active\",\
             \"rating_average\":{}.{},\"rating_count\":{},\"stock\":{{\"on_hand\":{},\"available\":{}}},\
             \"created_at\":\"2026-11-20T13:{:02}:{:02}.{:03}Z\"}}",
            item % 256, random() % 4096, random() % 4096, random() % 40, name.replace(' ', "-"),
            random() % 1_000_000, random() % 5, random() % 10, random() % 500, random() % 900,
            random() % 900, random() % 60, random() % 60, random() % 1000,
        )
        .expect("a String takes everything");
    }
    page.push_str("],\"next\":null}");
    page
}

const WORDS: [&str; 24] = [
    "chair", "oak", "linen", "lamp", "brass", "folding", "garden", "outdoor", "cushion", "blue",
    "handmade", "solid", "shelf", "small", "storage", "with", "drawer", "and", "for", "kitchen",
    "ceramic", "mug", "set", "of",
];

criterion_group! {
    name = benches;
    config = flamegraph::criterion();
    targets = replies
}
criterion_main!(benches);
