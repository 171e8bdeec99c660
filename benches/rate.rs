//! The rate limiter: what one check costs on a warm cell.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use thirteen::auth::rate::{RateKey, RateKeys, RateTable, Rule, Verdict};

fn check(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("rate");
    let rule = Rule::new(1_000_000, 1_000).expect("within bounds");
    let keys = RateKeys::new();
    let address = "192.0.2.7".parse().expect("an address");

    group.bench_function("check allowed", |bencher| {
        let table = RateTable::new(rule, 65_536);
        let key = keys.peer(address);
        let (mut now_us, mut allowed, mut hits) = (0u64, 0u64, 0u64);
        bencher.iter(|| {
            // Twenty checks in a microsecond: below the limit of the window, and it turns.
            now_us += u64::from(hits.is_multiple_of(20)) * 50;
            hits += 1;
            let verdict = table.check(black_box(key), black_box(now_us / 1_000));
            allowed += u64::from(verdict == Verdict::Allowed);
        });
        assert_eq!(allowed, hits, "every hit was within the limit");
    });
    group.bench_function("check allowed, 1024 keys in turn", |bencher| {
        let table = RateTable::new(rule, 65_536);
        let turn: Vec<RateKey> = (0..1_024u32)
            .map(|subject| keys.subject(&subject.to_le_bytes()))
            .collect();
        let (mut allowed, mut hits) = (0u64, 0u64);
        bencher.iter(|| {
            let key = turn[hits as usize % turn.len()];
            hits += 1;
            let verdict = table.check(black_box(key), black_box(hits >> 16));
            allowed += u64::from(verdict == Verdict::Allowed);
        });
        assert_eq!(allowed, hits, "every hit was within the limit");
    });
    group.bench_function("check limited", |bencher| {
        let rule = Rule::new(1, 1_000).expect("within bounds");
        let table = RateTable::new(rule, 65_536);
        let key = keys.peer(address);
        assert_eq!(table.check(key, 5_250), Verdict::Allowed);
        let mut waits_ms = 0u64;
        let mut hits = 0u64;
        bencher.iter(|| {
            hits += 1;
            if let Verdict::Limited { retry_after_ms } =
                table.check(black_box(key), black_box(5_500))
            {
                waits_ms += retry_after_ms;
            }
        });
        assert_eq!(
            waits_ms,
            hits * 1_500,
            "limited until the end of the next window"
        );
    });
    group.bench_function("key of a peer", |bencher| {
        let expected = keys.peer(address);
        bencher.iter(|| assert_eq!(keys.peer(black_box(address)), expected));
    });
    group.finish();
}

criterion_group!(benches, check);
criterion_main!(benches);
