//! `thirteen serve`.

use crate::serve::run as run_server;
use crate::startup::Opened;

use super::failure::Outcome;
use super::flags::SettingFlags;

pub(super) fn run(flags: SettingFlags) -> Outcome {
    Ok(run_server(flags.settings()?, Opened::All))
}
