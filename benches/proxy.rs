//! What a request through the proxy passes besides the check of its headers: its token, the
//! decision where it may go, and the addresses of that host.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Instant;

use criterion::{Criterion, criterion_group, criterion_main};
use thirteen::auth::keys::Keys;
use thirteen::auth::rate::RateKeys;
use thirteen::auth::tokens::proxy::{Pass, ProxyGrant, ProxyTokens, issue, verify};
use thirteen::id::Id;
use thirteen::outgoing::dns::{Names, View};
use thirteen::outgoing::guard::is_public;
use thirteen::proxy::{Refusal, Upstreams, decide};
use thirteen::settings::Upstream;

const NOW: u64 = 1_700_000_000;

fn tokens(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("proxy token");
    let (keys, rates, now) = (Keys::ephemeral(), RateKeys::new(), Instant::now());
    let made: Vec<String> = (0..64)
        .map(|number| {
            let grant = ProxyGrant {
                subject: "benchmark",
                hash: 7,
                seconds: 3600,
            };
            issue(&keys, grant, Id::of(number, [1; 10]), NOW)
        })
        .collect();
    let remembered = ProxyTokens::new();
    let mut pass = None;
    for token in &made {
        let claims = verify(&keys, token.as_bytes(), NOW).expect("it was just made");
        let made = Pass::of(&claims, &rates);
        remembered.remember(token.as_bytes(), made, &claims, (now, NOW));
        pass = Some(made);
    }
    group.bench_function("warm", |bencher| {
        let token = made[63].as_bytes();
        bencher.iter(|| assert_eq!(remembered.find(black_box(token), now), pass));
    });
    group.bench_function("cold", |bencher| {
        let token = made[0].as_bytes();
        bencher.iter(|| assert!(verify(&keys, black_box(token), NOW).is_ok()));
    });
    group.finish();
}

fn decisions(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("proxy decision");
    let upstream = |host: &str, hash| {
        let address = format!("{host}:443").parse();
        Upstream::plain(address.expect("a host and a port"), hash)
    };
    let upstreams = Upstreams::new(vec![
        upstream("registry.npmjs.org", 0),
        upstream("registry.mycompany.com", 0xa1b2_c3d4),
    ]);
    let decided = |hash: u32, target: &[u8]| {
        decide(&upstreams, hash, target, None).map(|upstream| upstream.hash)
    };
    group.bench_function("allowed", |bencher| {
        let target = b"registry.mycompany.com:443".as_slice();
        let right = Ok(0xa1b2_c3d4);
        bencher.iter(|| assert_eq!(decided(black_box(0xa1b2_c3d4), black_box(target)), right));
    });
    group.bench_function("refused", |bencher| {
        let target = b"registry.mycompany.evil:443".as_slice();
        let right = Err(Refusal::Target);
        bencher.iter(|| assert_eq!(decided(black_box(0xa1b2_c3d4), black_box(target)), right));
    });
    group.finish();
}

fn names(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("dns");
    let now = Instant::now();
    let view = View::new(Names::with(|_| None));
    for number in 0..64_u8 {
        let address = IpAddr::V4(Ipv4Addr::new(1, 1, 1, number));
        view.learn(
            &format!("host-{number}.example.com"),
            Arc::new([address]),
            now,
        );
    }
    group.bench_function("hit", |bencher| {
        let right: IpAddr = Ipv4Addr::new(1, 1, 1, 7).into();
        bencher.iter(|| {
            let found = view.known(black_box("host-7.example.com"), now);
            let found = found.expect("it is known").expect("it has an address");
            assert_eq!(found[0], right);
        });
    });
    group.bench_function("guard", |bencher| {
        let address: IpAddr = "2606:4700::6810:22".parse().expect("an address");
        bencher.iter(|| assert!(is_public(black_box(address))));
    });
    group.finish();
    let hits = view.names().stats().cache_hits_completed;
    assert!(hits > 0, "the view counts its hits");
}

criterion_group!(benches, tokens, decisions, names);
criterion_main!(benches);
