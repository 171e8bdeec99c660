//! `thirteen backup` and `thirteen restore`: a data folder in one file, and back.

use std::path::PathBuf;

use serde_json::json;

use super::failure::{Failure, Outcome};
use super::flags::SettingFlags;
use super::output::{Format, JsonFlag, print, print_json};
use crate::backup::{BackupFault, STORES, restore as put_back, take};
use crate::telemetry::health::timestamp;

#[derive(Debug, clap::Args)]
pub(super) struct TakeArgs {
    /// The file to write; it may not be there yet
    file: PathBuf,
    #[command(flatten)]
    json: JsonFlag,
}

#[derive(Debug, clap::Args)]
pub(super) struct RestoreArgs {
    /// A file that `thirteen backup` wrote
    file: PathBuf,
    #[command(flatten)]
    json: JsonFlag,
}

pub(super) fn run(args: TakeArgs, flags: SettingFlags) -> Outcome {
    let folder = flags.settings()?.data;
    let taken = take(STORES, &folder, &args.file)?;
    match args.json.format() {
        Format::Text => print(&format!(
            "{}: {} files, {} KiB\n",
            args.file.display(),
            taken.files,
            taken.bytes.div_ceil(1024)
        )),
        Format::Json => print_json(&json!({
            "file": args.file,
            "files": taken.files,
            "bytes": taken.bytes,
        })),
    }
}

pub(super) fn restore(args: RestoreArgs, flags: SettingFlags) -> Outcome {
    let folder = flags.settings()?.data;
    let restored = put_back(STORES, &folder, &args.file)?;
    let (begun, aside) = (timestamp(restored.begun_ms), restored.aside.display());
    match args.json.format() {
        Format::Text => print(&format!(
            "{} files of {begun} are in {}\nwhat was there is in {aside}\n",
            restored.files,
            folder.display()
        )),
        Format::Json => print_json(&json!({
            "files": restored.files,
            "begun": begun.to_string(),
            "aside": restored.aside,
        })),
    }
}

impl From<BackupFault> for Failure {
    fn from(fault: BackupFault) -> Failure {
        Failure::Failed(fault.to_string())
    }
}
