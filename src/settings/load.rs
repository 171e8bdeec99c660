//! Resolving the sources into settings, and again on SIGHUP.

use std::env;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::environment::{self, Mode};
use super::fault::{Fault, Faults};
use super::file;
use super::key::{Change, Key};
use super::keys::KEYS;
use super::model::Settings;
use super::origin::{Origin, Setting};
use super::relations;
use super::slots::Part;

/// What settings are resolved from. `Sources::default()` is nothing but the defaults.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// Flags that were given: the key's name in [`KEYS`] and the text.
    pub flags: Vec<(&'static str, String)>,
    /// The variables of the process.
    pub environment: Vec<(String, String)>,
    /// The file of `--config`; else that of `THIRTEEN_CONFIG`.
    pub file: Option<PathBuf>,
    /// Where `.env` files are looked for; empty for the working directory.
    pub folder: PathBuf,
}

/// A key whose value a reload found changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedKey {
    /// Its name, e.g. `log.level`.
    pub name: &'static str,
    /// The value in force.
    pub from: String,
    /// The value that the sources give.
    pub to: String,
    /// What became of it.
    pub effect: Effect,
}

/// What became of a changed value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It is in the settings that the reload returned.
    Applied,
    /// The returned settings hold the old value: it takes a restart.
    NeedsRestart,
}

/// One value of one source.
#[derive(Debug)]
pub(super) struct Assignment {
    pub spelled: Spelled,
    /// The name as the source spells it.
    pub name: String,
    pub raw: Value,
    pub origin: Origin,
}

/// The key, and the part of its value, that a name stands for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spelled {
    /// Index into [`KEYS`].
    pub key: usize,
    pub part: Part,
}

/// What one source says.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub assignments: Vec<Assignment>,
    pub faults: Vec<Fault>,
}

impl Sources {
    /// The sources of this process, with the flags that its command line gave.
    pub fn of_process(flags: Vec<(&'static str, String)>, file: Option<PathBuf>) -> Sources {
        // A variable that is not Unicode reaches the parsers with replacement characters, which
        // no value accepts.
        let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
        let environment = env::vars_os()
            .map(|(name, value)| (text(name), text(value)))
            .collect();
        Sources {
            flags,
            environment,
            file,
            folder: PathBuf::new(),
        }
    }

    /// The settings file, where one is named.
    fn file(&self) -> Option<&Path> {
        let named = || environment::value_of(&self.environment, environment::FILE_VARIABLE);
        self.file.as_deref().or_else(|| named().map(Path::new))
    }

    /// What each source says, the weakest first.
    fn gather(&self) -> Vec<Gathered> {
        let mut sources = vec![defaults()];
        sources.extend(self.file().map(file::read));
        match environment::mode(&self.environment) {
            Ok(Mode::Production) => {}
            Ok(Mode::Development) => sources.extend(environment::gather_files(&self.folder)),
            Err(fault) => sources.push(Gathered::fault(fault)),
        }
        sources.push(environment::gather(&self.environment));
        sources.push(
            self.flags
                .iter()
                .map(|(name, text)| flag(name, text))
                .collect(),
        );
        sources
    }
}

impl Settings {
    /// Resolves the sources.
    ///
    /// # Errors
    /// Every fault of every source, also of values that a stronger source overrides.
    pub fn load(sources: Sources) -> Result<Settings, Faults> {
        let gathered = sources.gather();
        let mode = environment::mode(&sources.environment).unwrap_or_default();
        let mut settings = Settings {
            mode,
            ..Settings::blank(sources)
        };
        let mut list = Vec::new();
        for mut source in gathered {
            let mut faults = source.faults;
            faults.extend(repeated(&source.assignments));
            // A part refines the whole, whatever their order in the source.
            source
                .assignments
                .sort_by_key(|assignment| assignment.spelled.part != Part::Whole);
            for assignment in source.assignments {
                faults.extend(settings.put(assignment).err());
            }
            faults.sort_by_key(|fault| fault.origin.line());
            list.append(&mut faults);
        }
        if list.is_empty() {
            list = relations::check(&settings);
        }
        if list.is_empty() {
            Ok(settings)
        } else {
            Err(Faults { list })
        }
    }

