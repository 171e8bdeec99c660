//! Where a value came from.

use std::fmt;
use std::path::PathBuf;

/// A value and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting<T> {
    /// The value.
    pub value: T,
    /// Its source.
    pub origin: Origin,
}

/// The source of a value, from the weakest to the strongest: a later one wins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The table of keys.
    Default,
    /// The file of `--config`; JSON values have no line.
    File {
        /// The file as it was named.
        path: PathBuf,
        /// The line of the value, from 1.
        line: Option<usize>,
    },
    /// A `.env` file, read in development.
    EnvironmentFile {
        /// The file.
        path: PathBuf,
        /// The line of the variable, from 1.
        line: usize,
    },
    /// A variable of the process.
    Environment {
        /// The variable.
        variable: String,
    },
    /// A flag of the command line.
    Flag {
        /// The flag with its dashes.
        name: String,
    },
}

impl Origin {
    /// The strength of the source: the greater one wins.
    pub(super) fn rank(&self) -> u8 {
        match self {
            Origin::Default => 0,
            Origin::File { .. } => 1,
            Origin::EnvironmentFile { .. } => 2,
            Origin::Environment { .. } => 3,
            Origin::Flag { .. } => 4,
        }
    }

    /// The line in its file, where it has one.
    pub(super) fn line(&self) -> Option<usize> {
        match self {
            Origin::File { line, .. } => *line,
            Origin::EnvironmentFile { line, .. } => Some(*line),
            Origin::Default | Origin::Environment { .. } | Origin::Flag { .. } => None,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => out.write_str("default"),
            Origin::File {
                path,
                line: Some(line),
            } => write!(out, "{}:{line}", path.display()),
            Origin::File { path, line: None } => write!(out, "{}", path.display()),
            Origin::EnvironmentFile { path, line } => write!(out, "{}:{line}", path.display()),
            Origin::Environment { variable } => write!(out, "environment {variable}"),
            Origin::Flag { name } => write!(out, "flag {name}"),
        }
    }
}
