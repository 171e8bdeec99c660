//! `thirteen doctor`: the start-up check, told in full.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::failure::Outcome;
use super::flags::SettingFlags;
use super::output::{Format, JsonFlag, columns, print, print_json};
use crate::startup::{EXIT_ENVIRONMENT, Finding, Verdict, startup_check};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    json: JsonFlag,
}

pub(super) fn run(args: Args, flags: SettingFlags) -> Outcome {
    let findings = startup_check(&flags.settings()?);
    match args.json.format() {
        Format::Text => print(&text(&findings))?,
        Format::Json => print_json(&findings.iter().map(object).collect::<Vec<Value>>())?,
    };
    let missing = findings
        .iter()
        .any(|finding| finding.verdict == Verdict::Missing);
    Ok(if missing {
        ExitCode::from(EXIT_ENVIRONMENT)
    } else {
        ExitCode::SUCCESS
    })
}

fn text(findings: &[Finding]) -> String {
    let rows: Vec<[String; 4]> = findings
        .iter()
        .map(|finding| {
            let remedy = match finding.remedy.as_str() {
                "" => String::new(),
                remedy => format!("-> {remedy}"),
            };
            let verdict = word(finding.verdict).to_owned();
            [
                verdict,
                finding.check.to_owned(),
                finding.detail.clone(),
                remedy,
            ]
        })
        .collect();
    columns(&rows)
}

fn object(finding: &Finding) -> Value {
    json!({
        "check": finding.check,
        "verdict": word(finding.verdict),
        "detail": finding.detail,
        "remedy": finding.remedy,
    })
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Good => "ok",
        Verdict::Advice => "advice",
        Verdict::Missing => "missing",
    }
}
