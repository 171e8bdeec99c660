//! `thirteen benchmark`: the kernels in this process, each beside its documented target.

mod cases;
mod report;

use std::process::ExitCode;
use std::time::Duration;

use clap::ValueEnum;

use super::failure::{Failure, Outcome};
use super::output::{Format, JsonFlag, print, print_json};
use crate::telemetry::measure::{Budget, measure};
use crate::telemetry::{Clock, Operation, Verdict};
use cases::Cases;
use report::{Report, Row};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// What to measure
    #[arg(value_enum, default_value_t = Group::All)]
    group: Group,
    /// Fail (exit code 1) if a target is missed
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    json: JsonFlag,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Group {
    /// The 13 bytes: read, written, read back
    Config,
    /// What a request's head passes through
    Validation,
    /// Frames of the configuration's WebSocket
    Websocket,
    /// Access tokens, seen before and not
    Jwt,
    /// What a request through the proxy passes
    Proxy,
    /// Everything
    All,
}

pub(super) fn run(args: Args) -> Outcome {
    let report = measured(args.group, BUDGET)?;
    match args.json.format() {
        Format::Text => print(&report.text())?,
        Format::Json => print_json(&report)?,
    };
    let failed = args.strict && report.has(Verdict::Missed);
    Ok(if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

const BUDGET: Budget = Budget {
    warm_up: Duration::from_millis(50),
    measured: Duration::from_millis(300),
};

/// A wrong answer is a failure: its time would be worth nothing.
fn measured(group: Group, budget: Budget) -> Result<Report, Failure> {
    let clock = Clock::calibrate();
    let mut rows = Vec::new();
    let mut library_ps = None;
    for (operation, mut case) in group.cases() {
        case.check().map_err(Failure::Failed)?;
        let measurement = measure(&clock, budget, |rounds| case.run(rounds));
        case.check().map_err(Failure::Failed)?;
        let mut target = operation.target();
        match (operation, library_ps) {
            (Operation::SignatureVerify, _) => {
                library_ps = Some(measurement.durations.quantile(0.5));
            }
            (Operation::JwtVerifyCold, Some(library_ps)) => {
                target.goal_ps = library_ps + COLD_EXTRA_PS;
            }
            _ => {}
        }
        rows.push(Row::new(target, &measurement));
    }
    Ok(Report::new(clock.source(), rows))
}

/// What the check of a token may take beyond that of its signature.
const COLD_EXTRA_PS: u64 = 1_000_000;

impl Group {
    fn cases(self) -> Cases {
        match self {
            Group::Config => cases::config(),
            Group::Validation => cases::validation(),
            Group::Websocket => cases::websocket(),
            Group::Jwt => cases::jwt(),
            Group::Proxy => cases::proxy(),
            Group::All => {
                let groups = [
                    cases::config(),
                    cases::validation(),
                    cases::websocket(),
                    cases::jwt(),
                    cases::proxy(),
                ];
                groups.into_iter().flatten().collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_is_every_group() {
        let budget = Budget {
            warm_up: Duration::ZERO,
            measured: Duration::ZERO,
        };
        let rows = |group| measured(group, budget).unwrap().names();
        let mut each = rows(Group::Config);
        each.extend(rows(Group::Validation));
        each.extend(rows(Group::Websocket));
        each.extend(rows(Group::Jwt));
        each.extend(rows(Group::Proxy));
        assert_eq!(rows(Group::All), each);
        let mut distinct = each.clone();
        distinct.dedup();
        assert_eq!(each, distinct, "an operation is measured once");
    }
}
