//! `thirteen settings`: what the settings are, and whether a file of them is right.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;
use serde_json::{Map, Value, json};

use super::failure::{Failure, Outcome};
use super::flags::SettingFlags;
use super::output::{Format, JsonFlag, columns, print, print_json};
use crate::settings::{Origin, Settings, Sources};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Print every setting
    Show(ShowArgs),
    /// Check a settings file by itself, without flags and environment
    Check {
        /// The file, TOML or JSON
        file: PathBuf,
    },
}

#[derive(Debug, clap::Args)]
struct ShowArgs {
    /// Say where each value comes from
    #[arg(long)]
    origin: bool,
    #[command(flatten)]
    json: JsonFlag,
}

pub(super) fn run(args: Args, flags: SettingFlags) -> Outcome {
    match args.action {
        Action::Show(args) => show(&args, &flags.settings()?),
        Action::Check { file } => check(file),
    }
}

fn show(args: &ShowArgs, settings: &Settings) -> Outcome {
    match args.json.format() {
        Format::Json => {
            let entries = settings.entries().map(|entry| {
                let value = json!({ "value": entry.value, "origin": entry.origin.to_string() });
                (entry.key.name.to_owned(), value)
            });
            print_json(&Value::Object(entries.collect::<Map<String, Value>>()))
        }
        Format::Text => {
            let origin = |origin: &Origin| {
                if args.origin {
                    origin.to_string()
                } else {
                    String::new()
                }
            };
            let rows: Vec<[String; 3]> = settings
                .entries()
                .map(|entry| {
                    [
                        entry.key.name.to_owned(),
                        entry.value.to_owned(),
                        origin(entry.origin),
                    ]
                })
                .collect();
            print(&columns(&rows))
        }
    }
}

fn check(file: PathBuf) -> Outcome {
    let shown = file.display().to_string();
    match Settings::load(Sources {
        file: Some(file),
        ..Sources::default()
    }) {
        Ok(settings) => {
            let set = settings
                .entries()
                .filter(|entry| *entry.origin != Origin::Default);
            let counted = match set.count() {
                1 => "1 setting".to_owned(),
                count => format!("{count} settings"),
            };
            print(&format!("{shown}: {counted}, no faults\n"))?;
            Ok(ExitCode::SUCCESS)
        }
        Err(faults) => Err(Failure::Failed(faults.to_string())),
    }
}
