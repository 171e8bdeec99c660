//! The families of `/metrics`, in order.

use thirteen_kernels::config::{ConfigState, Field};

use super::super::counter::{Counter, Fault};
use super::super::durations::Durations;
use super::super::local::{OutgoingGauges, RingCounters};
use super::super::names::NamesLine;
use super::super::operation::Operation;
use super::super::process::{ProcessUsage, Started};
use super::super::snapshot::Totals;
use super::super::stores::{StoreLine, StoreRecord};
use super::super::upstreams::UpstreamsLine;
use super::exposition::{COUNTS, Family, Format, Kind, NANOSECONDS, PICOSECONDS, Scale, end};

/// Everything that a page tells.
pub struct Page<'a> {
    /// The shards' records.
    pub totals: &'a Totals,
    /// What the process uses.
    pub process: &'a ProcessUsage,
    /// When it started.
    pub started: Started,
    /// The configuration served.
    pub config: ConfigState,
    /// Log lines that found the queue full.
    pub log_lines_dropped: u64,
    /// The stores.
    pub stores: &'a [StoreLine],
    /// The addresses of hosts.
    pub names: NamesLine,
    /// The upstream registries.
    pub upstreams: &'a UpstreamsLine,
}

impl Page<'_> {
    /// Appends the page.
    pub fn write(&self, format: Format, out: &mut Vec<u8>) {
        let mut writer = Writer { format, out };
        self.requests(&mut writer);
        self.operations(&mut writer);
        self.traffic(&mut writer);
        self.shards(&mut writer);
        self.stores(&mut writer);
        self.names(&mut writer);
        self.upstreams(&mut writer);
        self.configuration(&mut writer);
        self.process(&mut writer);
        end(out, format);
    }

    fn requests(&self, writer: &mut Writer<'_>) {
        let mut family = writer.counter(
            "thirteen_http_requests",
            "Requests answered, by route and class.",
        );
        for (route, record) in &self.totals.routes {
            let Some(record) = record else { continue };
            for (class, count) in STATUS_CLASSES.into_iter().zip(record.statuses) {
                if count > 0 {
                    let place = [("door", route.door), ("method", route.method)];
                    let rest = [("route", route.path), ("status", class)];
                    family.integer(&[place[0], place[1], rest[0], rest[1]], count);
                }
            }
        }
        let mut family = writer.histogram(
            "thirteen_http_request_duration_seconds",
            "From the last byte of a request's head to its reply's hand-over to the kernel.",
        );
        for (route, record) in &self.totals.routes {
            let Some(record) = record else { continue };
            let labels = [
                ("door", route.door),
                ("method", route.method),
                ("route", route.path),
            ];
            family.durations(&labels, &NANOSECONDS, &record.durations);
        }
    }

    fn operations(&self, writer: &mut Writer<'_>) {
        let mut family = writer.counter("thirteen_operations", "Operations performed.");
        for operation in Operation::live() {
            let performed = self.totals.operations[operation.index()].performed;
            family.integer(&[("operation", operation.name())], performed);
        }
        let mut family = writer.histogram(
            "thirteen_operation_duration_seconds",
            "Operations timed: one in 1024.",
        );
        for operation in Operation::live() {
            let record = &self.totals.operations[operation.index()];
            let Some(samples) = &record.samples else {
                continue;
            };
            family.durations(&[("operation", operation.name())], &PICOSECONDS, samples);
        }
    }

    fn traffic(&self, writer: &mut Writer<'_>) {
        for (counter, name, help) in COUNTERS {
            writer
                .counter(name, help)
                .integer(&[], self.totals.counter(counter));
        }
        let mut family = writer.counter("thirteen_faults", "Faults of peers, by kind.");
        for fault in Fault::ALL {
            let count = self.totals.faults[fault.index()];
            family.integer(&[("kind", fault.as_str())], count);
        }
        writer
            .counter(
                "thirteen_log_lines_dropped",
                "Log lines that found the queue full.",
            )
            .integer(&[], self.log_lines_dropped);
    }

    fn shards(&self, writer: &mut Writer<'_>) {
        let numbers: Vec<String> = self
            .totals
            .shards
            .iter()
            .map(|line| line.shard.to_string())
            .collect();
        let lines = || numbers.iter().zip(&self.totals.shards);

        let mut family = writer.gauge("thirteen_connections", "Open connections.");
        for (number, line) in lines() {
            family.integer(&[("shard", number)], line.connections);
        }
        let mut family = writer.gauge("thirteen_websocket_clients", "Open WebSocket sessions.");
        for (number, line) in lines() {
            family.integer(&[("shard", number)], line.websockets);
        }
        for (name, help, count) in RING_COUNTERS {
            let mut family = writer.counter(name, help);
            for (number, line) in lines() {
                family.integer(&[("shard", number)], count(&line.ring));
            }
        }
        for (name, help, count) in OUTGOING_GAUGES {
            let mut family = writer.gauge(name, help);
            for (number, line) in lines() {
                family.integer(&[("shard", number)], count(&line.outgoing));
            }
        }
        let mut family = writer.histogram(
            "thirteen_shard_turn_duration_seconds",
            "Turns of a shard's driver: how long other work of the shard waited.",
        );
        for (number, line) in lines() {
            family.durations(&[("shard", number)], &NANOSECONDS, &line.turns);
        }
    }

    fn stores(&self, writer: &mut Writer<'_>) {
        for (name, help, kind, value) in STORE_NUMBERS {
            let mut family = match kind {
                Kind::Counter => writer.counter(name, help),
                Kind::Gauge | Kind::Histogram => writer.gauge(name, help),
            };
            for store in self.stores {
                family.integer(&[("store", store.name)], value(store));
            }
        }
        for (name, help, scale, durations) in STORE_HISTOGRAMS {
            let mut family = writer.histogram(name, help);
            for store in self.stores {
                let record = durations(&store.record);
                family.durations(&[("store", store.name)], scale, record);
            }
        }
    }

    fn names(&self, writer: &mut Writer<'_>) {
        let line = self.names;
        for (name, help, value) in [
            (
                "thirteen_dns_cache_hits_completed",
                "Questions for a host's addresses that the cache answered.",
                line.hits_completed,
            ),
            (
                "thirteen_dns_cache_hits_inflight",
                "Questions that a look-up answered which was under way already.",
                line.hits_inflight,
            ),
            (
                "thirteen_dns_cache_misses",
                "Questions that took a look-up of their own.",
                line.misses,
            ),
            (
                "thirteen_dns_errors",
                "Look-ups that found no address.",
                line.errors,
            ),
            (
                "thirteen_dns_questions",
                "Questions for a host's addresses.",
                line.total,
            ),
        ] {
            writer.counter(name, help).integer(&[], value);
        }
        writer
            .gauge("thirteen_dns_cache_names", "Names in the cache.")
            .integer(&[], line.size);
    }

    fn upstreams(&self, writer: &mut Writer<'_>) {
        let line = self.upstreams;
        let mut family = writer.counter(
            "thirteen_upstream_requests",
            "Requests to upstream registries, by how they ended.",
        );
        for upstream in &line.upstreams {
            for (outcome, count) in &upstream.outcomes {
                family.integer(
                    &[("upstream", &upstream.name), ("outcome", outcome)],
                    *count,
                );
            }
        }
        let mut family = writer.counter(
            "thirteen_upstream_receive_bytes",
            "Bytes of bodies that upstream registries sent.",
        );
        for upstream in &line.upstreams {
            family.integer(&[("upstream", &upstream.name)], upstream.bytes);
        }
        let mut family = writer.gauge(
            "thirteen_upstream_held_back",
            "1 while an upstream registry is left alone because it failed too often.",
        );
        for upstream in &line.upstreams {
            let is_held_back = u64::from(upstream.is_held_back);
            family.integer(&[("upstream", &upstream.name)], is_held_back);
        }
        for (name, help, value) in [
            (
                "thirteen_upstream_cache_bytes",
                "Bytes of tarballs and documents that are kept of upstream registries.",
                line.cached_bytes,
            ),
            (
                "thirteen_upstream_fetches",
                "Documents and tarballs that are being fetched.",
                line.fetching,
            ),
        ] {
            writer.gauge(name, help).integer(&[], value);
        }
        writer
            .counter(
                "thirteen_upstream_cache_evictions",
                "Tarballs and documents of upstream registries that had to make room.",
            )
            .integer(&[], line.evicted);
    }

    fn configuration(&self, writer: &mut Writer<'_>) {
        for (name, help, field) in [
            (
                "bun_config_version",
                "Byte 0 of the configuration.",
                Field::Version,
            ),
            ("bun_registry_hash", "Bytes 1 to 4.", Field::RegistryHash),
            (
                "bun_feature_flags",
                "Bytes 5 to 8, one bit a flag.",
                Field::FeatureFlags,
            ),
            ("bun_terminal_mode", "Byte 9.", Field::TerminalMode),
        ] {
            writer
                .gauge(name, help)
                .integer(&[], self.config.value(field));
        }
        let reads = self.totals.operations[Operation::ConfigRead.index()].performed;
        writer
            .counter("bun_config_reads", "Reads of the configuration.")
            .integer(&[], reads);
    }

    fn process(&self, writer: &mut Writer<'_>) {
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        writer
            .gauge("thirteen_build_info", "The version that runs.")
            .integer(&version, 1);
        // These names are what every Prometheus client library and its dashboards use.
        let process = self.process;
        writer
            .counter("process_cpu_seconds", "CPU time, user and system.")
            .float(&[], process.cpu_seconds());
        writer
            .gauge("process_resident_memory_bytes", "Memory in RAM.")
            .integer(&[], process.resident_bytes);
        writer
            .gauge("process_open_fds", "Open files.")
            .integer(&[], process.open_files);
        writer
            .gauge("process_threads", "Threads.")
            .integer(&[], process.threads);
        let started_seconds = self.started.unix_ms() as f64 / 1000.0;
        writer
            .gauge(
                "process_start_time_seconds",
                "When the process started, in Unix time.",
            )
            .float(&[], started_seconds);
    }
}

