//! `thirteen benchmark`.

use super::failure::{Failure, Outcome};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// config, validation, websocket, or all
    #[arg(default_value = "all")]
    group: String,
}

pub(super) fn run(args: Args) -> Outcome {
    Err(Failure::Failed(format!(
        "the group `{}` is not in this build",
        args.group
    )))
}
