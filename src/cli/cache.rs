//! `thirteen cache`: what is kept of upstream registries.

use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::failure::{Failure, Outcome};
use super::flags::SettingFlags;
use super::output::{Format, JsonFlag, columns, print, print_json};
use crate::doors::Doors;
use crate::registry::blobs::{Blobs, Sha512Digest, sql as blobs};
use crate::registry::name::PackageName;
use crate::registry::schema;
use crate::registry::uplinks::eviction::{Cleared, let_go_in};
use crate::registry::uplinks::rules::Kept;
use crate::registry::uplinks::sql::{self, Item};
use crate::store::{self, SqlFault, Store};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List the tarballs and documents that are kept
    List {
        #[command(flatten)]
        json: JsonFlag,
    },
    /// Let go of what is kept, of a package, or of one version's tarball
    Clear {
        /// `name` or `name@version`; everything where it is left out
        package: Option<String>,
        #[command(flatten)]
        json: JsonFlag,
    },
}

pub(super) fn run(args: Args, flags: SettingFlags) -> Outcome {
    let folder = flags.settings()?.data;
    match args.command {
        Command::List { json } => list(&folder, json.format()),
        Command::Clear { package, json } => clear(&folder, package.as_deref(), json.format()),
    }
}

fn list(folder: &Path, format: Format) -> Outcome {
    let store = open(folder)?;
    let kept = store.read(|view| sql::list(view, None));
    store.close();
    let kept = kept.map_err(failed)?;
    match format {
        Format::Json => print_json(&kept.iter().map(shown).collect::<Vec<_>>()),
        Format::Text => {
            let header = ["package", "version", "bytes"].map(str::to_owned);
            let rows = kept.iter().map(|kept| {
                let version = kept.what.version.clone();
                [
                    kept.what.name.to_string(),
                    version.unwrap_or_else(|| "(documents)".to_owned()),
                    kept.bytes.to_string(),
                ]
            });
            let rows: Vec<_> = std::iter::once(header).chain(rows).collect();
            let bytes: u64 = kept.iter().map(|kept| kept.bytes).sum();
            print(&format!("{}{bytes} bytes in all\n", columns(&rows)))
        }
    }
}

fn shown(kept: &Kept<Item>) -> Value {
    json!({
        "package": kept.what.name.as_str(),
        "version": kept.what.version,
        "bytes": kept.bytes,
        "usedAt": kept.used_at,
        "sha512": Sha512Digest(kept.what.digest).hex(),
    })
}

fn clear(folder: &Path, package: Option<&str>, format: Format) -> Outcome {
    let (name, version) = match package {
        None => (None, None),
        Some(text) => {
            // The first character of a name may be an `@` of its own.
            let at = text.get(1..).and_then(|rest| rest.find('@'));
            let (name, version) = match at {
                Some(at) => (&text[..=at], Some(text[at + 2..].to_owned())),
                None => (text, None),
            };
            let fault = |fault| Failure::Usage(format!("`{name}` is no package: {fault}"));
            (Some(PackageName::parse_old(name).map_err(fault)?), version)
        }
    };
    let cleared = match ask_server(folder, name.as_ref(), version.as_deref())? {
        Some(cleared) => cleared,
        None => json!(clear_at_rest(folder, name.as_ref(), version.as_deref())?),
    };
    match format {
        Format::Json => print_json(&cleared),
        Format::Text => print(&format!(
            "let go of {} tarballs and the documents of {} packages, {} bytes\n",
            cleared["tarballs"], cleared["documents"], cleared["bytes"]
        )),
    }
}

/// Asks the server that runs on this folder, whose memory has to forget as well; nothing where none
/// runs.
fn ask_server(
    folder: &Path,
    name: Option<&PackageName>,
    version: Option<&str>,
) -> Result<Option<Value>, Failure> {
    let unreadable = |error| Failure::Environment(format!("doors.json cannot be read: {error}"));
    let doors = Doors::read(folder).map_err(unreadable)?;
    // Who has the address of a server that was killed may be another.
    let Some(doors) = doors.filter(Doors::is_alive) else {
        return Ok(None);
    };
    let config = ureq::Agent::config_builder()
        .timeout_global(Some(PATIENCE))
        .http_status_as_error(false)
        .max_redirects(0)
        .proxy(None)
        .build();
    let agent: ureq::Agent = config.into();
    let Some(door) = doors.registry else {
        return Err(Failure::Failed(format!(
            "the server of pid {} has its registry door closed; stop it first",
            doors.pid
        )));
    };
    let url = format!("{door}/-/thirteen/cache");
    let mut request = agent.delete(&url);
    if let Some(name) = name {
        request = request.query("package", name.as_str());
    }
    if let Some(version) = version {
        request = request.query("version", version);
    }
    let mut response = match request.call() {
        // What a server that was killed left behind.
        Err(ureq::Error::Io(error)) if error.kind() == ErrorKind::ConnectionRefused => {
            return Ok(None);
        }
        Err(error) => return Err(Failure::Failed(format!("{url} gave no answer: {error}"))),
        Ok(response) => response,
    };
    let status = response.status().as_u16();
    let text = response.body_mut().read_to_string();
    let text = text.map_err(|error| Failure::Failed(format!("{url}: {error}")))?;
    match serde_json::from_str(&text) {
        Ok(cleared) if status == 200 => Ok(Some(cleared)),
        Ok(_) | Err(_) => Err(Failure::Failed(format!("{url} answered {status}: {text}"))),
    }
}

/// Does it where no server runs.
fn clear_at_rest(
    folder: &Path,
    name: Option<&PackageName>,
    version: Option<&str>,
) -> Result<Cleared, Failure> {
    let store = open(folder)?;
    let cleared = clear_in(&store, folder, name.cloned(), version.map(str::to_owned));
    store.close();
    cleared
}

fn clear_in(
    store: &Store,
    folder: &Path,
    name: Option<PackageName>,
    version: Option<String>,
) -> Result<Cleared, Failure> {
    let written = store.write_blocking(move |tx| {
        let mut kept = sql::list(tx, name.as_ref())?;
        kept.retain(|kept| version.is_none() || kept.what.version == version);
        let_go_in(tx, kept)
    });
    let (cleared, digests) = written
        .map_err(failed)?
        .map_err(|fault: SqlFault| failed(fault))?;
    let open = |error| Failure::Environment(format!("the registry's files: {error}"));
    let files = Blobs::at(folder).map_err(open)?;
    let doomed = files.doom(digests.iter().copied());
    let unnamed = store.read(|view| {
        let mut unnamed = Vec::new();
        for digest in doomed.digests() {
            if !blobs::is_named(view, digest)? {
                unnamed.push(*digest);
            }
        }
        Ok(unnamed)
    });
    files.remove(&doomed, &unnamed.map_err(failed)?);
    Ok(cleared)
}

fn open(folder: &Path) -> Result<std::sync::Arc<Store>, Failure> {
    if !folder.join("registry.db").exists() {
        let shown = folder.display();
        let message = format!("{shown} holds no registry; name a data folder with --data");
        return Err(Failure::Environment(message));
    }
    let options = store::Options { shards: 0 };
    store::open(&schema::DEFINITION, folder, options)
        .map_err(|fault| Failure::Environment(fault.to_string()))
}

fn failed(fault: impl std::fmt::Display) -> Failure {
    Failure::Failed(fault.to_string())
}

/// Clearing a large cache takes a while.
const PATIENCE: Duration = Duration::from_secs(120);
