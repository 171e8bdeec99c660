//! The table and the JSON of `thirteen benchmark`.

use serde::Serialize;

use super::super::output::columns;
use crate::telemetry::measure::Measurement;
use crate::telemetry::{ClockSource, Target, Verdict};

/// What was measured.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    clock: &'static str,
    operations: Vec<Row>,
}

/// One operation beside its target.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Row {
    name: &'static str,
    /// The documented target; absent where the documents are silent.
    target_ns: Option<f64>,
    goal_ns: f64,
    p50_ns: f64,
    p99_ns: f64,
    p999_ns: f64,
    /// Operations timed together.
    batch: u32,
    batches: u64,
    #[serde(serialize_with = "as_word")]
    verdict: Verdict,
}

impl Report {
    pub(super) fn new(clock: ClockSource, operations: Vec<Row>) -> Report {
        Report {
            clock: clock.as_str(),
            operations,
        }
    }

    pub(super) fn has(&self, verdict: Verdict) -> bool {
        self.operations.iter().any(|row| row.verdict == verdict)
    }

    pub(super) fn text(&self) -> String {
        let mut lines = vec![HEADINGS.map(str::to_owned)];
        lines.extend(self.operations.iter().map(Row::cells));
        for line in &mut lines {
            let [_, numbers @ .., _] = line;
            for number in numbers {
                *number = format!("{number:>NUMBER_WIDTH$}");
            }
        }
        format!("{}\n{LEGEND}, clock {}.\n", columns(&lines), self.clock)
    }

    #[cfg(test)]
    pub(super) fn names(&self) -> Vec<&'static str> {
        self.operations.iter().map(|row| row.name).collect()
    }
}

impl Row {
    pub(super) fn new(target: Target, measurement: &Measurement) -> Row {
        let durations = &measurement.durations;
        let median_ps = durations.quantile(0.5);
        Row {
            name: target.name,
            target_ns: target.documented_ps.map(nanoseconds),
            goal_ns: nanoseconds(target.goal_ps),
            p50_ns: nanoseconds(median_ps),
            p99_ns: nanoseconds(durations.quantile(0.99)),
            p999_ns: nanoseconds(durations.quantile(0.999)),
            batch: measurement.batch_rounds,
            batches: durations.count(),
            verdict: target.judge(Some(median_ps), 0),
        }
    }

    fn cells(&self) -> [String; COLUMNS] {
        [
            self.name.to_owned(),
            self.target_ns.map_or_else(|| "-".to_owned(), shown),
            shown(self.goal_ns),
            shown(self.p50_ns),
            shown(self.p99_ns),
            shown(self.p999_ns),
            self.verdict.as_str().to_owned(),
        ]
    }
}

const COLUMNS: usize = 7;
/// Numbers are right-aligned: `100000` is the widest target.
const NUMBER_WIDTH: usize = 7;
const HEADINGS: [&str; COLUMNS] = [
    "operation",
    "target",
    "goal",
    "p50",
    "p99",
    "p99.9",
    "verdict",
];
const LEGEND: &str = "Nanoseconds an operation, as means of batches of 2 us or more; \
    the median decides";

fn nanoseconds(picoseconds: u64) -> f64 {
    picoseconds as f64 / 1000.0
}

/// Three significant digits or a little more: 0.52, 4.9, 128.
fn shown(nanoseconds: f64) -> String {
    if nanoseconds < 1.0 {
        format!("{nanoseconds:.2}")
    } else if nanoseconds < 100.0 {
        format!("{nanoseconds:.1}")
    } else {
        format!("{nanoseconds:.0}")
    }
}

fn as_word<S: serde::Serializer>(verdict: &Verdict, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(verdict.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::{Durations, Operation};

    fn report() -> Report {
        let row = |operation: Operation, picoseconds| {
            let mut durations = Durations::new();
            durations.add(picoseconds);
            Row::new(
                operation.target(),
                &Measurement {
                    durations,
                    batch_rounds: 64,
                },
            )
        };
        let rows = vec![
            row(Operation::ConfigRead, 310),
            row(Operation::HeadParse, 119_000),
            row(Operation::RateCheck, 90_000),
        ];
        Report::new(ClockSource::TimeStampCounter, rows)
    }

    #[test]
    fn the_table_lines_up() {
        let text = report().text();
        let expected = "\
operation     target     goal      p50      p99    p99.9  verdict
config_read     0.50     0.50     0.31     0.31     0.31  goal
head_parse         -      120      119      119      119  goal
rate_check      50.0     25.0     90.1     90.1     90.1  missed
";
        assert!(text.starts_with(expected), "{text}");
    }

    #[test]
    fn json_has_numbers_and_words() {
        let value = serde_json::to_value(report()).unwrap();
        assert_eq!(value["clock"], "tsc");
        assert_eq!(value["operations"][1]["targetNs"], serde_json::Value::Null);
        assert_eq!(value["operations"][2]["verdict"], "missed");
        assert_eq!(value["operations"][2]["batch"], 64);
        assert!(report().has(Verdict::Missed) && !report().has(Verdict::Unmeasured));
    }
}
