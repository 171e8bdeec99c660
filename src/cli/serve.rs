//! `thirteen serve`.

use super::failure::Outcome;
use super::flags::SettingFlags;

pub(super) fn run(flags: SettingFlags) -> Outcome {
    Ok(crate::serve::run(flags.settings()?))
}
