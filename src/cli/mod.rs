//! The command line: one file per subcommand.

mod admin;
mod backup;
mod benchmark;
mod cache;
mod client;
mod config;
mod docs;
mod doctor;
mod env;
mod failure;
mod flags;
mod folder;
mod install;
mod keys;
mod metrics;
mod output;
mod proxy;
mod publish;
mod serve;
mod settings;
mod status;
mod validate;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use failure::Outcome;
use flags::SettingFlags;

/// The whole command line.
#[derive(Debug, Parser)]
#[command(name = "thirteen", version, about)]
struct CommandLine {
    #[command(flatten)]
    flags: SettingFlags,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server (also without a command)
    Serve,
    /// Show or change the 13 bytes of the running server
    Config(config::Args),
    /// Tell how the running server is
    Status(status::Args),
    /// Print the metrics of the running server
    Metrics(metrics::Args),
    /// Export the configuration of the running server as variables
    Env(env::Args),
    /// Check protocol input without a server
    Validate(validate::Args),
    /// Show the settings, or check a settings file
    Settings(settings::Args),
    /// Check what this machine lacks for the server to run
    Doctor(doctor::Args),
    /// Write the data folder to one file, also while the server runs
    Backup(backup::TakeArgs),
    /// Put such a file back into the data folder of a server that does not run
    Restore(backup::RestoreArgs),
    /// List or clear what is kept of upstream registries
    Cache(cache::Args),
    /// Make an administrator
    Admin(admin::Args),
    /// Rotate the keys that tokens are signed with
    Keys(keys::Args),
    /// Run the proxy alone, try what it decides, make its tokens
    Proxy(proxy::Args),
    /// Install packages into node_modules through the registry door; package.json and lockfiles
    /// are left alone
    Install(install::Args),
    /// Pack a folder and publish it to the registry door
    Publish(publish::Args),
    /// List, show and search the pages of the manual
    Docs(docs::Args),
    /// Measure the kernels against the documented targets
    Benchmark(benchmark::Args),
}

/// Reads the command line of the process and runs it. Exit codes: 0 done, 1 failed, 2 wrong
/// usage, 78 something about the environment (settings, machine) is missing or wrong.
pub fn run() -> ExitCode {
    let CommandLine { flags, command } = CommandLine::parse();
    let outcome: Outcome = match command.unwrap_or(Command::Serve) {
        Command::Serve => serve::run(flags),
        Command::Config(args) => config::run(args, flags),
        Command::Status(args) => status::run(args, flags),
        Command::Metrics(args) => metrics::run(args, flags),
        Command::Env(args) => env::run(args, flags),
        Command::Validate(args) => validate::run(args),
        Command::Settings(args) => settings::run(args, flags),
        Command::Doctor(args) => doctor::run(args, flags),
        Command::Backup(args) => backup::run(args, flags),
        Command::Restore(args) => backup::restore(args, flags),
        Command::Cache(args) => cache::run(args, flags),
        Command::Admin(args) => admin::run(args, flags),
        Command::Keys(args) => keys::run(args, flags),
        Command::Proxy(args) => proxy::run(args, flags),
        Command::Install(args) => install::run(args, flags),
        Command::Publish(args) => publish::run(args, flags),
        Command::Docs(args) => docs::run(args),
        Command::Benchmark(args) => benchmark::run(args),
    };
    outcome.unwrap_or_else(|failure| failure.report())
}
