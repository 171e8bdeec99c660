//! The operations whose speed is documented, each with its targets.

/// An operation that shards sample and `thirteen benchmark` measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(usize)]
pub enum Operation {
    /// The shard's own copy of the 13 bytes, read.
    ConfigRead,
    /// The 13 bytes written out.
    ConfigSerialize,
    /// The 13 bytes read back, with their ranges checked.
    ConfigDeserialize,
    /// A change applied, numbered and queued to every shard.
    ConfigUpdate,
    /// The X-Bun header block written into a head.
    HeadersInject,
    /// The configuration taken from the headers of an indexed head.
    HeadersExtract,
    /// The whole header set checked: formats, ranges, checksum.
    HeadersValidate,
    /// A fixed frame written.
    FrameEncode,
    /// A frame read.
    FrameDecode,
    /// A frame's length, type and checksum checked.
    FrameValidate,
    /// A bulk frame of three entries written.
    BulkEncode,
    /// A bulk frame of three entries read.
    BulkDecode,
    /// A request head parsed.
    HeadParse,
    /// Ten cookies parsed.
    CookiesParse,
    /// One request counted against its rate limit.
    RateCheck,
    /// A trace id made and written as `traceparent`.
    TraceMake,
    /// An access token found among those that the shard has verified.
    JwtVerifyWarm,
    /// An access token verified that the shard has not seen.
    JwtVerifyCold,
    /// A proxy token found among those that the shard has verified.
    ProxyToken,
    /// The upstream of a request through the proxy found, and its target held against it.
    ProxyRouting,
    /// The addresses of a host found among those that the shard has seen.
    DnsHit,
    /// The Ed25519 library alone, on the message and signature of such a token.
    SignatureVerify,
}

/// What an operation may cost, in picoseconds (0.5 ns is a target).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// The name in metrics, profiles and tables.
    pub name: &'static str,
    /// What the product's documents promise; absent where they are silent.
    pub documented_ps: Option<u64>,
    /// What we hold ourselves to.
    pub goal_ps: u64,
    /// Where it is measured.
    pub measured: Measured,
}

/// Where an operation is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measured {
    /// By the shards of the live server, one run in 1024, and by `thirteen benchmark`.
    Live,
    /// By `thirteen benchmark` only: the live server does it as part of another operation, or not
    /// at all.
    BenchmarkOnly,
}

/// How a measured median stands to its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Within our own goal.
    Goal,
    /// Within the documented target, not within our goal.
    Target,
    /// Over the target, by less than the clock itself costs: too short to judge one by one.
    Unresolved,
    /// Over the target (over the goal, where nothing is documented).
    Missed,
    /// Nothing was measured.
    Unmeasured,
}

impl Operation {
    /// Every operation, in the order of its number.
    pub const ALL: [Operation; 22] = [
        Operation::ConfigRead,
        Operation::ConfigSerialize,
        Operation::ConfigDeserialize,
        Operation::ConfigUpdate,
        Operation::HeadersInject,
        Operation::HeadersExtract,
        Operation::HeadersValidate,
        Operation::FrameEncode,
        Operation::FrameDecode,
        Operation::FrameValidate,
        Operation::BulkEncode,
        Operation::BulkDecode,
        Operation::HeadParse,
        Operation::CookiesParse,
        Operation::RateCheck,
        Operation::TraceMake,
        Operation::JwtVerifyWarm,
        Operation::JwtVerifyCold,
        Operation::ProxyToken,
        Operation::ProxyRouting,
        Operation::DnsHit,
        Operation::SignatureVerify,
    ];

    /// How many operations there are.
    pub const COUNT: usize = Operation::ALL.len();

    /// Those that the live server measures.
    pub fn live() -> impl Iterator<Item = Operation> {
        Operation::ALL
            .into_iter()
            .filter(|operation| operation.target().measured == Measured::Live)
    }

    /// The place in tables.
    pub fn index(self) -> usize {
        self as usize
    }

