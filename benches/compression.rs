//! What a coding of a reply costs and saves: catalogue pages of 4, 20 and 100 products.

use std::hint::black_box;
use std::io::Read as _;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use thirteen::http::{Coding, Effort, compress};

#[path = "support/answer.rs"]
mod answer;
#[path = "support/catalogue.rs"]
mod catalogue;
#[path = "support/flamegraph.rs"]
mod flamegraph;

fn pages(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("compression");
    for items in [4, 20, 100] {
        let body = serde_json::to_vec(&catalogue::page(items)).expect("its keys are strings");
        group.throughput(Throughput::Bytes(body.len() as u64));
        for coding in Coding::ALL {
            for effort in [Effort::Usual, Effort::Kept] {
                let mut out = Vec::new();
                compress(coding, effort, &body, &mut out).expect("text is compressed");
                let name = format!("{} {effort:?} of {} bytes", coding.name(), body.len());
                answer::check(&name, decoded(coding, &out) == body, true);
                println!(
                    "{name}: {} bytes, {} %",
                    out.len(),
                    out.len() * 100 / body.len()
                );
                group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
                    bencher.iter(|| {
                        out.clear();
                        compress(coding, effort, black_box(&body), &mut out)
                    });
                });
            }
        }
    }
    group.finish();
}

fn decoded(coding: Coding, bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    let read = match coding {
        Coding::Brotli => brotli::BrotliDecompress(&mut &*bytes, &mut plain),
        Coding::Zstd => zstd::decode_all(bytes).map(|decoded| plain = decoded),
        Coding::Gzip => flate2::read::GzDecoder::new(bytes)
            .read_to_end(&mut plain)
            .map(drop),
    };
    read.expect("what was compressed is read again");
    plain
}

criterion_group! {
    name = benches;
    config = flamegraph::criterion();
    targets = pages
}
criterion_main!(benches);
