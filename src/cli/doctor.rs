//! `thirteen doctor`: the start-up check, told in full, and whether the audit log is whole.

use std::path::Path;
use std::process::ExitCode;

use serde_json::{Value, json};

use super::failure::Outcome;
use super::flags::SettingFlags;
use super::output::{Format, JsonFlag, columns, print, print_json};
use crate::audit::{self, Chain};
use crate::backup::STORES;
use crate::registry::blobs::check::Found;
use crate::registry::{self, blobs};
use crate::startup::{EXIT_ENVIRONMENT, Finding, Question, Verdict, startup_check};
use crate::store::{Definition, Inspected, View, check, inspect};

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
    let looked = inspect(store, data, audit::verify).map_err(|fault| fault.to_string());
    Some(match read(AUDIT_LOG, store, looked)? {
        Ok(Chain::Whole { rows, head }) => {
            let head: String = head[..8].iter().map(|byte| format!("{byte:02x}")).collect();
            let detail = format!("{rows} rows, the last is {head}");
            finding(AUDIT_LOG, Verdict::Good, detail, "")
        }
        Ok(Chain::Broken { sequence }) => finding(
            AUDIT_LOG,
            Verdict::Missing,
            format!("row {sequence} does not follow from the one before it"),
            "somebody has changed the log: keep the file, and compare it with a backup",
        ),
        Err(unread) => unread,
    })
}

/// Whether the registry's files are there that its store names, and what lies in the store is
/// whole; nothing where there is no store.
fn files(data: &Path) -> Vec<Finding> {
    let store = &registry::schema::DEFINITION;
    let look = |view: &View<'_>| blobs::check::check(view, data);
    let looked = match blobs::check::hold(data) {
        Ok(_files_stay) => inspect(store, data, look).map_err(|fault| fault.to_string()),
        Err(error) => Err(error.to_string()),
    };
    match read(FILES, store, looked) {
        None => Vec::new(),
        Some(Ok(found)) => of_files(&found),
        Some(Err(unread)) => vec![unread],
    }
}

/// What is not there and what is damaged each have a line: the remedies differ.
fn of_files(found: &Found) -> Vec<Finding> {
    let mut findings = Vec::new();
    let (named, short) = (found.named, found.short);
    if let Some(first) = found.damaged.first() {
        let count = found.damaged.len();
        let detail = format!("{count} of {short} in the store are damaged, {first} first");
        findings.push(finding(FILES, Verdict::Missing, detail, "restore a backup"));
    }
    if let Some(first) = found.missing.first() {
        let detail = format!("{} of {named} are not, {first} first", found.missing.len());
        let remedy = "put them back from a backup, into blobs/sha512 of the data folder";
        findings.push(finding(FILES, Verdict::Missing, detail, remedy));
    }
    if findings.is_empty() {
        let detail = format!("{named} files of the registry are there, {short} in its store");
        findings.push(finding(FILES, Verdict::Good, detail, ""));
    }
    findings
}

/// What was read of a store; the line that says why it was not, or nothing without a store.
fn read<T>(
    check: &'static str,
    store: &Definition,
    looked: Result<Inspected<T>, String>,
) -> Option<Result<T, Finding>> {
    Some(match looked {
        Ok(Inspected::Absent) => return None,
        Ok(Inspected::Read(read)) => Ok(read),
        Ok(Inspected::OtherSchema { found, known }) => {
            let name = store.name;
            let detail = format!("not looked at: {name}.db has schema {found}, not {known}");
            let remedy = if found < known {
                "the next start migrates it: look again then"
            } else {
                "use the version of thirteen that wrote it"
            };
            Err(finding(check, Verdict::Advice, detail, remedy))
        }
        Err(cause) => {
            let remedy = "look at the disk and at the file's owner";
            Err(finding(check, Verdict::Missing, cause, remedy))
        }
    })
}

fn finding(check: &'static str, verdict: Verdict, detail: String, remedy: &str) -> Finding {
    Finding {
        check,
        verdict,
        detail,
        remedy: remedy.to_owned(),
    }
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

const AUDIT_LOG: &str = "audit log";
const FILES: &str = "files";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::blobs::Sha512Digest;

    #[test]
    fn damaged_and_missing_files_are_both_told() {
        let found = Found {
            named: 3,
            missing: vec![Sha512Digest([1; 64])],
            short: 2,
            damaged: vec![Sha512Digest([2; 64])],
        };
        let details = |found: &Found| -> Vec<String> {
            let findings = of_files(found);
            findings.into_iter().map(|found| found.detail).collect()
        };
        let told = details(&found);
        assert!(told[0].starts_with("1 of 2 in the store are damaged, 0202"));
        assert!(told[1].starts_with("1 of 3 are not, 0101"));
        assert_eq!(told.len(), 2);
        let well = details(&Found::default());
        assert_eq!(well, ["0 files of the registry are there, 0 in its store"]);
    }

    #[test]
    fn a_store_of_another_schema_is_said_not_to_be_looked_at() {
        let store = &registry::schema::DEFINITION;
        for (found, remedy) in [(3, "the next start migrates it"), (9, "use the version")] {
            let looked: Result<Inspected<Found>, String> =
                Ok(Inspected::OtherSchema { found, known: 5 });
            let Some(Err(told)) = read(FILES, store, looked) else {
                panic!("it was not read")
            };
            assert_eq!(told.verdict, Verdict::Advice);
            let detail = format!("not looked at: registry.db has schema {found}, not 5");
            assert_eq!(told.detail, detail);
            assert!(told.remedy.starts_with(remedy), "{told}");
        }
        let absent: Result<Inspected<Found>, String> = Ok(Inspected::Absent);
        assert!(read(FILES, store, absent).is_none());
    }
}
