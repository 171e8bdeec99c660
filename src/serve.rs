//! The server from settings to exit.

use std::process::ExitCode;

use crate::settings::Settings;

/// Runs the server until it is told to stop.
pub fn run(settings: Settings) -> ExitCode {
    eprintln!(
        "thirteen: the server of {} is not in this build",
        settings.data.display()
    );
    ExitCode::FAILURE
}
