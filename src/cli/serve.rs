//! `thirteen serve`.

use crate::serve::{Opened, run as run_server};

use super::failure::Outcome;
use super::flags::SettingFlags;

pub(super) fn run(flags: SettingFlags) -> Outcome {
    Ok(run_server(flags.settings()?, Opened::All))
}
