//! `thirteen env export`: the live configuration as the variables that clients read.

use clap::{Subcommand, ValueEnum};

use super::client::{Client, ServerFlag};
use super::config::Live;
use super::failure::Outcome;
use super::flags::SettingFlags;
use super::output::print;
use crate::state::variables::{VariablesFormat, text};

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
    let state = Live::read(&client)?.state;
    print(&text(&state, args.format.into()))
}

impl From<ExportFormat> for VariablesFormat {
    fn from(format: ExportFormat) -> VariablesFormat {
        match format {
            ExportFormat::Json => VariablesFormat::Json,
            ExportFormat::Shell => VariablesFormat::Shell,
            ExportFormat::Dotenv => VariablesFormat::Dotenv,
        }
    }
}
