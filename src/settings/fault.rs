//! What is wrong with a source of settings, and what to do about it.

use std::fmt;

use super::origin::Origin;

/// One fault: where, what, and the remedy. Displays as one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The source that holds the fault.
    pub origin: Origin,
    /// The key, variable or flag as the source spells it; empty for a fault of the whole source.
    pub name: String,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub remedy: String,
}

/// Every fault of every source, never empty. Displays one line per fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults {
    /// The faults in the order of the sources, the weakest source first.
    pub list: Vec<Fault>,
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.origin, self.name.is_empty()) {
            // These origins already name the variable or the flag.
            (Origin::Environment { .. } | Origin::Flag { .. }, _) | (_, true) => {
                write!(out, "{}: ", self.origin)?;
            }
            (Origin::Default | Origin::File { .. } | Origin::EnvironmentFile { .. }, false) => {
                write!(out, "{}: {}: ", self.origin, self.name)?;
            }
        }
        write!(out, "{}; {}", self.message, self.remedy)
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.list.iter().enumerate() {
            if index > 0 {
                out.write_str("\n")?;
            }
            write!(out, "{fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}
