//! The frames of the configuration's WebSocket, and the same update as JSON.

#[path = "support/answer.rs"]
mod answer;
#[path = "support/flamegraph.rs"]
mod flamegraph;

use std::hint::black_box;

use answer::check;
use criterion::{Criterion, criterion_group, criterion_main};
use serde::{Deserialize, Serialize};
use thirteen_kernels::config::frame::{
    BULK_BYTES_MAX, Frame, FrameType, decode, encode_bulk, encode_update, validate,
};
use thirteen_kernels::config::{ConfigState, Field, OffsetBase};

criterion_group! {
    name = benches;
    config = flamegraph::criterion();
    targets = update, bulk, json
}
criterion_main!(benches);

const HASH: u64 = 0xa1b2_c3d4;

fn update(criterion: &mut Criterion) {
    let frame = encode_update(Field::RegistryHash, HASH, OffsetBase::Lockfile);
    let expected = [1, 5, 0, 0, 0, 0xd4, 0xc3, 0xb2, 0xa1, 0, 0, 0, 0, 0];
    check("frames/encode update", frame, expected);
    check(
        "frames/decode update",
        binary(&frame),
        Some((Field::RegistryHash, HASH)),
    );
    check("frames/validate", validate(&frame), Ok(FrameType::Update));
    criterion.bench_function("frames/encode update", |bencher| {
        bencher.iter(|| {
            encode_update(
                black_box(Field::RegistryHash),
                black_box(HASH),
                OffsetBase::Lockfile,
            )
        });
    });
    criterion.bench_function("frames/decode update", |bencher| {
        bencher.iter(|| binary(black_box(&frame)).map(|(field, value)| value ^ field as u64));
    });
    criterion.bench_function("frames/validate", |bencher| {
        bencher.iter(|| validate(black_box(&frame)));
    });
}

fn bulk(criterion: &mut Criterion) {
    let updates = [
        (Field::TerminalMode, 2),
        (Field::Rows, 40),
        (Field::Cols, 120),
    ];
    let mut out = [0; BULK_BYTES_MAX];
    let length = encode_bulk(&updates, OffsetBase::Zero, &mut out);
    let frame = out[..length].to_vec();
    check(
        "frames/encode bulk of 3",
        (frame.len(), frame[0], frame[40]),
        (41, 0x20, 0x7a),
    );
    let expected = updates
        .into_iter()
        .try_fold(ConfigState::DEFAULT, |state, (field, value)| {
            state.with(field, value)
        });
    check("frames/decode bulk of 3", applied(&frame), expected.ok());
    criterion.bench_function("frames/encode bulk of 3", |bencher| {
        bencher.iter(|| encode_bulk(black_box(&updates), OffsetBase::Zero, black_box(&mut out)));
    });
    criterion.bench_function("frames/decode bulk of 3", |bencher| {
        bencher.iter(|| {
            let decoded = decode(black_box(&frame), black_box(OffsetBase::Zero));
            let Ok(Frame::Bulk(entries)) = decoded else {
                return 0;
            };
            entries.count()
        });
    });
    criterion.bench_function("frames/decode and apply bulk of 3", |bencher| {
        bencher.iter(|| applied(black_box(&frame)).map(|state| state.rows() ^ state.cols()));
    });
}

/// The update that JSON carries is the one of [`update`], with the names of the protocol.
fn json(criterion: &mut Criterion) {
    let update = Update {
        kind: "CONFIG_UPDATE",
        field: "registryHash",
        value: HASH,
    };
    let text = serde_json::to_vec(&update).expect("the update is JSON");
    let expected = r#"{"type":"CONFIG_UPDATE","field":"registryHash","value":2712847316}"#;
    check(
        "json/encode update",
        String::from_utf8_lossy(&text).as_ref(),
        expected,
    );
    check(
        "json/decode update",
        from_json(&text),
        Some((Field::RegistryHash, HASH)),
    );
    let frame = encode_update(Field::RegistryHash, HASH, OffsetBase::Lockfile);
    let mut encode = criterion.benchmark_group("encode the same update");
    encode.bench_function("binary", |bencher| {
        bencher.iter(|| {
            encode_update(
                black_box(Field::RegistryHash),
                black_box(HASH),
                OffsetBase::Lockfile,
            )
        });
    });
    encode.bench_function("json", |bencher| {
        bencher.iter(|| serde_json::to_vec(black_box(&update)));
    });
    encode.finish();
    let mut decode = criterion.benchmark_group("decode the same update");
    decode.bench_function("binary", |bencher| {
        bencher.iter(|| binary(black_box(&frame)).map(|(field, value)| value ^ field as u64));
    });
    decode.bench_function("json", |bencher| {
        bencher.iter(|| from_json(black_box(&text)).map(|(field, value)| value ^ field as u64));
    });
    decode.finish();
}

#[derive(Serialize, Deserialize)]
struct Update<'t> {
    #[serde(rename = "type")]
    kind: &'t str,
    field: &'t str,
    value: u64,
}

#[inline(always)]
fn binary(frame: &[u8]) -> Option<(Field, u64)> {
    let decoded = decode(frame, black_box(OffsetBase::Lockfile));
    let Ok(Frame::Update { field, value }) = decoded else {
        return None;
    };
    Some((field, value))
}

/// As much as the binary decoder does: type, field by name, range of the value.
fn from_json(text: &[u8]) -> Option<(Field, u64)> {
    let update: Update<'_> = serde_json::from_slice(text).ok()?;
    let field = Field::from_name(update.field).filter(|_| update.kind == "CONFIG_UPDATE")?;
    field
        .check(update.value)
        .ok()
        .map(|()| (field, update.value))
}

#[inline(always)]
fn applied(frame: &[u8]) -> Option<ConfigState> {
    let decoded = decode(frame, black_box(OffsetBase::Zero));
    let Ok(Frame::Bulk(entries)) = decoded else {
        return None;
    };
    Some(entries.apply(ConfigState::DEFAULT))
}