    /// Resolves the same sources again: files are read anew, flags and variables are those of
    /// the start. The returned settings hold the changes that can be applied to a running server
    /// and the running value of every other key.
    ///
    /// # Errors
    /// Every fault of every source; the running settings stay in force.
    pub fn reload(&self) -> Result<(Settings, Vec<ChangedKey>), Faults> {
        let mut settings = Settings::load(self.sources.clone())?;
        let mut changed = Vec::new();
        for (index, key) in KEYS.iter().enumerate() {
            let (from, to) = (&self.entries[index].value, &settings.entries[index].value);
            if from == to {
                continue;
            }
            let (from, to) = (from.clone(), to.clone());
            let effect = match key.change {
                Change::Live => Effect::Applied,
                Change::Restart => {
                    settings.keep(index, &self.entries[index]);
                    Effect::NeedsRestart
                }
            };
            changed.push(ChangedKey {
                name: key.name,
                from,
                to,
                effect,
            });
        }
        Ok((settings, changed))
    }

    /// Puts the running value back in the place of one that needs a restart.
    fn keep(&mut self, index: usize, running: &Setting<String>) {
        let raw = Value::from(running.value.as_str());
        let shown = KEYS[index].slot.put(self, &raw, Part::Whole);
        self.entries[index] = Setting {
            value: shown.expect("a canonical text"),
            origin: running.origin.clone(),
        };
    }

    fn put(&mut self, assignment: Assignment) -> Result<(), Fault> {
        let Assignment {
            spelled,
            name,
            raw,
            origin,
        } = assignment;
        let slot = KEYS[spelled.key].slot;
        match slot.put(self, &raw, spelled.part) {
            Ok(value) if spelled.key == self.entries.len() => {
                self.entries.push(Setting { value, origin });
                Ok(())
            }
            Ok(value) => {
                self.entries[spelled.key] = Setting { value, origin };
                Ok(())
            }
            Err(message) => {
                let remedy = match spelled.part {
                    Part::Whole => format!("give {}", slot.accepts()),
                    Part::Host => "give an IP address, e.g. 0.0.0.0".to_owned(),
                    Part::Port => "give a port from 0 (picks a free one) to 65535".to_owned(),
                };
                Err(Fault {
                    origin,
                    name,
                    message,
                    remedy,
                })
            }
        }
    }
}

impl Spelled {
    /// The key that has `name` among the names that `names` lists.
    pub(super) fn find<N, I>(names: impl Fn(&'static Key) -> I, name: &str) -> Option<Spelled>
    where
        N: AsRef<str>,
        I: Iterator<Item = (N, Part)>,
    {
        KEYS.iter().enumerate().find_map(|(key, row)| {
            let mut names = names(row);
            names
                .find(|(known, _)| known.as_ref() == name)
                .map(|(_, part)| Spelled { key, part })
        })
    }
}

impl Gathered {
    pub(super) fn fault(fault: Fault) -> Gathered {
        Gathered {
            assignments: Vec::new(),
            faults: vec![fault],
        }
    }
}

impl FromIterator<Result<Assignment, Fault>> for Gathered {
    fn from_iter<I: IntoIterator<Item = Result<Assignment, Fault>>>(items: I) -> Gathered {
        let mut gathered = Gathered::default();
        for item in items {
            match item {
                Ok(assignment) => gathered.assignments.push(assignment),
                Err(fault) => gathered.faults.push(fault),
            }
        }
        gathered
    }
}

fn defaults() -> Gathered {
    let assignments = KEYS.iter().enumerate().map(|(key, row)| Assignment {
        spelled: Spelled {
            key,
            part: Part::Whole,
        },
        name: row.name.to_owned(),
        raw: Value::from(row.default),
        origin: Origin::Default,
    });
    Gathered {
        assignments: assignments.collect(),
        faults: Vec::new(),
    }
}

fn flag(name: &'static str, text: &str) -> Result<Assignment, Fault> {
    let key = KEYS
        .iter()
        .position(|key| key.name == name)
        .expect("the key of a flag is known");
    let origin = Origin::Flag {
        name: format!("--{}", KEYS[key].flag().expect("it came by its flag")),
    };
    let spelled = Spelled {
        key,
        part: Part::Whole,
    };
    Ok(Assignment {
        spelled,
        name: name.to_owned(),
        raw: Value::from(text),
        origin,
    })
}

/// The faults of a source that sets one thing twice under two names: which one was meant is not
/// for us to guess.
fn repeated(assignments: &[Assignment]) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (index, later) in assignments.iter().enumerate() {
        let overlaps = |earlier: &&Assignment| {
            let (left, right) = (earlier.spelled, later.spelled);
            let same_part =
                left.part == right.part || [left.part, right.part].contains(&Part::Whole);
            left.key == right.key && same_part
        };
        if let Some(earlier) = assignments[..index].iter().find(overlaps) {
            faults.push(Fault {
                origin: later.origin.clone(),
                name: later.name.clone(),
                message: format!("sets what `{}` sets too", earlier.name),
                remedy: "keep one of the two".to_owned(),
            });
        }
    }
    faults
}
