//! Writes metric families as Prometheus text 0.0.4 or OpenMetrics 1.0.

use std::io::Write;

use super::super::durations::Durations;

/// The two formats that scrapers read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Prometheus text, version 0.0.4.
    Prometheus,
    /// OpenMetrics, version 1.0.0.
    OpenMetrics,
}

impl Format {
    /// The Content-Type of a page.
    pub fn content_type(self) -> &'static str {
        match self {
            Format::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// What a family measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Only grows. The family's name is written without `_total`; its samples get it.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Durations in seconds, or counts.
    Histogram,
}

/// A family under way: its samples follow its head, as both formats demand.
pub(super) struct Family<'w> {
    name: &'static str,
    kind: Kind,
    out: &'w mut Vec<u8>,
}

pub(super) type Labels<'l> = &'l [(&'static str, &'l str)];

/// How a histogram's durations become seconds.
pub(super) struct Scale {
    units_per_second: f64,
    buckets: &'static [Bucket],
}

/// The upper bound of a bucket, as text in seconds and as a number in the histogram's unit.
struct Bucket {
    le: &'static str,
    bound: u64,
}

impl<'w> Family<'w> {
    pub(super) fn begin(
        out: &'w mut Vec<u8>,
        format: Format,
        kind: Kind,
        name: &'static str,
        help: &'static str,
    ) -> Family<'w> {
        debug_assert!(
            !name.ends_with("_total") && !help.contains(['\\', '\n', '"']),
            "{name}"
        );
        // OpenMetrics heads name the family; Prometheus text names what its samples are called.
        let suffix = match (format, kind) {
            (Format::Prometheus, Kind::Counter) => "_total",
            (Format::Prometheus, Kind::Gauge | Kind::Histogram) | (Format::OpenMetrics, _) => "",
        };
        let word = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        for part in [
            "# HELP ",
            name,
            suffix,
            " ",
            help,
            "\n# TYPE ",
            name,
            suffix,
            " ",
            word,
        ] {
            out.extend_from_slice(part.as_bytes());
        }
        let unit = UNITS.iter().find(|unit| name.ends_with(**unit));
        if let (Format::OpenMetrics, Some(unit)) = (format, unit) {
            for part in ["\n# UNIT ", name, " ", &unit[1..]] {
                out.extend_from_slice(part.as_bytes());
            }
        }
        out.push(b'\n');
        Family { name, kind, out }
    }

    pub(super) fn integer(&mut self, labels: Labels<'_>, value: u64) {
        self.sample(labels, itoa::Buffer::new().format(value));
    }

    pub(super) fn float(&mut self, labels: Labels<'_>, value: f64) {
        self.sample(labels, &value.to_string());
    }

    /// Cumulative buckets, count and sum.
    pub(super) fn durations(&mut self, labels: Labels<'_>, scale: &Scale, durations: &Durations) {
        debug_assert_eq!(self.kind, Kind::Histogram);
        let mut number = itoa::Buffer::new();
        let bounds = scale.buckets.iter().map(|bucket| bucket.bound);
        for (bucket, count) in scale.buckets.iter().zip(durations.counts_within(bounds)) {
            self.line("_bucket", labels, Some(bucket.le), number.format(count));
        }
        let count = number.format(durations.count());
        self.line("_bucket", labels, Some("+Inf"), count);
        self.line("_count", labels, None, count);
        let sum_seconds = durations.sum() as f64 / scale.units_per_second;
        self.line("_sum", labels, None, &sum_seconds.to_string());
    }

    fn sample(&mut self, labels: Labels<'_>, value: &str) {
        let suffix = match self.kind {
            Kind::Counter => "_total",
            Kind::Gauge | Kind::Histogram => "",
        };
        self.line(suffix, labels, None, value);
    }

    fn line(&mut self, suffix: &str, labels: Labels<'_>, le: Option<&'static str>, value: &str) {
        self.out.extend_from_slice(self.name.as_bytes());
        self.out.extend_from_slice(suffix.as_bytes());
        let bound = le.map(|le| ("le", le));
        let mut separator = b'{';
        for (name, text) in labels.iter().copied().chain(bound) {
            self.out.push(separator);
            self.out.extend_from_slice(name.as_bytes());
            self.out.extend_from_slice(b"=\"");
            escape_label(text, self.out);
            self.out.push(b'"');
            separator = b',';
        }
        if separator == b',' {
            self.out.push(b'}');
        }
        writeln!(self.out, " {value}").expect("a Vec takes every write");
    }
}

/// Ends a page: OpenMetrics pages say that they are whole.
pub(super) fn end(out: &mut Vec<u8>, format: Format) {
    match format {
        Format::Prometheus => {}
        Format::OpenMetrics => out.extend_from_slice(b"# EOF\n"),
    }
}

/// Requests and driver turns are recorded in nanoseconds.
pub(super) const NANOSECONDS: Scale = Scale {
    units_per_second: 1e9,
    buckets: &NANOSECOND_BUCKETS,
};

