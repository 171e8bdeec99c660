//! Chooses the metrics format that a scraper's Accept header prefers (RFC 9110 12.5.1).

use super::exposition::Format;

impl Format {
    /// The preferred format. Without a header, and where neither format is acceptable, it is the
    /// Prometheus text that every scraper reads. Where both weigh the same, OpenMetrics is
    /// taken if it was asked for by name.
    pub fn negotiate(accept: Option<&[u8]>) -> Format {
        let accept = accept
            .and_then(|value| std::str::from_utf8(value).ok())
            .unwrap_or("");
        let open_metrics = preference(accept, Format::OpenMetrics);
        let prometheus = preference(accept, Format::Prometheus);
        let ahead = open_metrics.weight > prometheus.weight;
        let named = open_metrics.weight > 0
            && open_metrics.weight == prometheus.weight
            && open_metrics.precision == Precision::Exact;
        if ahead || named {
            Format::OpenMetrics
        } else {
            Format::Prometheus
        }
    }
}

/// How a header ranks one format: the most precise range that covers it decides.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Preference {
    precision: Precision,
    /// Thousandths, 0 to 1000.
    weight: u16,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Precision {
    None,
    Anything,
    Type,
    Exact,
}

fn preference(accept: &str, format: Format) -> Preference {
    let ranges = accept.split(',').filter_map(|range| rank(range, format));
    ranges.max().unwrap_or(Preference {
        precision: Precision::None,
        weight: 0,
    })
}

/// `None` where the range does not cover the format or cannot be read.
fn rank(range: &str, format: Format) -> Option<Preference> {
    let (kind, subtype, versions): (_, _, &[&str]) = match format {
        Format::Prometheus => ("text", "plain", &["0.0.4"]),
        Format::OpenMetrics => ("application", "openmetrics-text", &["1.0.0", "0.0.1"]),
    };
    let mut parts = range.split(';').map(str::trim);
    let (range_kind, range_subtype) = parts.next()?.split_once('/')?;
    let precision = if range_kind == "*" && range_subtype == "*" {
        Precision::Anything
    } else if !range_kind.eq_ignore_ascii_case(kind) {
        return None;
    } else if range_subtype == "*" {
        Precision::Type
    } else if range_subtype.eq_ignore_ascii_case(subtype) {
        Precision::Exact
    } else {
        return None;
    };
    let mut weight = 1000;
    for parameter in parts {
        let (name, value) = parameter.split_once('=')?;
        let value = value.trim_matches('"');
        if name.eq_ignore_ascii_case("q") {
            weight = thousandths(value)?;
        } else if name.eq_ignore_ascii_case("version") && !versions.contains(&value) {
            return None;
        }
    }
    Some(Preference { precision, weight })
}

/// `0`, `0.25`, `1.000`: at most three decimals, at most 1.
fn thousandths(weight: &str) -> Option<u16> {
    let (whole, decimals) = weight.split_once('.').unwrap_or((weight, ""));
    let digits_only = decimals.bytes().all(|digit| digit.is_ascii_digit());
    if !matches!(whole, "0" | "1") || decimals.len() > 3 || !digits_only {
        return None;
    }
    let number: u16 = format!("{whole}{decimals:0<3}").parse().ok()?;
    (number <= 1000).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_preferred_format_is_taken() {
        const PROMETHEUS_3: &str = "application/openmetrics-text;version=1.0.0;\
            escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,\
            text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,\
            text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        const NEWER_ONLY: &str = "application/openmetrics-text;version=2.0.0, text/plain;q=0.1";
        for (accept, expected) in [
            ("", Format::Prometheus),
            ("*/*", Format::Prometheus),
            ("text/plain", Format::Prometheus),
            ("text/html, */*;q=0.1", Format::Prometheus),
            ("image/png", Format::Prometheus),
            (PROMETHEUS_3, Format::OpenMetrics),
            (NEWER_ONLY, Format::Prometheus),
            ("application/openmetrics-text", Format::OpenMetrics),
            (
                "Application/OpenMetrics-Text; Version=\"1.0.0\"",
                Format::OpenMetrics,
            ),
            ("application/openmetrics-text, */*", Format::OpenMetrics),
            (
                "application/openmetrics-text, text/plain",
                Format::OpenMetrics,
            ),
            (
                "application/openmetrics-text;q=0.5, text/plain;q=0.6",
                Format::Prometheus,
            ),
            (
                "application/openmetrics-text;q=0.500, text/plain;q=0.499",
                Format::OpenMetrics,
            ),
            ("application/openmetrics-text;q=0", Format::Prometheus),
            ("application/openmetrics-text;q=0, */*", Format::Prometheus),
            ("text/plain;q=0, application/*", Format::OpenMetrics),
            ("application/*, text/*", Format::Prometheus),
            ("*/*, text/plain;q=0.1", Format::OpenMetrics),
            ("application/openmetrics-text;q=high", Format::Prometheus),
            ("application/openmetrics-text;q=1.5", Format::Prometheus),
            ("application/openmetrics-text;q=0.5000", Format::Prometheus),
            (";;,,/,=", Format::Prometheus),
        ] {
            assert_eq!(
                Format::negotiate(Some(accept.as_bytes())),
                expected,
                "{accept:?}"
            );
        }
        assert_eq!(Format::negotiate(None), Format::Prometheus);
        assert_eq!(Format::negotiate(Some(b"\xff\xfe")), Format::Prometheus);
    }
}
