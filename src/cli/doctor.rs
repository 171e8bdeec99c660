//! `thirteen doctor`: the start-up check, told in full, and whether the audit log is whole.

use std::path::Path;
use std::process::ExitCode;

use serde_json::{Value, json};

use super::failure::Outcome;
use super::flags::SettingFlags;
use super::output::{Format, JsonFlag, columns, print, print_json};
use crate::audit::{self, Chain};
use crate::backup::STORES;
use crate::registry::{self, blobs};
use crate::startup::{EXIT_ENVIRONMENT, Finding, Question, Verdict, startup_check};
use crate::store::{Definition, View, check, inspect};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    json: JsonFlag,
}

pub(super) fn run(args: Args, flags: SettingFlags) -> Outcome {
    let settings = flags.settings()?;
    let mut findings = startup_check(&settings, Question::Look);
    findings.extend(STORES.iter().map(|store| whole(store, &settings.data)));
    findings.extend(
        STORES
            .iter()
            .filter_map(|store| audit_log(store, &settings.data)),
    );
    findings.extend(files(&settings.data));
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

/// How the chain of a store's audit log is; nothing where there is no log.
fn audit_log(store: &Definition, data: &Path) -> Option<Finding> {
    let finding = |verdict, detail, remedy: &str| Finding {
        check: "audit log",
        verdict,
        detail,
        remedy: remedy.to_owned(),
    };
    Some(match inspect(store, data, audit::verify) {
        Ok(None) => return None,
        Ok(Some(Chain::Whole { rows, head })) => {
            let head: String = head[..8].iter().map(|byte| format!("{byte:02x}")).collect();
            finding(
                Verdict::Good,
                format!("{rows} rows, the last is {head}"),
                "",
            )
        }
        Ok(Some(Chain::Broken { sequence })) => finding(
            Verdict::Missing,
            format!("row {sequence} does not follow from the one before it"),
            "somebody has changed the log: keep the file, and compare it with a backup",
        ),
        Err(fault) => finding(
            Verdict::Missing,
            fault.to_string(),
            "look at the disk and at the file's owner",
        ),
    })
}

/// Whether the registry's files are there that its store names; nothing where there is no store.
fn files(data: &Path) -> Option<Finding> {
    let looked = |view: &View<'_>| blobs::check::check(view, data);
    let found = match blobs::check::hold(data) {
        Ok(_files_stay) => {
            inspect(&registry::schema::DEFINITION, data, looked).map_err(|fault| fault.to_string())
        }
        Err(error) => Err(error.to_string()),
    };
    let finding = |verdict, detail, remedy: &str| Finding {
        check: "files",
        verdict,
        detail,
        remedy: remedy.to_owned(),
    };
    Some(match found {
        Ok(None) => return None,
        Ok(Some(found)) if !found.damaged.is_empty() => {
            let (count, short) = (found.damaged.len(), found.short);
            let first = found.damaged[0];
            let detail = format!("{count} of {short} in the store are damaged, {first} first");
            finding(Verdict::Missing, detail, "restore a backup")
        }
        Ok(Some(found)) if found.missing.is_empty() => {
            let (named, short) = (found.named, found.short);
            let detail = format!("{named} files of the registry are there, {short} in its store");
            finding(Verdict::Good, detail, "")
        }
        Ok(Some(found)) => {
            let (count, named) = (found.missing.len(), found.named);
            let detail = format!("{count} of {named} are not, {} first", found.missing[0]);
            let remedy = "put them back from a backup, into blobs/sha512 of the data folder";
            finding(Verdict::Missing, detail, remedy)
        }
        Err(cause) => finding(
            Verdict::Missing,
            cause,
            "look at the disk and at the file's owner",
        ),
    })
}

/// Whether a store is free of damage; it is read as it is, also while the server runs.
fn whole(store: &Definition, folder: &Path) -> Finding {
    let file = store.path(folder).display().to_string();
    if !store.path(folder).exists() {
        return Finding {
            check: "store",
            verdict: Verdict::Good,
            detail: format!("{file} (made at start)"),
            remedy: String::new(),
        };
    }
    let damage = match check(store, folder) {
        Ok(findings) => findings.join("; "),
        Err(fault) => fault.to_string(),
    };
    if damage.is_empty() {
        return Finding {
            check: "store",
            verdict: Verdict::Good,
            detail: format!("{file} is whole"),
            remedy: String::new(),
        };
    }
    Finding {
        check: "store",
        verdict: Verdict::Missing,
        detail: format!("{file}: {damage}"),
        remedy: "stop the server and put a backup back: thirteen restore FILE".to_owned(),
    }
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
