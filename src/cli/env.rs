//! `thirteen env export`: the live configuration as the variables that clients read.

use clap::{Subcommand, ValueEnum};
use serde_json::{Map, Value};
use thirteen_kernels::config::{ConfigState, Field};

use super::client::{Client, ServerFlag};
use super::config::Live;
use super::failure::Outcome;
use super::flags::SettingFlags;
use super::output::{print, print_json};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Print the variables
    Export(ExportArgs),
}

#[derive(Debug, clap::Args)]
struct ExportArgs {
    /// How to write them
    #[arg(long, value_enum, default_value = "shell")]
    format: ExportFormat,
    #[command(flatten)]
    server: ServerFlag,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ExportFormat {
    /// One object of strings
    Json,
    /// Lines for eval
    Shell,
    /// Lines for a .env file
    Dotenv,
}

pub(super) fn run(args: Args, flags: SettingFlags) -> Outcome {
    let Action::Export(args) = args.action;
    let client = Client::find(args.server, &flags.settings()?)?;
    export(&Live::read(&client)?.state, args.format)
}

fn export(state: &ConfigState, format: ExportFormat) -> Outcome {
    let variables = variables(state);
    match format {
        ExportFormat::Json => {
            let pairs = variables
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value.into()));
            print_json(&Value::Object(pairs.collect::<Map<String, Value>>()))
        }
        ExportFormat::Shell => print(&lines("export ", &variables)),
        ExportFormat::Dotenv => print(&lines("", &variables)),
    }
}

/// The documented variables; none of their values needs quoting.
fn variables(state: &ConfigState) -> [(&'static str, String); 6] {
    let decimal = |field: Field| state.value(field).to_string();
    let hexadecimal = |field: Field| format!("0x{:08x}", state.value(field));
    [
        ("BUN_CONFIG_VERSION", decimal(Field::Version)),
        ("BUN_CONFIG_REGISTRY_HASH", hexadecimal(Field::RegistryHash)),
        ("BUN_CONFIG_FEATURE_FLAGS", hexadecimal(Field::FeatureFlags)),
        ("BUN_CONFIG_TERMINAL_MODE", decimal(Field::TerminalMode)),
        ("BUN_CONFIG_TERMINAL_ROWS", decimal(Field::Rows)),
        ("BUN_CONFIG_TERMINAL_COLS", decimal(Field::Cols)),
    ]
}

fn lines(prefix: &str, variables: &[(&str, String)]) -> String {
    variables
        .iter()
        .map(|(name, value)| format!("{prefix}{name}={value}\n"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Settings, Sources};

    #[test]
    fn what_is_exported_is_accepted_as_settings() {
        let state = ConfigState::DEFAULT.with(Field::Rows, 40).unwrap();
        let pairs = variables(&state).map(|(name, value)| (name.to_owned(), value));
        let environment = pairs.to_vec();
        let settings = Settings::load(Sources {
            environment,
            ..Sources::default()
        })
        .unwrap();
        assert_eq!(settings.config.to_state(), state);
    }

    #[test]
    fn shell_lines_export() {
        let text = lines("export ", &variables(&ConfigState::DEFAULT));
        assert!(text.starts_with("export BUN_CONFIG_VERSION=1\n"), "{text}");
        assert!(
            text.contains("export BUN_CONFIG_REGISTRY_HASH=0xa1b2c3d4\n"),
            "{text}"
        );
        assert_eq!(text.lines().count(), 6);
    }
}
