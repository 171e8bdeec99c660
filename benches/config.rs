//! The configuration by itself: reads from a shard's cell, bytes, dumps, slots.

#[path = "support/answer.rs"]
mod answer;
#[path = "support/flamegraph.rs"]
mod flamegraph;

use std::hint::black_box;

use answer::check;
use criterion::{Criterion, criterion_group, criterion_main};
use thirteen_kernels::config::{
    ConfigState, Field, StateCell, decode_slot, encode_slot, parse_dump, registry_hash_of_url,
    write_dump,
};

criterion_group! {
    name = benches;
    config = flamegraph::criterion();
    targets = read, bytes, dump, slot, registry_hash
}
criterion_main!(benches);

/// One plain load: a thousand reads at a time, since one is shorter than the clock's step.
fn read(criterion: &mut Criterion) {
    let cell = StateCell::new(ConfigState::DEFAULT, 7);
    check(
        "config/read",
        (cell.read(), cell.sequence()),
        (ConfigState::DEFAULT, 7),
    );
    criterion.bench_function("config/read of 1000", |bencher| {
        bencher.iter(|| (0..1000).fold(0, |sum, _| sum ^ black_box(&cell).read().registry_hash()));
    });
}

fn bytes(criterion: &mut Criterion) {
    let state = changed();
    let bytes = state.to_bytes();
    check(
        "config/serialize",
        bytes,
        [1, 0, 0, 0, 9, 0, 0, 4, 1, 2, 50, 80, 0],
    );
    check(
        "config/deserialize",
        ConfigState::from_bytes(&bytes),
        Ok(state),
    );
    criterion.bench_function("config/serialize", |bencher| {
        bencher.iter(|| black_box(&state).to_bytes());
    });
    criterion.bench_function("config/deserialize", |bencher| {
        bencher.iter(|| ConfigState::from_bytes(black_box(&bytes)).map(in_register));
    });
}

fn dump(criterion: &mut Criterion) {
    let state = changed();
    let text = write_dump(&state);
    check("config/write dump", text, *b"0x01000000090000040102325000");
    check("config/parse dump", parse_dump(&text), Ok(state));
    criterion.bench_function("config/write dump", |bencher| {
        bencher.iter(|| write_dump(black_box(&state)));
    });
    criterion.bench_function("config/parse dump", |bencher| {
        bencher.iter(|| parse_dump(black_box(&text)).map(in_register).ok());
    });
}

fn slot(criterion: &mut Criterion) {
    let state = changed();
    let slot = encode_slot(&state, 9);
    check("config/slot", decode_slot(&slot), Some((state, 9)));
    criterion.bench_function("config/encode slot", |bencher| {
        bencher.iter(|| encode_slot(black_box(&state), black_box(9)));
    });
    criterion.bench_function("config/decode slot", |bencher| {
        bencher.iter(|| decode_slot(black_box(&slot)).map(|(state, _)| in_register(state)));
    });
}

fn registry_hash(criterion: &mut Criterion) {
    let url = "https://Registry.npmjs.org/";
    let normal = crc32_of(b"https://registry.npmjs.org");
    check("config/registry hash", registry_hash_of_url(url), normal);
    criterion.bench_function("config/registry hash of a url", |bencher| {
        bencher.iter(|| registry_hash_of_url(black_box(url)));
    });
}

/// A configuration with another value in most fields.
fn changed() -> ConfigState {
    let changes = [
        (Field::RegistryHash, 9),
        (Field::FeatureFlags, 0x401),
        (Field::Rows, 50),
    ];
    changes
        .into_iter()
        .fold(ConfigState::DEFAULT, |state, (field, value)| {
            state
                .with(field, value)
                .expect("the values are within range")
        })
}

/// Uses every field, so that all must be read, and leaves the result in a register.
fn in_register(state: ConfigState) -> u64 {
    u64::from(state.registry_hash())
        ^ u64::from(state.feature_flags()) << 32
        ^ u64::from(state.version())
        ^ u64::from(state.rows()) << 8
        ^ u64::from(state.cols()) << 16
        ^ (state.terminal_mode() as u64) << 24
}

/// CRC-32 (ISO-HDLC), a bit at a time.
fn crc32_of(bytes: &[u8]) -> u32 {
    let sum = bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            (sum >> 1) ^ (0xedb8_8320 * (sum & 1))
        })
    });
    !sum
}
