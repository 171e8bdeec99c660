//! `thirteen benchmark`: the kernels in this process, each beside its documented target.

mod cases;
mod report;

use std::process::ExitCode;
use std::time::Duration;

use clap::{Args as ClapArgs, ValueEnum};

use crate::telemetry::measure::{Budget, measure};
use crate::telemetry::{Clock, Verdict};
use cases::Cases;
use report::{Report, Row};

/// The arguments of `thirteen benchmark`.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// What to measure
    #[arg(value_enum, default_value_t = Group::All)]
    group: Group,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Fail (exit code 1) if a target is missed
    #[arg(long)]
    strict: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Group {
    /// The 13 bytes: read, written, read back
    Config,
    /// What a request's head passes through
    Validation,
    /// Frames of the configuration's WebSocket
    Websocket,
    /// Everything
    All,
}

/// Measures a group and prints it.
///
/// # Errors
/// An operation gives a wrong answer, in words.
pub fn run(args: &Args) -> Result<ExitCode, String> {
    let report = measured(args.group, BUDGET)?;
    if args.json {
        println!("{}", report.json());
    } else {
        print!("{}", report.text());
    }
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

fn measured(group: Group, budget: Budget) -> Result<Report, String> {
    let clock = Clock::calibrate();
    let mut rows = Vec::new();
    for (operation, mut case) in group.cases() {
        case.check()?;
        let measurement = measure(&clock, budget, |rounds| case.run(rounds));
        case.check()?;
        rows.push(Row::new(operation, &measurement));
    }
    Ok(Report::new(clock.source(), rows))
}

impl Group {
    fn cases(self) -> Cases {
        match self {
            Group::Config => cases::config(),
            Group::Validation => cases::validation(),
            Group::Websocket => cases::websocket(),
            Group::All => {
                let groups = [cases::config(), cases::validation(), cases::websocket()];
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
        assert_eq!(rows(Group::All), each);
        let mut distinct = each.clone();
        distinct.dedup();
        assert_eq!(each, distinct, "an operation is measured once");
    }
}
