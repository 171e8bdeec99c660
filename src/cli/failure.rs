//! How a command fails: a line on stderr that names cause and remedy, and an exit code.

use std::process::ExitCode;

use crate::settings::{Fault, Faults, Origin};
use crate::startup::EXIT_ENVIRONMENT;

/// What a command ends with; it has printed whatever belongs on stdout.
pub(super) type Outcome = Result<ExitCode, Failure>;

/// A command's failure. The message says the likely cause and the remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// It could not be done: exit code 1.
    Failed(String),
    /// The command line is wrong: exit code 2.
    Usage(String),
    /// The settings or the machine are in the way: exit code 78 (`EX_CONFIG`).
    Environment(String),
}

impl Failure {
    /// Prints the message, each line with the program's name, and gives the exit code.
    pub(super) fn report(self) -> ExitCode {
        let (message, code) = match self {
            Failure::Failed(message) => (message, 1),
            Failure::Usage(message) => (message, 2),
            Failure::Environment(message) => (message, EXIT_ENVIRONMENT),
        };
        for line in message.lines() {
            eprintln!("thirteen: {line}");
        }
        ExitCode::from(code)
    }
}

impl From<Faults> for Failure {
    /// Faults of flags alone are wrong usage; any other makes it the environment's.
    fn from(faults: Faults) -> Failure {
        let of_flag = |fault: &Fault| matches!(fault.origin, Origin::Flag { .. });
        if faults.list.iter().all(of_flag) {
            Failure::Usage(faults.to_string())
        } else {
            Failure::Environment(faults.to_string())
        }
    }
}
