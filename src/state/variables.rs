//! The configuration as the variables that clients read: `thirteen env export` and the dashboard.

use serde_json::{Map, Value};
use thirteen_kernels::config::{ConfigState, Field};

crate::choice! {
    /// How variables are written.
    pub enum VariablesFormat {
        /// One object of strings.
        Json = "json",
        /// Lines for eval.
        Shell = "shell",
        /// Lines for a .env file.
        Dotenv = "dotenv",
    }
}

/// The documented variables of a configuration; none of their values needs quoting.
pub fn variables(state: &ConfigState) -> [(&'static str, String); 6] {
    let decimal = |field: Field| state.value(field).to_string();
    let hexadecimal = |field: Field| format!("0x{:08x}", state.value(field));
    [
        ("BUN_CONFIG_VERSION", decimal(Field::Version)),
        ("BUN_CONFIG_REGISTRY_HASH", hexadecimal(Field::RegistryHash)),
        ("BUN_CONFIG_FEATURE_FLAGS", hexadecimal(Field::FeatureFlags)),
        ("BUN_CONFIG_TERMINAL_MODE", decimal(Field::TerminalMode)),
        ("BUN_CONFIG_TERMINAL_ROWS", decimal(Field::Rows)),
        ("BUN_CONFIG_TERMINAL_COLS", decimal(Field::Cols)),
    ]
}

/// The variables as text of a format, with a line feed at its end.
pub fn text(state: &ConfigState, format: VariablesFormat) -> String {
    let variables = variables(state);
    let lines = |prefix: &str| -> String {
        let lines = variables.iter();
        lines
            .map(|(name, value)| format!("{prefix}{name}={value}\n"))
            .collect()
    };
    match format {
        VariablesFormat::Json => {
            let pairs = variables.iter();
            let pairs = pairs.map(|(name, value)| ((*name).to_owned(), value.as_str().into()));
            let object = Value::Object(pairs.collect::<Map<String, Value>>());
            format!("{object:#}\n")
        }
        VariablesFormat::Shell => lines("export "),
        VariablesFormat::Dotenv => lines(""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Settings, Sources};

    #[test]
    fn what_is_exported_is_accepted_as_settings() {
        let state = ConfigState::DEFAULT.with(Field::Rows, 40).unwrap();
        let pairs = variables(&state).map(|(name, value)| (name.to_owned(), value));
        let environment = pairs.to_vec();
        let settings = Settings::load(Sources {
            environment,
            ..Sources::default()
        })
        .unwrap();
        assert_eq!(settings.config.to_state(), state);
    }

    #[test]
    fn shell_lines_export() {
        let shell = text(&ConfigState::DEFAULT, VariablesFormat::Shell);
        assert!(
            shell.starts_with("export BUN_CONFIG_VERSION=1\n"),
            "{shell}"
        );
        assert!(
            shell.contains("export BUN_CONFIG_REGISTRY_HASH=0xa1b2c3d4\n"),
            "{shell}"
        );
        assert_eq!(shell.lines().count(), 6);
        let dotenv = text(&ConfigState::DEFAULT, VariablesFormat::Dotenv);
        assert_eq!(shell.replace("export ", ""), dotenv);
    }
}