    /// The name in metrics, profiles and tables.
    pub fn name(self) -> &'static str {
        self.target().name
    }

    /// The table of targets: PERFORMANCE.md's kernel rows.
    pub fn target(self) -> Target {
        use Measured::{BenchmarkOnly, Live};
        match self {
            Operation::ConfigRead => row("config_read", Some(500), 500, Live),
            Operation::ConfigSerialize => {
                row("config_serialize", Some(50_000), 5_000, BenchmarkOnly)
            }
            Operation::ConfigDeserialize => {
                row("config_deserialize", Some(50_000), 5_000, BenchmarkOnly)
            }
            Operation::ConfigUpdate => row("config_update", Some(497_000), 200_000, Live),
            Operation::HeadersInject => row("headers_inject", Some(15_000), 12_000, Live),
            Operation::HeadersExtract => {
                row("headers_extract", Some(20_000), 20_000, BenchmarkOnly)
            }
            Operation::HeadersValidate => row("headers_validate", Some(267_000), 80_000, Live),
            Operation::FrameEncode => row("frame_encode", Some(50_000), 5_000, BenchmarkOnly),
            Operation::FrameDecode => row("frame_decode", Some(50_000), 5_000, Live),
            Operation::FrameValidate => row("frame_validate", Some(8_000), 3_000, BenchmarkOnly),
            Operation::BulkEncode => row("bulk_encode", Some(150_000), 15_000, BenchmarkOnly),
            Operation::BulkDecode => row("bulk_decode", Some(150_000), 15_000, BenchmarkOnly),
            Operation::HeadParse => row("head_parse", None, 120_000, Live),
            Operation::CookiesParse => row("cookies_parse", None, 150_000, BenchmarkOnly),
            Operation::RateCheck => row("rate_check", Some(50_000), 25_000, Live),
            Operation::TraceMake => row("trace_make", Some(100_000_000), 100_000, BenchmarkOnly),
            Operation::JwtVerifyWarm => row("jwt_verify_warm", Some(150_000), 50_000, Live),
            // `thirteen benchmark` judges it by the library's speed on the same machine.
            Operation::JwtVerifyCold => row("jwt_verify_cold", None, SIGNATURE_PS, Live),
            Operation::ProxyToken => row("proxy_token", Some(10_000), 10_000, Live),
            Operation::ProxyRouting => row("proxy_routing", Some(20_000), 20_000, Live),
            Operation::DnsHit => row("dns_hit", Some(50_000), 50_000, BenchmarkOnly),
            Operation::SignatureVerify => {
                row("signature_verify", None, SIGNATURE_PS, BenchmarkOnly)
            }
        }
    }
}

impl Target {
    /// What reports show as the target: the documented one, or our goal where there is none.
    pub fn shown_ps(&self) -> u64 {
        self.documented_ps.unwrap_or(self.goal_ps)
    }

    /// Judges a median. `floor_ps` is the jitter of the measurement itself: 0 for batches, the
    /// clock's overhead for operations timed one by one.
    pub fn judge(&self, median_ps: Option<u64>, floor_ps: u64) -> Verdict {
        let Some(median_ps) = median_ps else {
            return Verdict::Unmeasured;
        };
        if median_ps <= self.goal_ps {
            Verdict::Goal
        } else if median_ps <= self.shown_ps() {
            Verdict::Target
        } else if median_ps <= self.shown_ps().saturating_add(floor_ps) {
            Verdict::Unresolved
        } else {
            Verdict::Missed
        }
    }
}

impl Verdict {
    /// The word in tables and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Goal => "goal",
            Verdict::Target => "target",
            Verdict::Unresolved => "unresolved",
            Verdict::Missed => "missed",
            Verdict::Unmeasured => "unmeasured",
        }
    }
}

/// An Ed25519 check on a slow server core.
const SIGNATURE_PS: u64 = 60_000_000;

const fn row(
    name: &'static str,
    documented_ps: Option<u64>,
    goal_ps: u64,
    measured: Measured,
) -> Target {
    Target {
        name,
        documented_ps,
        goal_ps,
        measured,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_list_is_in_the_order_of_the_numbers() {
        for (position, operation) in Operation::ALL.into_iter().enumerate() {
            assert_eq!(operation.index(), position, "{operation:?}");
        }
    }

    #[test]
    fn names_are_distinct_and_goals_are_not_looser_than_targets() {
        let names: HashSet<_> = Operation::ALL.into_iter().map(Operation::name).collect();
        assert_eq!(names.len(), Operation::COUNT);
        for operation in Operation::ALL {
            let target = operation.target();
            assert!(target.goal_ps <= target.shown_ps(), "{}", target.name);
        }
    }

    #[test]
    fn verdicts() {
        use Measured::Live;
        let target = row("example", Some(50), 5, Live);
        for (median_ps, floor_ps, expected) in [
            (None, 0, Verdict::Unmeasured),
            (Some(0), 0, Verdict::Goal),
            (Some(5), 0, Verdict::Goal),
            (Some(6), 0, Verdict::Target),
            (Some(50), 0, Verdict::Target),
            (Some(51), 0, Verdict::Missed),
            (Some(51), 1, Verdict::Unresolved),
            (Some(52), 1, Verdict::Missed),
        ] {
            assert_eq!(
                target.judge(median_ps, floor_ps),
                expected,
                "{median_ps:?} {floor_ps}"
            );
        }
        assert_eq!(
            row("silent", None, 5, Live).judge(Some(6), 0),
            Verdict::Missed
        );
    }
}
