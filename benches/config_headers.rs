//! The `X-Bun-*` headers: written into a head, extracted, validated as a whole set.

#[path = "support/answer.rs"]
mod answer;
#[path = "support/flamegraph.rs"]
mod flamegraph;

use std::hint::black_box;

use answer::check;
use criterion::{Criterion, criterion_group, criterion_main};
use thirteen_kernels::config::ConfigState;
use thirteen_kernels::config::headers::{
    FaultList, HEADERS_BYTES_MAX, ProxyToken, Required, extract, validate, write_headers,
};
use thirteen_kernels::level::Level;

criterion_group! {
    name = benches;
    config = flamegraph::criterion();
    targets = inject, extraction, validation
}
criterion_main!(benches);

type Pair<'h> = (&'h [u8], &'h [u8]);

fn inject(criterion: &mut Criterion) {
    let state = ConfigState::DEFAULT;
    let text = token();
    let token = ProxyToken::parse(Level::detect(), text.as_bytes());
    let mut out = [0; HEADERS_BYTES_MAX];
    check("headers/inject", block(&state, None), expected_block(None));
    check(
        "headers/inject with token",
        block(&state, token),
        expected_block(Some(&text)),
    );
    criterion.bench_function("headers/inject", |bencher| {
        bencher.iter(|| write_headers(black_box(&state), black_box(7), None, black_box(&mut out)));
    });
    criterion.bench_function("headers/inject with token", |bencher| {
        bencher.iter(|| {
            write_headers(
                black_box(&state),
                black_box(7),
                black_box(token),
                black_box(&mut out),
            )
        });
    });
}

fn extraction(criterion: &mut Criterion) {
    let block = block(&ConfigState::DEFAULT, None);
    let all = pairs(&block);
    let with_dump: Vec<Pair<'_>> = foreign()
        .into_iter()
        .chain(all.iter().copied().filter(is_dump))
        .collect();
    for (name, pairs) in [("dump among 9", &with_dump), ("all 8", &all)] {
        let name = format!("headers/extract, {name}");
        check(
            &name,
            extract(pairs.iter().copied()),
            Some(ConfigState::DEFAULT),
        );
        criterion.bench_function(&name, |bencher| {
            bencher.iter(|| extract(black_box(pairs).iter().copied()).map(in_register));
        });
    }
}

fn validation(criterion: &mut Criterion) {
    let level = Level::detect();
    let text = token();
    let block = block(
        &ConfigState::DEFAULT,
        ProxyToken::parse(Level::detect(), text.as_bytes()),
    );
    let all = pairs(&block);
    let (_, without_token) = all.split_last().expect("the block has nine headers");
    let broken: Vec<Pair<'_>> = all
        .iter()
        .map(|(name, _)| (*name, b"?".as_slice()))
        .collect();
    let sets: [(&str, &[Pair<'_>], Required, usize); 3] = [
        ("all but the token", without_token, Required::None, 0),
        ("whole set", &all, Required::Proxy, 0),
        ("whole set, all at fault", &broken, Required::Proxy, 9),
    ];
    for (name, pairs, required, fault_count) in sets {
        let name = format!("headers/validate, {name}");
        let expected = (fault_count == 0).then_some(ConfigState::DEFAULT);
        check(
            &name,
            validated(level, pairs, required),
            (expected, fault_count),
        );
        criterion.bench_function(&name, |bencher| {
            bencher.iter(|| {
                let (state, fault_count) = validated(level, black_box(pairs), required);
                (state.map(in_register), fault_count)
            });
        });
    }
}

/// The state that a set gives, and how many faults it has.
#[inline(always)]
fn validated(level: Level, pairs: &[Pair<'_>], required: Required) -> (Option<ConfigState>, usize) {
    let mut faults = FaultList::new();
    let valid = validate(level, pairs.iter().copied(), required, &mut faults);
    (valid.and_then(|valid| valid.state()), faults.count())
}

/// The block as the protocol shows it.
fn expected_block(token: Option<&str>) -> String {
    let lines = [
        "X-Bun-Config-Version: 1",
        "X-Bun-Registry-Hash: 0xa1b2c3d4",
        "X-Bun-Feature-Flags: 0x00000007",
        "X-Bun-Terminal-Mode: 2",
        "X-Bun-Terminal-Rows: 24",
        "X-Bun-Terminal-Cols: 80",
        "X-Bun-Config-Dump: 0x01a1b2c3d40000000702185000",
        "X-Bun-Request-ID: 0000000000000007",
    ];
    let token = token.map(|token| format!("X-Bun-Proxy-Token: {token}"));
    let lines = lines.into_iter().map(str::to_string).chain(token);
    lines.map(|line| line + "\r\n").collect()
}

fn block(state: &ConfigState, token: Option<ProxyToken<'_>>) -> String {
    let mut out = [0; HEADERS_BYTES_MAX];
    let length = write_headers(state, 7, token, &mut out);
    String::from_utf8(out[..length].to_vec()).expect("headers are ASCII")
}

fn pairs(block: &str) -> Vec<Pair<'_>> {
    let lines = block.lines().filter_map(|line| line.split_once(": "));
    lines
        .map(|(name, value)| (name.as_bytes(), value.as_bytes()))
        .collect()
}

/// What a client sends besides the dump.
fn foreign() -> [Pair<'static>; 8] {
    [
        (b"Host", b"registry.example"),
        (b"User-Agent", b"npm/11.0.0 node/v24.0.0 linux x64"),
        (b"Accept", b"application/vnd.npm.install-v1+json; q=1.0"),
        (b"Accept-Encoding", b"gzip, deflate, br"),
        (b"Accept-Language", b"en"),
        (b"Connection", b"keep-alive"),
        (b"Cache-Control", b"no-cache"),
        (b"npm-command", b"install"),
    ]
}

fn is_dump(pair: &Pair<'_>) -> bool {
    pair.0 == b"X-Bun-Config-Dump"
}

/// A token as long as ours are: header, claims and Ed25519 signature in base64url.
fn token() -> String {
    [("h", 76), ("c", 204), ("s", 86)]
        .map(|(part, length)| part.repeat(length))
        .join(".")
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
