//! `thirteen validate headers`: the server's own check of `X-Bun-*` headers, without a server.

use std::process::ExitCode;

use clap::Subcommand;
use serde_json::json;
use thirteen_kernels::config::headers::{FaultList, Required, ValidHeaders, validate};
use thirteen_kernels::config::write_dump;
use thirteen_kernels::level::Level;

use super::failure::{Failure, Outcome};
use super::output::{Format, JsonFlag, print, print_json};
use crate::state::headers::FaultsBody;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Check header lines
    Headers(HeadersArgs),
}

#[derive(Debug, clap::Args)]
struct HeadersArgs {
    /// Names and values in turn, e.g. X-Bun-Config-Version 1
    #[arg(required = true, value_names = ["NAME", "VALUE"], num_args = 1..)]
    pairs: Vec<String>,
    /// Require what a proxy client must send: version, registry hash, flags and token
    #[arg(long)]
    proxy: bool,
    #[command(flatten)]
    json: JsonFlag,
}

pub(super) fn run(args: Args) -> Outcome {
    let Action::Headers(args) = args.action;
    let (pairs, odd) = args.pairs.as_chunks::<2>();
    if let [name] = odd {
        let message = format!("`{name}` has no value; give names and values in turn");
        return Err(Failure::Usage(message));
    }
    let headers = pairs
        .iter()
        .map(|[name, value]| (name.as_bytes(), value.trim().as_bytes()));
    let required = if args.proxy {
        Required::Proxy
    } else {
        Required::None
    };
    let mut faults = FaultList::new();
    match validate(Level::detect(), headers, required, &mut faults) {
        Some(valid) => tell_valid(&valid, args.json.format()),
        None => tell_faults(&faults, args.json.format()),
    }
}

fn tell_valid(valid: &ValidHeaders<'_>, format: Format) -> Outcome {
    let dump = valid
        .state()
        .map(|state| String::from_utf8_lossy(&write_dump(&state)).into_owned());
    match format {
        Format::Text => match dump {
            Some(dump) => print(&format!("valid\ndump  {dump}\n")),
            None => print("valid\n"),
        },
        Format::Json => print_json(&json!({ "valid": true, "dump": dump })),
    }
}

/// The faults as lines, or as the body that the server would answer with; exit code 1.
fn tell_faults(faults: &FaultList<'_>, format: Format) -> Outcome {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match format {
        Format::Text => {
            let line = |fault: &thirteen_kernels::config::headers::HeaderFault<'_>| {
                let (code, name) = (fault.code().as_str(), text(fault.name()));
                let value = text(fault.shown_value());
                format!("{code}  {name}: `{value}`: {}\n", fault.message())
            };
            print(&faults.iter().map(line).collect::<String>())?;
        }
        Format::Json => {
            print_json(&FaultsBody::new(faults))?;
        }
    }
    Ok(ExitCode::FAILURE)
}
