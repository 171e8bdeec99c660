//! `thirteen metrics`: the metrics of the running server in the text format of Prometheus.

use super::client::{Client, Door, ServerFlag};
use super::failure::Outcome;
use super::flags::SettingFlags;
use super::output::print;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Print only the metrics whose name holds this text
    name: Option<String>,
    #[command(flatten)]
    server: ServerFlag,
}

pub(super) fn run(args: Args, flags: SettingFlags) -> Outcome {
    let client = Client::find(args.server, &flags.settings()?)?;
    let text = client.read_text(Door::Ops, "/metrics")?;
    match args.name {
        None => print(&text),
        Some(name) => print(&only(&text, &name)),
    }
}

/// The lines, comments included, of the metrics whose name holds `part`.
fn only(text: &str, part: &str) -> String {
    let wanted = |line: &&str| {
        let sample = line
            .strip_prefix("# HELP ")
            .or_else(|| line.strip_prefix("# TYPE "));
        let name = sample.unwrap_or(line).split(['{', ' ']).next();
        name.is_some_and(|name| name.contains(part))
    };
    text.lines()
        .filter(wanted)
        .flat_map(|line| [line, "\n"])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_choose_the_lines_and_labels_do_not() {
        let text = "# HELP a_total Of b.\n# TYPE a_total counter\na_total{x=\"b\"} 1\nb 2\n# EOF\n";
        assert_eq!(only(text, "b"), "b 2\n");
        let of_a = "# HELP a_total Of b.\n# TYPE a_total counter\na_total{x=\"b\"} 1\n";
        assert_eq!(only(text, "a_t"), of_a);
    }
}
