//! A strict reader of both formats, and the pages that it is held against.

use std::collections::{BTreeMap, HashSet};

use thirteen_kernels::config::ConfigState;

use super::super::{
    Clock, Counter, Fault, Local, NamesLine, Operation, OutgoingGauges, ProcessUsage, RingCounters,
    RouteLabel, Started, StoreLine, StoreRecord, Totals, UNMATCHED, UpstreamLine, UpstreamsLine,
};
use super::{Format, Page};

const FORMATS: [Format; 2] = [Format::Prometheus, Format::OpenMetrics];

const ROUTES: [RouteLabel; 3] = [
    RouteLabel {
        door: "api",
        method: "GET",
        path: "/health",
    },
    RouteLabel {
        door: "api",
        method: "POST",
        path: "/api/config",
    },
    RouteLabel {
        door: "ops",
        method: "GET",
        path: "/odd\\path\"with\nall",
    },
];

#[test]
fn pages_hold_to_their_format() {
    for totals in [
        totals(),
        Totals::merge([]),
        Totals::merge([shard(0).snapshot()]),
    ] {
        for format in FORMATS {
            let text = page(&totals, format);
            let series = read(&text, format).unwrap_or_else(|fault| panic!("{fault}\n{text}"));
            assert!(series.len() > 40, "{} series", series.len());
        }
    }
}

