//! Output on stdout.

use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::failure::{Failure, Outcome};

/// `--json`, for commands whose output a script may want.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct JsonFlag {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// For people.
    Text,
    /// For scripts.
    Json,
}

impl JsonFlag {
    pub(super) fn format(self) -> Format {
        if self.json {
            Format::Json
        } else {
            Format::Text
        }
    }
}

/// Prints the text and succeeds. A reader that has seen enough (`| head`) is no failure.
pub(super) fn print(text: &str) -> Outcome {
    let mut stdout = io::stdout().lock();
    match stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
    {
        Err(fault) if fault.kind() != ErrorKind::BrokenPipe => Err(Failure::Failed(format!(
            "stdout cannot be written: {fault}; check its disk"
        ))),
        Ok(()) | Err(_) => Ok(ExitCode::SUCCESS),
    }
}

/// Tells people of something on stderr, in one line; scripts read stdout.
pub(super) fn note(text: &str) {
    // Nobody is left to be told that stderr cannot be written.
    let _closed = writeln!(io::stderr().lock(), "note: {text}");
}

/// Prints the value as JSON, indented, and succeeds.
pub(super) fn print_json(value: &impl Serialize) -> Outcome {
    let text = serde_json::to_string_pretty(value).expect("its keys are strings");
    print(&(text + "\n"))
}

/// Rows as columns of equal width with two spaces between; the last column is not padded.
pub(super) fn columns<const N: usize>(rows: &[[String; N]]) -> String {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for row in rows {
        let cells: Vec<String> = row
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let row = |cells: [&str; 3]| cells.map(str::to_owned);
        let text = columns(&[
            row(["a", "long", "x"]),
            row(["bb", "", "y"]),
            row(["", "c", ""]),
        ]);
        assert_eq!(text, "a   long  x\nbb        y\n    c\n");
    }
}
