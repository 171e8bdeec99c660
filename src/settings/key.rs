//! What is known of a key of the settings: its names, its type, its default.

use std::fmt;

use super::slots::{Part, Slot};

use Spelling::{Flag, Path, Switch, Variable};

/// A key: its names, its type with bounds, its default, and what it is for.
pub struct Key {
    /// The name in files, dotted, e.g. `websocket.client_timeout_ms`.
    pub name: &'static str,
    /// What it is for, one sentence for the operator.
    pub doc: &'static str,
    /// The default in the text that a flag would take.
    pub default: &'static str,
    /// Whether SIGHUP applies a change.
    pub change: Change,
    pub(super) slot: &'static dyn Slot,
    pub(super) spellings: &'static [Spelling],
}

/// When a changed value takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// On SIGHUP.
    Live,
    /// At the next start.
    Restart,
}

/// A further name of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spelling {
    /// A long flag, without its dashes.
    Flag(&'static str),
    /// A long flag that may stand alone, and what it means then.
    Switch(&'static str, &'static str),
    /// An environment variable; one for the whole value stands in for `THIRTEEN_<NAME>`.
    Variable(&'static str, Part),
    /// A dotted name in files: the documented JSON shape.
    Path(&'static str, Part),
}

impl fmt::Debug for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Key({})", self.name)
    }
}

impl Key {
    /// The variable of the whole value: the documented one, else `THIRTEEN_` and the name.
    pub fn variable(&self) -> String {
        let documented = self.spellings.iter().find_map(|spelling| match spelling {
            Variable(name, Part::Whole) => Some((*name).to_owned()),
            Variable(..) | Flag(_) | Switch(..) | Path(..) => None,
        });
        documented
            .unwrap_or_else(|| format!("THIRTEEN_{}", self.name.replace('.', "_").to_uppercase()))
    }

    /// Every variable that sets the value or a part of it.
    pub(super) fn variables(&self) -> impl Iterator<Item = (String, Part)> {
        let parts = self.spellings.iter().filter_map(|spelling| match spelling {
            Variable(_, Part::Whole) | Flag(_) | Switch(..) | Path(..) => None,
            Variable(name, part) => Some(((*name).to_owned(), *part)),
        });
        std::iter::once((self.variable(), Part::Whole)).chain(parts)
    }

    /// Every dotted name in files that sets the value or a part of it.
    pub(super) fn paths(&self) -> impl Iterator<Item = (&'static str, Part)> {
        let others = self.spellings.iter().filter_map(|spelling| match spelling {
            Path(path, part) => Some((*path, *part)),
            Flag(_) | Switch(..) | Variable(..) => None,
        });
        std::iter::once((self.name, Part::Whole)).chain(others)
    }

    /// The long flag, without its dashes, where the key has one.
    pub fn flag(&self) -> Option<&'static str> {
        self.spellings.iter().find_map(|spelling| match spelling {
            Flag(name) | Switch(name, _) => Some(*name),
            Variable(..) | Path(..) => None,
        })
    }

    /// What the flag means when it stands alone, where it may.
    pub fn flag_alone(&self) -> Option<&'static str> {
        self.spellings.iter().find_map(|spelling| match spelling {
            Switch(_, alone) => Some(*alone),
            Flag(_) | Variable(..) | Path(..) => None,
        })
    }

    /// What is accepted, e.g. `a number from 1 to 255`.
    pub fn accepts(&self) -> String {
        self.slot.accepts()
    }
}