#[test]
fn pages_tell_what_was_recorded() {
    for format in FORMATS {
        let series = read(&page(&totals(), format), format).unwrap();
        let health = r#"{door="api",method="GET",route="/health""#;
        for (name, value) in [
            (
                format!("thirteen_http_requests_total{health},status=\"2xx\"}}"),
                4.0,
            ),
            (
                format!("thirteen_http_requests_total{health},status=\"5xx\"}}"),
                1.0,
            ),
            (
                format!("thirteen_http_request_duration_seconds_count{health}}}"),
                5.0,
            ),
            (
                format!("thirteen_http_request_duration_seconds_bucket{health},le=\"1e-05\"}}"),
                3.0,
            ),
            (
                format!("thirteen_http_request_duration_seconds_sum{health}}}"),
                2.000_117,
            ),
            (r#"thirteen_connections{shard="1"}"#.into(), 3.0),
            (
                r#"thirteen_outgoing_connections_kept{shard="1"}"#.into(),
                6.0,
            ),
            (r#"thirteen_outgoing_requests{shard="1"}"#.into(), 9.0),
            ("thirteen_dns_cache_hits_completed_total".into(), 21.0),
            ("thirteen_dns_cache_hits_inflight_total".into(), 4.0),
            ("thirteen_dns_cache_misses_total".into(), 5.0),
            ("thirteen_dns_errors_total".into(), 2.0),
            ("thirteen_dns_cache_names".into(), 3.0),
            ("thirteen_dns_questions_total".into(), 30.0),
            (r#"thirteen_websocket_clients{shard="1"}"#.into(), 1.0),
            (
                r#"thirteen_ring_buffers_exhausted_total{shard="1"}"#.into(),
                8.0,
            ),
            (r#"thirteen_faults_total{kind="rate_limited"}"#.into(), 1.0),
            (
                r#"thirteen_operations_total{operation="config_read"}"#.into(),
                5000.0,
            ),
            ("thirteen_network_receive_bytes_total".into(), 703.0),
            ("thirteen_log_lines_dropped_total".into(), 3.0),
            ("bun_config_version".into(), 1.0),
            ("bun_registry_hash".into(), 2_712_847_316.0),
            ("bun_feature_flags".into(), 7.0),
            ("bun_terminal_mode".into(), 2.0),
            ("bun_config_reads_total".into(), 5000.0),
            ("process_cpu_seconds_total".into(), 1.75),
            ("process_resident_memory_bytes".into(), 8192.0),
            ("process_open_fds".into(), 12.0),
        ] {
            let found = series
                .get(&name)
                .unwrap_or_else(|| panic!("no {name}: {series:#?}"));
            assert!((found - value).abs() < 1e-9, "{name}: {found} for {value}");
        }
        assert!(series["process_start_time_seconds"] > 1.6e9);
    }
}

#[test]
fn pages_tell_of_stores() {
    for format in FORMATS {
        let series = read(&page(&totals(), format), format).unwrap();
        for (name, labels, value) in [
            ("queued", "", 4.0),
            ("failing", "", 1.0),
            ("refused_total", "", 2.0),
            ("panics_total", "", 1.0),
            ("batch_commands_bucket", ",le=\"4.0\"", 0.0),
            ("batch_commands_bucket", ",le=\"8.0\"", 1.0),
            ("batch_commands_sum", "", 7.0),
            ("commit_duration_seconds_sum", "", 0.0009),
        ] {
            let name = format!("thirteen_store_{name}{{store=\"commerce\"{labels}}}");
            assert_eq!(series.get(&name), Some(&value), "{name}");
        }
    }
}

#[test]
fn the_reader_refuses_what_is_wrong() {
    let head = "# HELP a A.\n# TYPE a gauge\n";
    let histogram = "# HELP h_seconds H.\n# TYPE h_seconds histogram\n";
    for (text, what) in [
        (format!("{head}a 1"), "no line feed at the end"),
        (format!("{head}\na 1\n"), "an empty line"),
        ("a 1\n".to_owned(), "a sample without a family"),
        (format!("{head}a 1\na 2\n"), "a series twice"),
        (format!("{head}a 1\n{head}"), "a family twice"),
        (format!("{head}b 1\n"), "a foreign sample"),
        (
            format!("{head}a_total 1\n"),
            "a gauge with a counter's suffix",
        ),
        (format!("{head}a x\n"), "a value that is no number"),
        (format!("{head}a{{l=\"1\",l=\"2\"}} 1\n"), "a label twice"),
        (format!("{head}a{{l=\"\\x\"}} 1\n"), "an unknown escape"),
        (format!("{head}a{{l=\"1}} 1\n"), "an open string"),
        ("# TYPE a gauge\na 1\n".to_owned(), "no help"),
        ("# HELP a A.\na 1\n".to_owned(), "no type"),
        (format!("{head}a 1\n# EOF\n"), "an EOF in Prometheus text"),
        (
            format!("{histogram}h_seconds_bucket{{le=\"+Inf\"}} 1\nh_seconds_sum 1\n"),
            "no count",
        ),
        (
            format!(
                "{histogram}h_seconds_bucket{{le=\"1.0\"}} 2\n\
                 h_seconds_bucket{{le=\"+Inf\"}} 1\nh_seconds_count 1\nh_seconds_sum 1\n"
            ),
            "buckets that fall",
        ),
        (
            format!(
                "{histogram}h_seconds_bucket{{le=\"+Inf\"}} 1\nh_seconds_count 2\nh_seconds_sum 1\n"
            ),
            "a count beside the last bucket",
        ),
    ] {
        assert!(
            read(&text, Format::Prometheus).is_err(),
            "{what} passed:\n{text}"
        );
    }
    assert!(read(&format!("{head}a 1\n"), Format::Prometheus).is_ok());
    assert!(read(&format!("{head}a 1\n# EOF\n"), Format::OpenMetrics).is_ok());
    assert!(
        read(&format!("{head}a 1\n"), Format::OpenMetrics).is_err(),
        "no EOF passed"
    );
    assert!(
        read(
            "# HELP c C.\n# TYPE c counter\nc 1\n# EOF\n",
            Format::OpenMetrics
        )
        .is_err(),
        "an OpenMetrics counter without _total passed"
    );
}

fn page(totals: &Totals, format: Format) -> String {
    let process = ProcessUsage {
        user_seconds: 1.5,
        system_seconds: 0.25,
        resident_bytes: 8192,
        open_files: 12,
        ..ProcessUsage::default()
    };
    let started = Started::mark();
    let page = Page {
        totals,
        process: &process,
        started,
        config: ConfigState::DEFAULT,
        log_lines_dropped: 3,
        stores: &[store()],
        names: NamesLine {
            hits_completed: 21,
            hits_inflight: 4,
            misses: 5,
            errors: 2,
            size: 3,
            total: 30,
        },
        upstreams: &upstreams(),
    };
    let mut out = Vec::new();
    page.write(format, &mut out);
    String::from_utf8(out).expect("pages are text")
}

fn upstreams() -> UpstreamsLine {
    UpstreamsLine {
        upstreams: vec![UpstreamLine {
            name: "registry.example:443".to_owned(),
            outcomes: vec![("fetched", 5), ("unsound", 1)],
            bytes: 77,
            is_held_back: true,
        }],
        cached_bytes: 88,
        evicted: 3,
        fetching: 1,
    }
}

fn store() -> StoreLine {
    let mut record = StoreRecord::default();
    record.waits.add(30_000);
    record.batches.add(7);
    record.commits.add(900_000);
    record.panics = 1;
    StoreLine {
        name: "commerce",
        queued: 4,
        refused: 2,
        is_failing: true,
        record,
    }
}

fn shard(number: usize) -> Local {
    Local::new(number, Clock::calibrate(), &ROUTES)
}

fn totals() -> Totals {
    let shards = [shard(0), shard(1)];
    for (status, nanoseconds) in [
        (200, 9_000),
        (204, 8_000),
        (200, 100_000),
        (503, 2_000_000_000),
    ] {
        shards[0].record(0, status, nanoseconds);
    }
    shards[1].record(0, 200, 0);
    shards[1].record(1, 422, 77_000);
    shards[1].record(2, 200, 55_000);
    shards[1].record(UNMATCHED, 404, 11_000);
    shards[1].add(Counter::ConnectionsOpened, 5);
    shards[1].add(Counter::ConnectionsClosed, 2);
    shards[1].count(Counter::WebSocketsOpened);
    shards[0].add(Counter::BytesIn, 700);
    shards[1].add(Counter::BytesIn, 3);
    shards[0].fault(Fault::RateLimited);
    shards[0].record_turn(15_000);
    for _ in 0..5_000 {
        shards[0].sample(Operation::ConfigRead, || ());
    }
    let [first, mut second] = shards.map(|shard| shard.snapshot());
    second.ring = RingCounters {
        completions_overflowed: 0,
        buffers_exhausted: 8,
        accept_pauses: 1,
    };
    second.outgoing = OutgoingGauges {
        connections_kept: 6,
        requests_under_way: 9,
    };
    Totals::merge([first, second])
}

type Series = BTreeMap<String, f64>;

/// Suffix, labels, value.
type Sample = (String, Labels, f64);

type Labels = Vec<(String, String)>;

/// The samples of a histogram that share their labels.
#[derive(Default)]
struct Group {
    buckets: Vec<(f64, f64)>,
    count: Option<f64>,
    sum: Option<f64>,
}

#[derive(Default)]
struct Reader {
    families: HashSet<String>,
    name: String,
    kind: String,
    helped: bool,
    samples: Vec<Sample>,
    series: Series,
}

fn read(text: &str, format: Format) -> Result<Series, String> {
    let body = match format {
        Format::Prometheus => text,
        Format::OpenMetrics => text
            .strip_suffix("# EOF\n")
            .ok_or("the page ends without EOF")?,
    };
    let body = body
        .strip_suffix('\n')
        .ok_or("the last line does not end")?;
    let mut reader = Reader::default();
    for line in body.split('\n') {
        reader
            .line(line, format)
            .map_err(|fault| format!("{fault}: {line:?}"))?;
    }
    reader.close()?;
    Ok(reader.series)
}

impl Reader {
    fn line(&mut self, line: &str, format: Format) -> Result<(), String> {
        let Some(comment) = line.strip_prefix("# ") else {
            return self.sample(line, format);
        };
        let (word, rest) = comment.split_once(' ').ok_or("a comment of one word")?;
        let (name, text) = rest.split_once(' ').ok_or("a head without text")?;
        match word {
            "HELP" => {
                self.close()?;
                if !self.families.insert(name.to_owned()) {
                    return Err("a family twice".into());
                }
                (self.name, self.kind, self.helped) = (name.to_owned(), String::new(), true);
            }
            "TYPE" if self.helped && self.kind.is_empty() && name == self.name => {
                self.kind = text.to_owned();
            }
            "UNIT" if format == Format::OpenMetrics && name == self.name => {
                if !name.ends_with(&format!("_{text}")) {
                    return Err("a unit that the name lacks".into());
                }
            }
            _ => return Err("an unexpected comment".into()),
        }
        Ok(())
    }

    fn sample(&mut self, line: &str, format: Format) -> Result<(), String> {
        let name_end = line.find(['{', ' ']).ok_or("a line without a value")?;
        let (name, mut rest) = line.split_at(name_end);
        let mut labels = Vec::new();
        if rest.starts_with('{') {
            (labels, rest) = read_labels(&rest[1..])?;
        }
        let value = rest.strip_prefix(' ').ok_or("no space before the value")?;
        let value: f64 = value.parse().map_err(|_| "a value that is no number")?;
        let suffix = name
            .strip_prefix(self.name.as_str())
            .ok_or("a foreign sample")?;
        let allowed: &[&str] = match (self.kind.as_str(), format) {
            ("counter", Format::OpenMetrics) => &["_total"],
            ("counter", Format::Prometheus) if self.name.ends_with("_total") => &[""],
            ("gauge", _) => &[""],
            ("histogram", _) => &["_bucket", "_count", "_sum"],
            _ => return Err("a sample without a type".into()),
        };
        if !allowed.contains(&suffix) || (self.kind == "counter" && value < 0.0) {
            return Err("a sample that its type forbids".into());
        }
        let names: HashSet<_> = labels.iter().map(|(name, _)| name).collect();
        if names.len() < labels.len() {
            return Err("a label twice".into());
        }
        let key = line[..line.len() - rest.len()].to_owned();
        if self.series.insert(key, value).is_some() {
            return Err("a series twice".into());
        }
        self.samples.push((suffix.to_owned(), labels, value));
        Ok(())
    }

    /// Checks the family that ends here.
    fn close(&mut self) -> Result<(), String> {
        let samples = std::mem::take(&mut self.samples);
        if self.helped && self.kind.is_empty() {
            return Err(format!("{} has no type", self.name));
        }
        if self.kind != "histogram" {
            return Ok(());
        }
        let mut groups: BTreeMap<Labels, Group> = BTreeMap::new();
        for (suffix, mut labels, value) in samples {
            let le = labels.iter().position(|(name, _)| name == "le");
            let le = le.map(|position| labels.remove(position).1);
            let group = groups.entry(labels).or_default();
            match (suffix.as_str(), le) {
                ("_bucket", Some(le)) => {
                    let bound = le.parse().map_err(|_| format!("the bound {le}"))?;
                    group.buckets.push((bound, value));
                }
                ("_count", None) => group.count = Some(value),
                ("_sum", None) => group.sum = Some(value),
                _ => return Err(format!("{}: an odd sample", self.name)),
            }
        }
        for (
            labels,
            Group {
                buckets,
                count,
                sum,
            },
        ) in groups
        {
            let grows = buckets.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1);
            let last = buckets.last().copied();
            let whole = last.is_some_and(|last| last.0.is_infinite() && Some(last.1) == count);
            if !grows || !whole || sum.is_none() {
                return Err(format!("{}{labels:?} is not a histogram", self.name));
            }
        }
        Ok(())
    }
}

fn read_labels(mut text: &str) -> Result<(Labels, &str), String> {
    let mut labels = Vec::new();
    loop {
        let (name, rest) = text.split_once("=\"").ok_or("a label without a value")?;
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
        if name.is_empty() || !name.bytes().all(plain) {
            return Err(format!("the label name {name:?}"));
        }
        let mut value = String::new();
        let mut characters = rest.char_indices();
        let end = loop {
            match characters.next().ok_or("an open string")? {
                (position, '"') => break position,
                (_, '\\') => match characters.next().ok_or("an open escape")?.1 {
                    'n' => value.push('\n'),
                    escaped @ ('\\' | '"') => value.push(escaped),
                    other => return Err(format!("the escape {other:?}")),
                },
                (_, character) => value.push(character),
            }
        };
        labels.push((name.to_owned(), value));
        text = &rest[end + 1..];
        match text.as_bytes().first() {
            Some(b',') => text = &text[1..],
            Some(b'}') => return Ok((labels, &text[1..])),
            _ => return Err("labels that do not end".into()),
        }
    }
}
