//! `thirteen install`: a package and what it needs, into node_modules as npm would.

mod bins;
mod build;
mod can_place;
mod collation;
mod graph;
pub(super) mod headers;
mod integrity;
mod packument;
mod place;
mod platform;
mod registry;
mod reify;
mod sets;
#[cfg(test)]
mod tests;
mod unpack;
mod want;

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, ErrorKind, IsTerminal};
use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::{Deserialize, Serialize};
use serde_json::json;
use thirteen_kernels::config::{ConfigState, Field};

use super::client::{Client, Door, ServerFlag};
use super::failure::{Failure, Outcome};
use super::flags::SettingFlags;
use super::output::{Format, JsonFlag, print, print_json};
use build::{Tree, TreeFault, build};
use platform::Machine;
use registry::{Library, Registry};
use reify::{Installed, RECORD};
use want::Want;
pub(super) use want::{is_name, version};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// What to install: NAME, NAME@RANGE, NAME@TAG or ALIAS@npm:NAME@RANGE
    #[arg(value_name = "PACKAGE", required = true)]
    packages: Vec<String>,
    /// The folder that gets the node_modules
    #[arg(long, value_name = "DIR", default_value = ".")]
    to: PathBuf,
    #[command(flatten)]
    server: ServerFlag,
    #[command(flatten)]
    json: JsonFlag,
}

/// What was asked for in a folder, now and before, by name.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Record {
    asked: BTreeMap<String, String>,
}

pub(super) fn run(args: Args, flags: SettingFlags) -> Outcome {
    let asked = args.packages.iter().map(|text| read_argument(text));
    let asked = asked.collect::<Result<Vec<_>, _>>()?;
    let settings = flags.settings()?;
    let client = Client::find(args.server, &settings)?;
    let (config, lines) = headers::for_registry(&client, &settings)?;
    let format = args.json.format();
    let names: Vec<&str> = asked.iter().map(|(name, _)| &**name).collect();
    let names = names.join(", ");
    if format == Format::Text {
        let shown: Vec<String> = lines.iter().map(headers::shown).collect();
        let shown = shown.join("\n  ");
        let hash = config.value(Field::RegistryHash);
        print(&format!(
            "Installing {names} with config headers...\n  {shown}\n\
             Fetching from registry (hash: 0x{hash:08x})...\n"
        ))?;
    }
    let mut record = read_record(&args.to)?;
    record.asked.extend(asked);
    let registry = Registry::new(client.url_of(Door::Registry)?.to_owned(), lines);
    let (tree, installed) = install(&record, &registry, &args.to, format)?;
    match format {
        Format::Text => print(&summary(&names, &tree, &installed, &config)),
        Format::Json => print_json(&json!({
            "installed": record.asked,
            "packages": installed.packages,
            "notes": tree.notes,
            "scriptsNotRun": installed.scripts,
            "shrinkwrapsNotFollowed": installed.shrinkwraps,
            "configVersion": config.value(Field::Version),
            "registryHash": format!("0x{:08x}", config.value(Field::RegistryHash)),
        })),
    }
}

fn install(
    record: &Record,
    registry: &Registry,
    folder: &Path,
    format: Format,
) -> Result<(Tree, Installed), Failure> {
    let machine = Machine::here();
    let library = Library::new(registry, machine.node.clone());
    let asked: Vec<(String, String)> = record.asked.clone().into_iter().collect();
    let mut tree = library
        .open(|| build(&asked, &library, &machine))
        .map_err(failure_of)?;
    let text = serde_json::to_string(record).expect("its keys are strings");
    let bar = bar(format);
    let progress = |fetched: usize, all: usize| {
        let count = |count: usize| u64::try_from(count).expect("a count fits");
        bar.set_length(count(all));
        bar.set_position(count(fetched));
    };
    let installed = reify::install(&mut tree, registry, folder, &text, &progress);
    bar.finish_and_clear();
    let installed =
        installed.map_err(|why| Failure::Failed(format!("{why}; nothing was installed")))?;
    Ok((tree, installed))
}

fn failure_of(fault: TreeFault) -> Failure {
    Failure::Failed(match fault {
        TreeFault::Missing(why) => why,
        TreeFault::Peers(why) => format!("{why}; ask for versions that go together"),
        TreeFault::Platform(why) => format!("{why}, and it is needed"),
    })
}

fn summary(names: &str, tree: &Tree, installed: &Installed, config: &ConfigState) -> String {
    let mut text = String::new();
    for note in &tree.notes {
        text.push_str(&format!("note: {note}\n"));
    }
    for id in &installed.scripts {
        text.push_str(&format!(
            "note: {id} has install scripts; they were not run\n"
        ));
    }
    for id in &installed.shrinkwraps {
        text.push_str(&format!(
            "note: {id} has an npm-shrinkwrap.json; its versions were not followed\n"
        ));
    }
    let packages = installed.packages;
    let version = config.value(Field::Version);
    let hash = config.value(Field::RegistryHash);
    text.push_str(&format!(
        "Successfully installed {names}\n  packages:       {packages}\n  \
         config version: {version}\n  registry hash:  0x{hash:08x}\n"
    ));
    text
}

/// The name under which a package is installed, and what is asked of it.
fn read_argument(text: &str) -> Result<(String, String), Failure> {
    let (name, rest) = want::split(text);
    let want = Want::read(rest);
    let usable = is_name(name)
        && is_name(want.package(name))
        && !matches!(want.of_package(), Want::Unsupported(_));
    if !usable {
        return Err(Failure::Usage(format!(
            "`{text}` names no package of a registry; give NAME, NAME@RANGE or @SCOPE/NAME@TAG"
        )));
    }
    Ok((name.to_owned(), rest.to_owned()))
}

/// What was asked for before in this folder. A node_modules of someone else is left alone.
fn read_record(folder: &Path) -> Result<Record, Failure> {
    let modules = folder.join("node_modules");
    let path = modules.join(RECORD);
    match fs::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|fault| {
            let path = path.display();
            Failure::Environment(format!("{path}: {fault}; remove {}", modules.display()))
        }),
        Err(fault) if fault.kind() == ErrorKind::NotFound => {
            let held = fs::read_dir(&modules).map_or(0, Iterator::count);
            if held == 0 {
                return Ok(Record::default());
            }
            Err(Failure::Environment(format!(
                "{} was not made by `thirteen install`; remove it, or name another folder by --to",
                modules.display()
            )))
        }
        Err(fault) => Err(Failure::Environment(format!("{}: {fault}", path.display()))),
    }
}

fn bar(format: Format) -> ProgressBar {
    let target = if format == Format::Text && io::stdout().is_terminal() {
        ProgressDrawTarget::stdout()
    } else {
        ProgressDrawTarget::hidden()
    };
    let bar = ProgressBar::with_draw_target(None, target);
    let style = ProgressStyle::with_template("  [{bar:40}] {pos}/{len} packages");
    bar.with_style(
        style
            .expect("the template is well formed")
            .progress_chars("=> "),
    )
}
