//! Access tokens: one that the shard has verified before, one that it has not, and what of the
//! latter is the Ed25519 library's; a password's hash beside them.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use criterion::{Criterion, criterion_group, criterion_main};
use thirteen::auth::Role;
use thirteen::auth::keys::Keys;
use thirteen::auth::passwords::{Verified, hash_blocking, verify_blocking};
use thirteen::auth::tokens::{Found, Grant, TokenCache, issue, verify};
use thirteen::id::Id;

fn grant(number: u64) -> Grant {
    Grant {
        user: Id::of(number, [1; 10]),
        session: Id::of(number, [2; 10]),
        role: Role::Customer,
    }
}

fn warm(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("tokens/warm");
    let keys = Keys::ephemeral();
    let (cache, now) = (TokenCache::new(), Instant::now());
    let generation = AtomicU64::new(7);
    let tokens: Vec<String> = (0..1024)
        .map(|number| issue(&keys, grant(number), Id::of(number, [3; 10]), ISSUED_AT))
        .collect();
    for (number, token) in tokens.iter().enumerate() {
        let deadline = now + Duration::from_secs(900);
        cache.remember(token.as_bytes(), grant(number as u64), 7, now, deadline);
    }
    let find = |token: &str, now| {
        cache.find(token.as_bytes(), now, |_| {
            generation.load(Ordering::Acquire)
        })
    };
    group.bench_function("one", |bencher| {
        bencher.iter(|| assert_eq!(find(black_box(&tokens[0]), now), Found::Good(grant(0))));
    });
    group.bench_function("1024 in turn", |bencher| {
        let (mut asked, mut good) = (0_usize, 0);
        bencher.iter(|| {
            let found = find(black_box(&tokens[asked % tokens.len()]), now);
            good += usize::from(matches!(found, Found::Good(_)));
            asked += 1;
        });
        assert!(
            good * 100 >= asked * 99,
            "{good} of {asked}: few share a set of the cache"
        );
    });
    group.bench_function("unknown", |bencher| {
        let unknown = issue(&keys, grant(9999), Id::of(9999, [3; 10]), ISSUED_AT);
        bencher.iter(|| assert_eq!(find(black_box(&unknown), now), Found::Nothing));
    });
    group.finish();
}

fn cold(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("tokens/cold");
    let keys = Keys::ephemeral();
    let token = issue(&keys, grant(1), Id::of(1, [3; 10]), ISSUED_AT);
    let (message, signature) = token.rsplit_once('.').expect("a token has three parts");
    let signature = URL_SAFE_NO_PAD.decode(signature).expect("base64");
    let signature = signature.try_into().expect("64 bytes");
    let public = keys.public(keys.signing_kid()).expect("it is live");
    group.bench_function("the library's check", |bencher| {
        bencher.iter(|| public.verify(black_box(message.as_bytes()), black_box(&signature)));
    });
    group.bench_function("verify", |bencher| {
        bencher.iter(|| {
            let claims = verify(&keys, black_box(token.as_bytes()), ISSUED_AT);
            assert_eq!(claims.map(|claims| claims.grant), Ok(grant(1)));
        });
    });
    group.bench_function("issue", |bencher| {
        bencher.iter(|| issue(&keys, grant(1), Id::of(1, [3; 10]), black_box(ISSUED_AT)));
    });
    group.finish();
}

fn passwords(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("passwords");
    group.sample_size(10);
    let stored = hash_blocking("correct horse").expect("there is memory");
    group.bench_function("check", |bencher| {
        bencher.iter(|| {
            let verified = verify_blocking(black_box("correct horse"), &stored);
            assert_eq!(verified, Ok(Verified::Right));
        });
    });
    group.finish();
}

const ISSUED_AT: u64 = 1_700_000_000;

criterion_group!(benches, warm, cold, passwords);
criterion_main!(benches);
