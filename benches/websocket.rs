//! WebSocket payloads: unmasking beside the loop of the standard, and UTF-8 at every level beside
//! the standard library, which is the scalar level.

#[path = "support/answer.rs"]
mod answer;
#[path = "support/flamegraph.rs"]
mod flamegraph;

use std::hint::black_box;

use answer::check;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use thirteen_kernels::level::Level;
use thirteen_kernels::websocket::{Utf8Stream, unmask};

criterion_group! {
    name = benches;
    config = flamegraph::criterion();
    targets = unmasking, utf8
}
criterion_main!(benches);

fn unmasking(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("websocket/unmask");
    for length in [14, 125, 1024, 64 << 10] {
        let mut payload: Vec<u8> = (0..length).map(|index| (index * 31) as u8).collect();
        let mut expected = payload.clone();
        unmask_by_the_standard(&mut expected, KEY);
        let mut answer = payload.clone();
        unmask(&mut answer, KEY, 0);
        check(&format!("websocket/unmask/{length}"), answer, expected);
        group.throughput(Throughput::Bytes(length as u64));
        group.bench_function(BenchmarkId::new("ours", length), |bencher| {
            bencher.iter(|| unmask(black_box(&mut payload), black_box(KEY), 0));
        });
        group.bench_function(BenchmarkId::new("the standard's loop", length), |bencher| {
            bencher.iter(|| unmask_by_the_standard(black_box(&mut payload), black_box(KEY)));
        });
    }
    group.finish();
}

fn utf8(criterion: &mut Criterion) {
    let mixed = "Gr\u{fc}\u{df}e aus Z\u{fc}rich, \u{4fa1}\u{683c}\u{306f}1000\u{5186} \u{1f642}. ";
    for (name, text) in [
        ("ASCII, 14 bytes", "a short prompt".to_owned()),
        (
            "ASCII, 1024 bytes",
            "plain terminal output, line upon line.. ".repeat(26)[..1024].into(),
        ),
        ("mixed, 4 KiB", mixed.repeat(4096 / mixed.len())),
    ] {
        let mut group = criterion.benchmark_group(format!("websocket/utf8/{name}"));
        group.throughput(Throughput::Bytes(text.len() as u64));
        // One byte that no text has, at the end: the whole text is read before the answer.
        let spoiled = [text.as_bytes(), b"\xff"].concat();
        for level in Level::all_available() {
            let label = format!("websocket/utf8/{name}/{}", level.name());
            let answers = (is_text(level, text.as_bytes()), is_text(level, &spoiled));
            check(&label, answers, (true, false));
            group.bench_function(level.name(), |bencher| {
                bencher.iter(|| is_text(level, black_box(text.as_bytes())));
            });
        }
        group.finish();
    }
}

fn is_text(level: Level, bytes: &[u8]) -> bool {
    let mut stream = Utf8Stream::new(level);
    stream.push(bytes).and_then(|()| stream.finish()).is_ok()
}

/// RFC 6455, section 5.3, word for word.
fn unmask_by_the_standard(payload: &mut [u8], key: [u8; 4]) {
    for (index, byte) in payload.iter_mut().enumerate() {
        *byte ^= key[index % 4];
    }
}

const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
