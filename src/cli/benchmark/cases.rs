//! The operations that `thirteen benchmark` measures, with their inputs and right answers.

use std::fmt::Debug;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering, compiler_fence};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use thirteen_kernels::config::frame::{
    BULK_BYTES_MAX, FIXED_BYTES, Frame, FrameType, decode, encode_bulk, encode_update, validate,
};
use thirteen_kernels::config::headers::{
    FaultList, HEADERS_BYTES_MAX, Required, extract, validate as validate_headers, write_headers,
};
use thirteen_kernels::config::{ConfigState, Field, OffsetBase, StateCell};
use thirteen_kernels::http::{HeadParser, HeadStatus, HeadTable, cookies};
use thirteen_kernels::level::Level;

use crate::auth::Role;
use crate::auth::keys::Keys;
use crate::auth::rate::{RateKeys, RateTable, Rule, Verdict};
use crate::auth::tokens::proxy::{
    self as proxy_tokens, PROXY_SECONDS_MAX, Pass, ProxyGrant, ProxyTokens,
};
use crate::auth::tokens::{Found, Grant, TokenCache, issue, verify};
use crate::id::Id;
use crate::outgoing::dns::{Names, View};
use crate::proxy::{Upstreams, decide};
use crate::settings::Upstream;
use crate::telemetry::Operation;
use crate::telemetry::trace_id::{IdSource, TRACEPARENT_BYTES, TraceParent};

/// An operation that can be run and asked whether it works.
pub(super) trait Case {
    /// Performs the operation so many times.
    fn run(&mut self, rounds: u32);

    /// Performs it once and compares the answer.
    fn check(&mut self) -> Result<(), String>;
}

pub(super) type Cases = Vec<(Operation, Box<dyn Case>)>;

/// The configuration itself.
pub(super) fn config() -> Cases {
    let state = ConfigState::DEFAULT;
    let bytes = state.to_bytes();
    vec![
        (
            Operation::ConfigRead,
            Box::new(Reads {
                cell: StateCell::new(state, 1),
            }),
        ),
        case(Operation::ConfigSerialize, bytes, move || {
            black_box(&state).to_bytes()
        }),
        case(Operation::ConfigDeserialize, Ok(state), move || {
            ConfigState::from_bytes(black_box(&bytes))
        }),
    ]
}

/// What the head of a request passes through.
pub(super) fn validation() -> Cases {
    let state = ConfigState::DEFAULT;
    let level = Level::detect();
    let parser = HeadParser::new(level);
    // The views below live as long as the cases; the process ends with them.
    let lines: &'static [u8] = head_with_config(&state).leak();
    let table: &'static HeadTable = Box::leak(Box::new(parsed(&parser, lines)));
    let mut out = vec![0; HEADERS_BYTES_MAX];
    let lines_bytes = write_headers(&state, REQUEST_ID, None, &mut out);
    let mut scratch = Box::new(HeadTable::new());
    let complete = Ok(HeadStatus::Complete {
        bytes: BROWSER_HEAD.len(),
    });
    vec![
        case(Operation::HeadersInject, lines_bytes, move || {
            write_headers(
                black_box(&state),
                black_box(REQUEST_ID),
                None,
                black_box(&mut out),
            )
        }),
        case(Operation::HeadersExtract, Some(state), move || {
            extract(black_box(table).view(lines).headers())
        }),
        case(Operation::HeadersValidate, Some(state), move || {
            let mut faults = FaultList::new();
            let head = black_box(table).view(lines);
            let valid = validate_headers(level, head.headers(), Required::None, &mut faults);
            valid.and_then(|valid| valid.state())
        }),
        case(Operation::HeadParse, complete, move || {
            parser.parse(black_box(BROWSER_HEAD.as_bytes()), black_box(&mut scratch))
        }),
        case(Operation::CookiesParse, (10, 0), move || {
            let mut pairs = cookies(level, black_box(TEN_COOKIES.as_bytes()));
            (
                pairs.by_ref().map(black_box).count(),
                pairs.malformed_count(),
            )
        }),
        rate_check(),
        trace_make(),
    ]
}

