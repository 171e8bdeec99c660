//! The manual's page of settings, kept equal to the table of keys by a test.

use std::fs;

use super::key::{Change, Key};
use super::keys::KEYS;

/// `UPDATE_MANUAL=1` writes the part of the page that follows its introduction.
#[test]
fn the_page_of_settings_is_that_of_the_table() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/cli/manual/settings.md");
    let written = fs::read_to_string(path).unwrap();
    let introduction = written.split("\n## ").next().unwrap();
    let sections: String = KEYS.iter().map(section).collect();
    let page = format!("{introduction}{sections}");
    if std::env::var_os("UPDATE_MANUAL").is_some() {
        fs::write(path, page).unwrap();
    } else {
        assert!(
            page == written,
            "run this test with UPDATE_MANUAL=1 and read the difference"
        );
    }
}

fn section(key: &Key) -> String {
    let mut names: Vec<String> = key
        .flag()
        .map(|flag| format!("--{flag}"))
        .into_iter()
        .collect();
    names.extend(key.variables().map(|(name, _)| name));
    names.extend(key.paths().skip(1).map(|(path, _)| path.to_owned()));
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    let change = match key.change {
        Change::Live => "is applied by a reload",
        Change::Restart => "needs a restart",
    };
    let default = match key.default {
        "" => "none".to_owned(),
        text => format!("`{text}`"),
    };
    format!(
        "\n## {}\n\n{}\n\n- takes {}\n- default: {default}\n- other names: {}\n\
         - a change {change}\n",
        key.name,
        key.doc,
        key.accepts(),
        names.join(", "),
    )
}