struct Writer<'w> {
    format: Format,
    out: &'w mut Vec<u8>,
}

impl Writer<'_> {
    fn counter(&mut self, name: &'static str, help: &'static str) -> Family<'_> {
        Family::begin(self.out, self.format, Kind::Counter, name, help)
    }

    fn gauge(&mut self, name: &'static str, help: &'static str) -> Family<'_> {
        Family::begin(self.out, self.format, Kind::Gauge, name, help)
    }

    fn histogram(&mut self, name: &'static str, help: &'static str) -> Family<'_> {
        Family::begin(self.out, self.format, Kind::Histogram, name, help)
    }
}

const STATUS_CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// Counters that stand by themselves. What was closed shows in the gauges of what is open.
const COUNTERS: [(Counter, &str, &str); 18] = [
    (
        Counter::BytesIn,
        "thirteen_network_receive_bytes",
        "Bytes received.",
    ),
    (
        Counter::BytesOut,
        "thirteen_network_transmit_bytes",
        "Bytes sent.",
    ),
    (
        Counter::ConnectionsOpened,
        "thirteen_connections_opened",
        "Connections accepted.",
    ),
    (
        Counter::ConnectionsRefused,
        "thirteen_connections_refused",
        "Connections over the bound.",
    ),
    (
        Counter::WebSocketsOpened,
        "thirteen_websockets_opened",
        "WebSocket sessions opened.",
    ),
    (
        Counter::FramesIn,
        "thirteen_websocket_frames_received",
        "WebSocket frames received.",
    ),
    (
        Counter::FramesOut,
        "thirteen_websocket_frames_sent",
        "WebSocket frames sent.",
    ),
    (
        Counter::UpdatesFolded,
        "thirteen_config_updates_folded",
        "Updates folded for slow clients.",
    ),
    (
        Counter::StockLow,
        "thirteen_stock_low",
        "Items whose stock a change made low.",
    ),
    (
        Counter::StockReservationsExpired,
        "thirteen_stock_reservations_expired",
        "Reservations of stock that were released because their time was over.",
    ),
    (
        Counter::CacheHits,
        "thirteen_reply_cache_hits",
        "Requests answered from the cache of replies.",
    ),
    (
        Counter::CacheMisses,
        "thirteen_reply_cache_misses",
        "Requests whose reply was rendered to be kept.",
    ),
    (
        Counter::CacheEvictions,
        "thirteen_reply_cache_evictions",
        "Kept replies that had to make room.",
    ),
    (
        Counter::UpstreamDocumentHits,
        "thirteen_upstream_document_hits",
        "Packages of upstreams served as they are here.",
    ),
    (
        Counter::UpstreamDocumentsStale,
        "thirteen_upstream_document_stale",
        "Packages of upstreams served although their upstream was not asked in time.",
    ),
    (
        Counter::UpstreamDocumentMisses,
        "thirteen_upstream_document_misses",
        "Packages of upstreams that somebody had to wait for.",
    ),
    (
        Counter::UpstreamTarballHits,
        "thirteen_upstream_tarball_hits",
        "Tarballs of upstreams that were here.",
    ),
    (
        Counter::UpstreamTarballMisses,
        "thirteen_upstream_tarball_misses",
        "Tarballs of upstreams that were not.",
    ),
];