/// The frames of the configuration's WebSocket.
pub(super) fn websocket() -> Cases {
    let base = OffsetBase::Lockfile;
    let rows = Frame::Update {
        field: Field::Rows,
        value: 24,
    };
    let updates = [
        (Field::TerminalMode, 2),
        (Field::Rows, 40),
        (Field::Cols, 120),
    ];
    let mut out = [0; BULK_BYTES_MAX];
    let mut bulk = [0; BULK_BYTES_MAX];
    let bulk_bytes = encode_bulk(&updates, base, &mut bulk);
    let after = updates
        .iter()
        .try_fold(ConfigState::DEFAULT, |state, &(field, value)| {
            state.with(field, value)
        });
    vec![
        case(Operation::FrameEncode, ROWS_FRAME, move || {
            encode_update(black_box(Field::Rows), black_box(24), black_box(base))
        }),
        case(Operation::FrameDecode, Ok(rows), move || {
            decode(black_box(&ROWS_FRAME), black_box(base))
        }),
        case(Operation::FrameValidate, Ok(FrameType::Update), move || {
            validate(black_box(&ROWS_FRAME))
        }),
        case(Operation::BulkEncode, bulk_bytes, move || {
            encode_bulk(black_box(&updates), black_box(base), black_box(&mut out))
        }),
        case(Operation::BulkDecode, after.ok(), move || {
            match decode(black_box(&bulk[..bulk_bytes]), black_box(base)) {
                Ok(Frame::Bulk(entries)) => Some(entries.apply(ConfigState::DEFAULT)),
                _ => None,
            }
        }),
    ]
}

/// An access token: found among those that were verified, and verified. The library's share of
/// the latter is measured before it.
pub(super) fn jwt() -> Cases {
    let keys = Keys::ephemeral();
    let grant = Grant {
        user: Id::of(1, [1; 10]),
        session: Id::of(2, [2; 10]),
        role: Role::Customer,
    };
    let issued_at = 1_700_000_000;
    let token = issue(&keys, grant, Id::of(3, [3; 10]), issued_at);
    let (message, signature) = signed_parts(&token);
    let public = keys
        .public(keys.signing_kid())
        .expect("the key that signs is live");
    let cache = TokenCache::new();
    let (now, generation) = (Instant::now(), AtomicU64::new(1));
    cache.remember(
        token.as_bytes(),
        grant,
        1,
        now,
        now + Duration::from_secs(900),
    );
    let warm = token.clone();
    vec![
        case(Operation::JwtVerifyWarm, Found::Good(grant), move || {
            let generation_of = |_| generation.load(Ordering::Acquire);
            cache.find(black_box(warm.as_bytes()), black_box(now), generation_of)
        }),
        case(Operation::SignatureVerify, Ok(()), move || {
            public.verify(black_box(&message), black_box(&signature))
        }),
        case(Operation::JwtVerifyCold, Ok(grant), move || {
            let claims = verify(black_box(&keys), black_box(token.as_bytes()), issued_at);
            claims.map(|claims| claims.grant)
        }),
    ]
}

/// What of a token is signed, and its signature.
fn signed_parts(token: &str) -> (Vec<u8>, [u8; 64]) {
    let (message, signature) = token.rsplit_once('.').expect("a token has three parts");
    let signature = URL_SAFE_NO_PAD.decode(signature).ok();
    let signature = signature.and_then(|bytes| bytes.try_into().ok());
    (message.into(), signature.expect("a signature has 64 bytes"))
}

