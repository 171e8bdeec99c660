//! The flags that set settings: `--config FILE`, and those that the table of keys names.

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command, FromArgMatches, value_parser};

use crate::settings::{Faults, KEYS, Settings, Sources};

/// The flags that were given. Their values are read by the table of keys, not by clap, so that
/// a flag has the bounds and the messages of its key.
#[derive(Debug)]
pub(super) struct SettingFlags {
    values: Vec<(&'static str, String)>,
    file: Option<PathBuf>,
}

impl SettingFlags {
    /// Resolves the settings of this process.
    pub(super) fn settings(self) -> Result<Settings, Faults> {
        Settings::load(Sources::of_process(self.values, self.file))
    }
}

impl clap::Args for SettingFlags {
    fn augment_args(command: Command) -> Command {
        let file = Arg::new(FILE)
            .long(FILE)
            .value_name("FILE")
            .help("Settings file, TOML or JSON [environment: THIRTEEN_CONFIG]")
            .help_heading(HEADING)
            .global(true)
            .value_parser(value_parser!(PathBuf));
        let of_keys = KEYS.iter().filter_map(|key| {
            let flag = Arg::new(key.name)
                .long(key.flag()?)
                .value_name("VALUE")
                .help(format!(
                    "{} [default: {}]",
                    key.doc.trim_end_matches('.'),
                    key.default
                ))
                .help_heading(HEADING)
                .global(true)
                .action(ArgAction::Set);
            Some(match key.flag_alone() {
                // With a space after it, what follows would be taken for the value.
                Some(alone) => flag
                    .num_args(0..=1)
                    .require_equals(true)
                    .default_missing_value(alone),
                None => flag,
            })
        });
        command.args(of_keys).arg(file)
    }

    fn augment_args_for_update(command: Command) -> Command {
        SettingFlags::augment_args(command)
    }
}

impl FromArgMatches for SettingFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<SettingFlags, clap::Error> {
        let with_flag = KEYS.iter().filter(|key| key.flag().is_some());
        let given = with_flag.filter_map(|key| {
            matches
                .get_one::<String>(key.name)
                .map(|text| (key.name, text.clone()))
        });
        Ok(SettingFlags {
            values: given.collect(),
            file: matches.get_one::<PathBuf>(FILE).cloned(),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = SettingFlags::from_arg_matches(matches)?;
        Ok(())
    }
}

/// The flag of the settings file, which is no key of its own.
const FILE: &str = "config";

/// What `--help` calls these flags.
const HEADING: &str = "Settings";
