//! `thirteen keys`: the keys that tokens are signed with.

use serde_json::json;

use super::failure::{Failure, Outcome};
use super::flags::SettingFlags;
use super::folder;
use super::output::{Format, JsonFlag, print, print_json};
use crate::auth::keys::rotate;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Sign with a fresh key; the one before stays good for checking until the next rotation
    Rotate(RotateArgs),
}

#[derive(Debug, clap::Args)]
struct RotateArgs {
    #[command(flatten)]
    json: JsonFlag,
}

pub(super) fn run(args: Args, flags: SettingFlags) -> Outcome {
    let Command::Rotate(args) = args.command;
    let settings = flags.settings()?;
    let data = folder::existing(&settings)?;
    let rotation = rotate(data).map_err(|fault| Failure::Environment(fault.to_string()))?;
    match args.json.format() {
        Format::Text => {
            let removed: String = rotation
                .removed
                .iter()
                .map(|kid| format!("removed {kid}: what it signed is not good any more\n"))
                .collect();
            print(&format!(
                "{} signs from here on; a running server sees it within a second\n{removed}",
                rotation.kid
            ))
        }
        Format::Json => print_json(&json!({
            "kid": rotation.kid,
            "removed": rotation.removed,
        })),
    }
}