/// What a request through the proxy passes, besides the check of its headers.
pub(super) fn proxy() -> Cases {
    let (keys, rates) = (Keys::ephemeral(), RateKeys::new());
    let (now, now_seconds) = (Instant::now(), 1_700_000_000);
    let hash = ConfigState::DEFAULT.registry_hash();
    let grant = ProxyGrant {
        subject: "benchmark",
        hash,
        seconds: PROXY_SECONDS_MAX,
    };
    let token = proxy_tokens::issue(&keys, grant, Id::of(1, [1; 10]), now_seconds);
    let claims = proxy_tokens::verify(&keys, token.as_bytes(), now_seconds);
    let claims = claims.expect("the token was just made");
    let (tokens, pass) = (ProxyTokens::new(), Pass::of(&claims, &rates));
    tokens.remember(token.as_bytes(), pass, &claims, (now, now_seconds));
    let upstream = |host: &str, hash| {
        let address = format!("{host}:443").parse();
        Upstream::plain(address.expect("a host and a port"), hash)
    };
    let upstreams = Upstreams::new(vec![
        upstream("registry.npmjs.org", 0),
        upstream("registry.mycompany.com", hash),
    ]);
    let address = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    let names = View::new(Names::with(|_| None));
    names.learn("registry.mycompany.com", Arc::new([address]), now);
    vec![
        case(Operation::ProxyToken, Some(pass), move || {
            tokens.find(black_box(token.as_bytes()), now)
        }),
        case(Operation::ProxyRouting, Some(443), move || {
            let target = black_box(b"registry.mycompany.com:443");
            let decided = decide(black_box(&upstreams), black_box(hash), target, None);
            decided.ok().map(|upstream| upstream.address.port)
        }),
        case(Operation::DnsHit, Some(address), move || {
            let found = names.known(black_box("registry.mycompany.com"), now)?;
            found.ok().map(|addresses| addresses[0])
        }),
    ]
}

fn rate_check() -> (Operation, Box<dyn Case>) {
    let rule = Rule::new(1_000_000, 1_000).expect("within the rule's bounds");
    let table = RateTable::new(rule, 65_536);
    let key = RateKeys::default().subject(b"benchmark");
    let mut hits = 0_u64;
    case(Operation::RateCheck, Verdict::Allowed, move || {
        hits += 1;
        // 512 hits a millisecond: half the limit, and the window turns.
        table.check(black_box(key), black_box(hits >> 9))
    })
}

/// A caller's trace read, continued with a span of ours and written: the trace must stay.
fn trace_make() -> (Operation, Box<dyn Case>) {
    const CALLER: &[u8; TRACEPARENT_BYTES] =
        b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let caller = TraceParent::parse(CALLER).map(|caller| caller.trace);
    let mut source = IdSource::from_seed([13; 32]);
    case(Operation::TraceMake, caller, move || {
        let ours = source.continue_trace(TraceParent::parse(black_box(CALLER)));
        black_box(ours.to_header());
        Some(ours.trace)
    })
}

/// An operation whose answer is a value.
struct Answering<T, F> {
    name: &'static str,
    right: T,
    operation: F,
}

impl<T: PartialEq + Debug, F: FnMut() -> T> Case for Answering<T, F> {
    fn run(&mut self, rounds: u32) {
        for _ in 0..rounds {
            black_box((self.operation)());
        }
    }

    fn check(&mut self) -> Result<(), String> {
        let answer = (self.operation)();
        if answer == self.right {
            return Ok(());
        }
        Err(format!(
            "{} answers {answer:?} for {:?}",
            self.name, self.right
        ))
    }
}

/// Reads of the shard's cell. `black_box` would cost more than a read: the fence makes the
/// compiler load the cell anew each time, and the sum makes it use what it loaded.
struct Reads {
    cell: StateCell,
}

impl Case for Reads {
    fn run(&mut self, rounds: u32) {
        let cell = black_box(&self.cell);
        let mut sum = 0_u32;
        for _ in 0..rounds {
            sum = sum.wrapping_add(cell.read().registry_hash());
            compiler_fence(Ordering::SeqCst);
        }
        black_box(sum);
    }

    fn check(&mut self) -> Result<(), String> {
        let state = self.cell.read();
        if state == ConfigState::DEFAULT {
            return Ok(());
        }
        Err(format!("{} reads {state:?}", Operation::ConfigRead.name()))
    }
}