/// Operations are recorded in picoseconds.
pub(super) const PICOSECONDS: Scale = Scale {
    units_per_second: 1e12,
    buckets: &PICOSECOND_BUCKETS,
};

/// Things that are counted, such as the commands of a transaction.
pub(super) const COUNTS: Scale = Scale {
    units_per_second: 1.0,
    buckets: &COUNT_BUCKETS,
};

/// 1 to 512.
static COUNT_BUCKETS: [Bucket; 10] = [
    bucket("1.0", 1),
    bucket("2.0", 2),
    bucket("4.0", 4),
    bucket("8.0", 8),
    bucket("16.0", 16),
    bucket("32.0", 32),
    bucket("64.0", 64),
    bucket("128.0", 128),
    bucket("256.0", 256),
    bucket("512.0", 512),
];

/// 1 us to 10 s.
static NANOSECOND_BUCKETS: [Bucket; 22] = [
    bucket("1e-06", 1_000),
    bucket("2.5e-06", 2_500),
    bucket("5e-06", 5_000),
    bucket("1e-05", 10_000),
    bucket("2.5e-05", 25_000),
    bucket("5e-05", 50_000),
    bucket("0.0001", 100_000),
    bucket("0.00025", 250_000),
    bucket("0.0005", 500_000),
    bucket("0.001", 1_000_000),
    bucket("0.0025", 2_500_000),
    bucket("0.005", 5_000_000),
    bucket("0.01", 10_000_000),
    bucket("0.025", 25_000_000),
    bucket("0.05", 50_000_000),
    bucket("0.1", 100_000_000),
    bucket("0.25", 250_000_000),
    bucket("0.5", 500_000_000),
    bucket("1.0", 1_000_000_000),
    bucket("2.5", 2_500_000_000),
    bucket("5.0", 5_000_000_000),
    bucket("10.0", 10_000_000_000),
];

/// 1 ns to 100 us.
static PICOSECOND_BUCKETS: [Bucket; 12] = [
    bucket("1e-09", 1_000),
    bucket("2.5e-09", 2_500),
    bucket("5e-09", 5_000),
    bucket("1e-08", 10_000),
    bucket("2.5e-08", 25_000),
    bucket("5e-08", 50_000),
    bucket("1e-07", 100_000),
    bucket("2.5e-07", 250_000),
    bucket("5e-07", 500_000),
    bucket("1e-06", 1_000_000),
    bucket("1e-05", 10_000_000),
    bucket("0.0001", 100_000_000),
];

/// Base units that a family's name may end in.
const UNITS: [&str; 2] = ["_seconds", "_bytes"];

const fn bucket(le: &'static str, bound: u64) -> Bucket {
    Bucket { le, bound }
}

fn escape_label(text: &str, out: &mut Vec<u8>) {
    for byte in text.bytes() {
        match byte {
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'"' => out.extend_from_slice(b"\\\""),
            b'\n' => out.extend_from_slice(b"\\n"),
            _ => out.push(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_texts_of_the_bounds_are_their_numbers() {
        for scale in [NANOSECONDS, PICOSECONDS, COUNTS] {
            let mut last = 0;
            for bucket in scale.buckets {
                let seconds: f64 = bucket.le.parse().unwrap();
                assert_eq!(
                    (seconds * scale.units_per_second).round() as u64,
                    bucket.bound
                );
                assert!(bucket.bound > last);
                last = bucket.bound;
            }
        }
    }

    #[test]
    fn buckets_are_cumulative_and_end_at_the_count() {
        let mut durations = Durations::new();
        for nanoseconds in [900, 900, 2_000, 40_000_000, 60_000_000_000] {
            durations.add(nanoseconds);
        }
        let mut out = Vec::new();
        let mut family = Family::begin(
            &mut out,
            Format::Prometheus,
            Kind::Histogram,
            "x_seconds",
            "Help.",
        );
        family.durations(&[("route", "/a")], &NANOSECONDS, &durations);
        let text = String::from_utf8(out).unwrap();
        for (le, count) in [
            ("1e-06", 2),
            ("2.5e-06", 3),
            ("0.025", 3),
            ("0.05", 4),
            ("10.0", 4),
            ("+Inf", 5),
        ] {
            let line = format!("x_seconds_bucket{{route=\"/a\",le=\"{le}\"}} {count}\n");
            assert!(text.contains(&line), "{line} is not in {text}");
        }
        let end = "x_seconds_count{route=\"/a\"} 5\nx_seconds_sum{route=\"/a\"} 60.0400038\n";
        assert!(text.ends_with(end), "{text}");
    }

    #[test]
    fn labels_are_escaped() {
        let mut out = Vec::new();
        let mut family = Family::begin(&mut out, Format::OpenMetrics, Kind::Counter, "x", "Help.");
        family.integer(&[("kind", "a\\b\"c\nd")], 7);
        let text = String::from_utf8(out).unwrap();
        assert_eq!(
            text,
            "# HELP x Help.\n# TYPE x counter\nx_total{kind=\"a\\\\b\\\"c\\nd\"} 7\n"
        );
    }
}
