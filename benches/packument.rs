//! What the documents of a package cost: to build and pack them when it changes, and to find and
//! write one that is in memory.

use std::hint::black_box;
use std::io::Read as _;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use serde_json::{Value, json};
use thirteen::http::{Coding, Effort, compress};
use thirteen::registry::documents::{Built, Everything, Part, Source, build, load};
use thirteen::registry::name::PackageName;

#[path = "support/answer.rs"]
mod answer;
#[path = "support/flamegraph.rs"]
mod flamegraph;

const BASE: &str = "http://127.0.0.1:4873";

/// A document of so many versions, some 1.3 KB each, as npm's registry has them.
fn document(versions: usize) -> String {
    let number = |index: usize| format!("{}.{}.{}", index / 100, index / 10 % 10, index % 10);
    let manifest = |index: usize| {
        json!({
            "name": "@bench/package", "version": number(index), "license": "MIT",
            "description": "What is measured", "main": "index.js",
            "repository": { "type": "git", "url": format!("git+ssh://x/{index}.git") },
            "scripts": { "test": "tap", "postinstall": "node build.js", "lint": "eslint ." },
            "dependencies": { "one": format!("^{index}.0.0"), "two": "~2.3.4", "three": "*" },
            "devDependencies": { "eslint": "^9.0.0", "tap": "^21.0.0", "typescript": "^5.6.2" },
            "engines": { "node": ">=18" }, "bin": { "package": "bin.js" },
            "maintainers": [{ "name": "anna", "email": "anna@example.com" }],
            "gitHead": format!("{:040x}", index * 7_919), "_nodeVersion": "22.1.0",
            "dist": {
                "integrity": format!("sha512-{}==", "Ab3dEf9h".repeat(11)),
                "shasum": format!("{:040x}", index * 104_729), "fileCount": 12,
                "tarball": format!("https://up.example/@bench/package/-/package-{}.tgz", number(index)),
                "unpackedSize": 4096 + index,
                "signatures": [{ "keyid": "SHA256:x", "sig": format!("MEUC{:064x}", index) }],
            },
        })
    };
    let of_version = |index| (number(index), manifest(index));
    let all: serde_json::Map<String, Value> = (0..versions).map(of_version).collect();
    let times: serde_json::Map<String, Value> = all
        .keys()
        .map(|version| (version.clone(), json!("2024-05-06T07:08:09.010Z")))
        .collect();
    json!({
        "_id": "@bench/package", "_rev": "7-x", "name": "@bench/package",
        "dist-tags": { "latest": number(versions - 1) }, "versions": all, "time": times,
        "readme": "# What is measured\n".repeat(50),
    })
    .to_string()
}

fn built(name: &PackageName, text: &str) -> Built {
    let source = Source::of_upstream(name, text.as_bytes(), &Everything);
    build(&source.expect("a document"), BASE)
}

fn building(criterion: &mut Criterion) {
    let name = PackageName::parse("@bench/package").expect("a name");
    let mut group = criterion.benchmark_group("packument");
    for versions in [10, 150, 30_000] {
        let text = document(versions);
        let made = built(&name, &text);
        let full: Value = serde_json::from_slice(&made.full).expect("JSON");
        let shown = full["versions"].as_object().map(serde_json::Map::len);
        answer::check("versions that are shown", shown, Some(versions));
        group.throughput(Throughput::Bytes(text.len() as u64));
        let kib = text.len() >> 10;
        group.bench_function(BenchmarkId::new("build, KiB", kib), |bencher| {
            bencher.iter(|| black_box(built(&name, black_box(&text))));
        });
        if versions > 1000 {
            continue;
        }
        let packed = made.pack().expect("it is packed");
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(packed.part(Part::FullGzip))
            .read_to_end(&mut plain)
            .expect("gzip");
        answer::check("the full form from gzip", plain == made.full, true);
        println!("{kib} KiB: parts of {:?} bytes", packed.parts);
        group.bench_function(BenchmarkId::new("pack, KiB", kib), |bencher| {
            bencher.iter(|| black_box(made.pack().expect("it is packed")));
        });
        group.bench_function(BenchmarkId::new("another host, KiB", kib), |bencher| {
            let to = "https://npm.example";
            bencher.iter(|| black_box(load::rebased(&made.full, &name, BASE, to)));
        });
    }
    group.finish();
}

/// Time against size, for the choice of levels.
fn levels(criterion: &mut Criterion) {
    let name = PackageName::parse("@bench/package").expect("a name");
    let text = document(150);
    let made = built(&name, &text);
    let mut group = criterion.benchmark_group("packument, levels");
    for coding in [Coding::Gzip, Coding::Brotli] {
        for effort in [Effort::Usual, Effort::Kept] {
            let mut out = Vec::new();
            compress(coding, effort, &made.full, &mut out).expect("text is compressed");
            let label = format!("{} {effort:?} of {}", coding.name(), made.full.len());
            println!("{label}: {} bytes", out.len());
            group.bench_function(BenchmarkId::from_parameter(label), |bencher| {
                bencher.iter(|| {
                    out.clear();
                    compress(coding, effort, black_box(&made.full), &mut out)
                });
            });
        }
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = flamegraph::criterion();
    targets = building, levels
}
criterion_main!(benches);