/// Rows set to 24, from the protocol's own examples.
const ROWS_FRAME: [u8; FIXED_BYTES] = [1, 14, 0, 0, 0, 24, 0, 0, 0, 0, 0, 0, 0, 0x17];

const REQUEST_ID: u64 = 0x0123_4567_89ab_cdef;

/// Ten pairs as a shop's front end sends them.
const TEN_COOKIES: &str = "session=9f2c4b7a1d8e6035c4f7a2b9d0e81f36; csrf=Zk3vQ1nT8wLx; \
    cart=01890a5d-ac96-774b-bcce-b302099a8057; theme=dark; lang=en-GB; currency=EUR; \
    _ga=GA1.1.1834921573.1700000000; consent=\"analytics=0\"; ab=b; last=%2Fproducts%2F42";

/// A browser's request: 703 bytes, ten headers.
const BROWSER_HEAD: &str = concat!(
    "GET /api/v1/products/espresso-machine-with-grinder?currency=EUR&locale=en-GB HTTP/1.1\r\n",
    "Host: shop.example.com\r\n",
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) ",
    "Chrome/124.0.0.0 Safari/537.36\r\n",
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;",
    "q=0.8\r\n",
    "Accept-Language: en-GB,en;q=0.7,de;q=0.3\r\n",
    "Accept-Encoding: gzip, deflate, br, zstd\r\n",
    "Referer: https://shop.example.com/products?page=12\r\n",
    "Cookie: session=9f2c4b7a1d8e6035c4f7a2b9d0e81f36; theme=dark; ",
    "cart=01890a5d-ac96-774b-bcce-b302099a8057; lang=en-GB; ",
    "consent=analytics%3D0%26marketing%3D0%26\r\n",
    "Sec-Fetch-Mode: navigate\r\n",
    "If-None-Match: \"5f3c9a7e1b2d4c6f\"\r\n",
    "Connection: keep-alive\r\n",
    "\r\n",
);

fn case<T: PartialEq + Debug + 'static>(
    operation: Operation,
    right: T,
    run: impl FnMut() -> T + 'static,
) -> (Operation, Box<dyn Case>) {
    (
        operation,
        Box::new(Answering {
            name: operation.name(),
            right,
            operation: run,
        }),
    )
}

fn head_with_config(state: &ConfigState) -> Vec<u8> {
    let mut lines = vec![0; HEADERS_BYTES_MAX];
    let lines_bytes = write_headers(state, REQUEST_ID, None, &mut lines);
    let mut head = b"GET /lodash HTTP/1.1\r\nHost: registry.example.com\r\n".to_vec();
    head.extend_from_slice(&lines[..lines_bytes]);
    head.extend_from_slice(b"\r\n");
    head
}

fn parsed(parser: &HeadParser, head: &[u8]) -> HeadTable {
    let mut table = HeadTable::new();
    let status = parser.parse(head, &mut table);
    assert_eq!(
        status,
        Ok(HeadStatus::Complete { bytes: head.len() }),
        "our own head is whole"
    );
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_answers_right_before_and_after_a_run() {
        for (operation, mut case) in config()
            .into_iter()
            .chain(validation())
            .chain(websocket())
            .chain(jwt())
        {
            assert_eq!(case.check(), Ok(()), "{operation:?}");
            case.run(1000);
            assert_eq!(case.check(), Ok(()), "{operation:?}");
        }
    }

    #[test]
    fn a_wrong_answer_is_told() {
        let (_, mut case) = case(Operation::RateCheck, 7, || 8);
        let fault = case.check().unwrap_err();
        assert_eq!(fault, "rate_check answers 8 for 7");
    }

    #[test]
    fn the_browsers_head_is_the_documented_one() {
        assert_eq!(BROWSER_HEAD.len(), 703);
        let table = parsed(&HeadParser::new(Level::Scalar), BROWSER_HEAD.as_bytes());
        assert_eq!(table.view(BROWSER_HEAD.as_bytes()).header_count(), 10);
        assert_eq!(TEN_COOKIES.split("; ").count(), 10);
    }
}