type StoreNumber = fn(&StoreLine) -> u64;

const STORE_NUMBERS: [(&str, &str, Kind, StoreNumber); 5] = [
    (
        "thirteen_store_queued",
        "Commands that wait.",
        Kind::Gauge,
        |store| store.queued,
    ),
    (
        "thirteen_store_failing",
        "1 while the disk takes no writes.",
        Kind::Gauge,
        |store| u64::from(store.is_failing),
    ),
    (
        "thirteen_store_refused",
        "Commands that found their queue full.",
        Kind::Counter,
        |store| store.refused,
    ),
    (
        "thirteen_store_failures",
        "Commits, checkpoints and openings that failed.",
        Kind::Counter,
        |store| store.record.failures,
    ),
    (
        "thirteen_store_panics",
        "Commands that panicked.",
        Kind::Counter,
        |store| store.record.panics,
    ),
];

type StoreDurations = fn(&StoreRecord) -> &Durations;

const STORE_HISTOGRAMS: [(&str, &str, &Scale, StoreDurations); 3] = [
    (
        "thirteen_store_queue_duration_seconds",
        "From the asking for a command to its run.",
        &NANOSECONDS,
        |record| &record.waits,
    ),
    (
        "thirteen_store_batch_commands",
        "Commands in one transaction.",
        &COUNTS,
        |record| &record.batches,
    ),
    (
        "thirteen_store_commit_duration_seconds",
        "Commits that reached the disk.",
        &NANOSECONDS,
        |record| &record.commits,
    ),
];

type OutgoingGauge = fn(&OutgoingGauges) -> u64;

const OUTGOING_GAUGES: [(&str, &str, OutgoingGauge); 2] = [
    (
        "thirteen_outgoing_connections_kept",
        "Connections to other servers that wait for the next request.",
        |outgoing| outgoing.connections_kept,
    ),
    (
        "thirteen_outgoing_requests",
        "Requests to other servers that are under way.",
        |outgoing| outgoing.requests_under_way,
    ),
];

type RingCount = fn(&RingCounters) -> u64;

const RING_COUNTERS: [(&str, &str, RingCount); 3] = [
    (
        "thirteen_ring_completions_overflowed",
        "Completions that found the completion queue full.",
        |ring| ring.completions_overflowed,
    ),
    (
        "thirteen_ring_buffers_exhausted",
        "Receives that ended for want of a provided buffer.",
        |ring| ring.buffers_exhausted,
    ),
    (
        "thirteen_ring_accept_pauses",
        "Pauses of accepting for want of file descriptors.",
        |ring| ring.accept_pauses,
    ),
];
