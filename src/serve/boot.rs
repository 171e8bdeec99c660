//! From settings to shards that serve.

use std::io::{self, IsTerminal, Write};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::sync::{Arc, Mutex, Once};

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::auth::budget::Budget;
use crate::auth::rate::{RateKeys, RateTable, Rule};
use crate::auth::{keys, passwords};
use crate::backup;
use crate::commerce::accounts::users;
use crate::commerce::demo::fill::Filled;
use crate::commerce::{self, demo};
use crate::context::House;
use crate::doors::Doors;
use crate::limits::{RATE_KEYS_EXPECTED, START_PATIENCE};
use crate::outgoing::dns::Names;
use crate::registry::advisories::Audits;
use crate::registry::advisories::osv::Osv;
use crate::registry::uplinks::Uplinks;
use crate::registry::{self, blobs::Blobs};
use crate::ring::bind_shared;
use crate::routes::{API, DOORS, OPS, REGISTRY};
use crate::settings::{LogLevel, Settings};
use crate::shard::{ShardOptions, Shards, launch};
use crate::startup::{
    EXIT_ENVIRONMENT, Opened, Question, Verdict, raise_open_files, startup_check,
};
use crate::state::{Loaded, StateFile, lock_folder};
use crate::store::{self, Store};
use crate::telemetry::logs::{Filter, Logs};
use crate::telemetry::{Clock, Started};
use crate::tls::TlsClient;
use crate::vault::uploads;

use super::banner;
use super::shard_main::{Boot, run_shard};
use super::signals::{self, Signals};
use super::watchdog;

/// Runs the server until it is told to stop. Exit codes: 0 after a drain, 1 when it failed, 78
/// when the machine or the settings do not allow it to run.
pub fn run(settings: Settings, opened: Opened) -> ExitCode {
    match start(settings, opened) {
        Ok(running) => running.wait(),
        Err(fault) => {
            eprintln!("thirteen: {}", fault.message);
            ExitCode::from(EXIT_ENVIRONMENT)
        }
    }
}

/// Why the machine or the settings keep the server from starting, and the remedy.
struct StartFault {
    message: String,
}

/// A server that is up.
struct Running {
    settings: Settings,
    logs: Logs,
    signals: Signals,
    shards: Shards,
    stores: Stores,
}

/// The stores of the data folder.
#[derive(Clone)]
struct Stores {
    commerce: Arc<Store>,
    registry: Arc<Store>,
}

fn start(settings: Settings, opened: Opened) -> Result<Running, StartFault> {
    let started = Started::mark();
    let signals = Signals::take().map_err(failed(
        "signals cannot be taken",
        "raise the limits of threads and of open files",
    ))?;
    let logs = Logs::install(filter_of(&settings)).map_err(failed(
        "the log cannot be opened",
        "raise the limit of threads (TasksMax= in the unit)",
    ))?;
    raise_open_files(&settings).map_err(failed(
        "the limit of open files cannot be raised",
        "raise it before the start (LimitNOFILE= in the unit), or lower connections_max",
    ))?;
    check(&settings, opened)?;
    let (file, loaded) = take_folder(&settings)?;
    let keys = keys::open_or_create(&settings.data)
        .map_err(|fault| environment(format!("the keys cannot be used: {fault}")))?;
    passwords::prepare();
    let stores = open_stores(&settings)?;
    let demo = fill_demo(&settings, &stores.commerce)?;
    let (sockets, doors) = bind(&settings, opened)?;
    let configuration = loaded.state;
    let files = open_files(&settings)?;
    let peers = know_peers(&settings)?;
    let holdings = (&stores, files, peers);
    let house = Arc::new(house_of(&settings, started, doors, &logs, holdings));
    let (ready, shards_ready) = bounded(settings.shards);
    let boot = Arc::new(Boot {
        house,
        settings: Arc::new(settings.clone()),
        keys,
        state: (Arc::new(file), loaded),
        clock: Clock::calibrate(),
        sockets: Mutex::new(sockets),
        ready,
    });
    let failed_shard = boot.ready.clone();
    let main = move |shard| run_shard(shard, boot.clone());
    let shards = launch(&shard_options(&settings), main, move |error| {
        give_up(&failed_shard, error)
    })
    .map_err(|fault| environment(fault.to_string()))?;
    await_shards(settings.shards, &shards_ready)?;
    let banner = match opened {
        Opened::All => String::new(),
        Opened::Registry => banner::text(&settings.upstreams(), configuration),
    };
    announce(&settings, doors, &banner, (&stores.commerce, &demo)).map_err(failed(
        "the doors cannot be announced",
        "stdout, the data folder and systemd's NOTIFY_SOCKET have to take them",
    ))?;
    watchdog::start(shards.bus().clone()).map_err(failed(
        "the watchdog cannot run",
        "raise the limit of threads (TasksMax= in the unit)",
    ))?;
    Ok(Running {
        settings,
        logs,
        signals,
        shards,
        stores,
    })
}

impl Running {
    fn wait(mut self) -> ExitCode {
        let bus = self.shards.bus().clone();
        self.signals.obey(&bus, &mut self.settings, &self.logs);
        let ended = self.shards.join();
        // The shards have closed their readers and wait for nothing any more.
        self.stores.commerce.close();
        self.stores.registry.close();
        let forgotten = Doors::remove(&self.settings.data);
        let outcome = match (&ended, &forgotten) {
            (Ok(()), Ok(())) => ExitCode::SUCCESS,
            (Err(fault), _) => {
                tracing::error!(target: "serve", %fault, "a shard failed");
                ExitCode::FAILURE
            }
            (Ok(()), Err(error)) => {
                tracing::error!(target: "serve", %error, "doors.json cannot be removed");
                ExitCode::FAILURE
            }
        };
        tracing::info!(target: "serve", "stopped");
        // Whoever reads our log may have gone before us.
        let _read_or_not = self.logs.flush();
        outcome
    }
}

fn check(settings: &Settings, opened: Opened) -> Result<(), StartFault> {
    let findings = startup_check(settings, Question::Start(opened));
    let missing: Vec<String> = findings
        .iter()
        .filter(|finding| finding.verdict == Verdict::Missing)
        .map(ToString::to_string)
        .collect();
    for finding in findings
        .iter()
        .filter(|finding| finding.verdict == Verdict::Advice)
    {
        tracing::warn!(target: "serve", check = finding.check, "{finding}");
    }
    if missing.is_empty() {
        Ok(())
    } else {
        Err(environment(missing.join("\nthirteen: ")))
    }
}

/// Tells that clients decide what the URLs of tarballs begin with, where others can be clients.
fn advise_url(settings: &Settings, bound: SocketAddr) {
    if settings.documents.public_url.is_none() && !bound.ip().is_loopback() {
        let remedy = "set registry.public_url";
        tracing::warn!(target: "serve", %bound, remedy, "URLs in documents are of each Host");
    }
}

/// The listening sockets of each shard with their doors, and the doors' addresses; that of a door
/// which stays closed has port 0.
type Bound = (Vec<Vec<(usize, OwnedFd)>>, [SocketAddr; DOORS.len()]);

fn bind(settings: &Settings, opened: Opened) -> Result<Bound, StartFault> {
    let wanted = [
        settings.api.listen,
        settings.ops.listen,
        settings.registry.listen,
    ];
    let mut addresses = wanted;
    let mut of_shards: Vec<Vec<(usize, OwnedFd)>> =
        (0..settings.shards).map(|_| Vec::new()).collect();
    for (door, address) in wanted.into_iter().enumerate() {
        if !opened.has(DOORS[door]) {
            addresses[door].set_port(0);
            continue;
        }
        let (sockets, bound) = bind_shared(address, settings.shards).map_err(|error| {
            environment(format!(
                "the {} door cannot listen on {address}: {error}; name another with --{}",
                DOORS[door], DOORS[door]
            ))
        })?;
        addresses[door] = bound;
        if door == REGISTRY {
            advise_url(settings, bound);
        }
        for (shard, socket) in of_shards.iter_mut().zip(sockets) {
            shard.push((door, socket));
        }
    }
    Ok((of_shards, addresses))
}

/// Takes the data folder, finishes a restore that was cut short in it, and reads the state.
fn take_folder(settings: &Settings) -> Result<(StateFile, Loaded), StartFault> {
    let lock = lock_folder(&settings.data).map_err(|fault| environment(fault.to_string()))?;
    let finished =
        backup::finish(&settings.data).map_err(|fault| environment(fault.to_string()))?;
    if let Some(aside) = finished {
        let aside = aside.display();
        tracing::warn!(target: "serve", %aside, "a restore that was cut short is finished");
    }
    StateFile::open_locked(lock, &settings.data, settings.config.to_state())
        .map_err(|fault| environment(fault.to_string()))
}

fn open_stores(settings: &Settings) -> Result<Stores, StartFault> {
    let open = |definition| {
        let options = store::Options {
            shards: settings.shards,
        };
        store::open(definition, &settings.data, options)
            .map_err(|fault| environment(fault.to_string()))
    };
    Ok(Stores {
        commerce: open(&commerce::schema::DEFINITION)?,
        registry: open(&registry::schema::DEFINITION)?,
    })
}

fn fill_demo(settings: &Settings, commerce: &Store) -> Result<Filled, StartFault> {
    if settings.demo == 0 {
        return Ok(Filled::Kept);
    }
    demo::fill::fill(commerce, settings.demo)
        .map_err(|fault| environment(format!("the demo cannot be stored: {fault}")))
}

/// The folders of files in the data folder.
struct Files {
    uploads: Arc<uploads::Desk>,
    blobs: Arc<Blobs>,
    osv: Osv,
}

fn open_files(settings: &Settings) -> Result<Files, StartFault> {
    const REMEDY: &str = "the data folder and what is in it have to be the server's own";
    let uploads = uploads::Desk::open(&settings.data)
        .map_err(failed("the folder of uploads cannot be opened", REMEDY))?;
    let blobs = Blobs::at(&settings.data)
        .map_err(failed("the registry's files cannot be opened", REMEDY))?;
    let osv = Osv::start(&settings.access.osv_folder);
    let osv = osv.map_err(failed(
        "the folder of advisories cannot be read",
        "the system has to let the server start another thread",
    ))?;
    Ok(Files {
        uploads: Arc::new(uploads),
        blobs: Arc::new(blobs),
        osv,
    })
}

/// Whom we trust to vouch for other servers.
fn trust(settings: &Settings) -> Result<TlsClient, StartFault> {
    let file = &settings.outgoing.ca_file;
    let extra = (!file.is_empty()).then(|| Path::new(file));
    let tls =
        TlsClient::new(extra).map_err(|fault| environment(format!("outgoing.ca_file: {fault}")))?;
    if tls.authorities() == 0 {
        let remedy = "install ca-certificates, or set outgoing.ca_file";
        tracing::warn!(target: "serve", remedy, "no server can be spoken to under TLS");
    }
    Ok(tls)
}

/// How other servers are spoken to, and the upstreams among them.
struct Peers {
    tls: TlsClient,
    uplinks: Arc<Uplinks>,
}

fn know_peers(settings: &Settings) -> Result<Peers, StartFault> {
    let tls = trust(settings)?;
    let uplinks = Uplinks::new(settings, &tls)
        .map_err(|fault| environment(format!("proxy.upstreams: {fault}")))?;
    Ok(Peers {
        tls,
        uplinks: Arc::new(uplinks),
    })
}

fn house_of(
    settings: &Settings,
    started: Started,
    doors: [SocketAddr; DOORS.len()],
    logs: &Logs,
    (stores, files, peers): (&Stores, Files, Peers),
) -> House {
    let rule = Rule::new(settings.rate.writes_per_minute, 60_000)
        .expect("the setting has the bounds of a rule");
    House {
        started,
        doors,
        data: settings.data.clone(),
        log: logs.sink().clone(),
        commerce: stores.commerce.clone(),
        registry: stores.registry.clone(),
        uploads: files.uploads,
        blobs: files.blobs,
        osv: files.osv,
        audits: Audits::default(),
        names: Names::new(settings.outgoing.hosts.clone()),
        tls: peers.tls,
        uplinks: peers.uplinks,
        writes: RateTable::new(rule, RATE_KEYS_EXPECTED),
        auth_budget: Budget::new(settings.rate.auth_per_15s, 15_000),
        api_budget: Budget::new(settings.rate.api_per_minute, 60_000),
        registry_budget: Budget::new(settings.rate.registry_reads_per_minute, 60_000),
        proxy_budget: Budget::new(settings.rate.proxied_per_minute, 60_000),
        publish_budget: Budget::new(settings.rate.publishes_per_minute, 60_000),
        hashes: Arc::default(),
        rate_keys: RateKeys::new(),
        websockets: AtomicU64::new(0),
        serving: AtomicUsize::new(settings.shards),
    }
}

fn shard_options(settings: &Settings) -> ShardOptions {
    ShardOptions {
        spin: settings.ring.spin,
        ..ShardOptions::new(settings.shards)
    }
}

/// Waits until every shard serves.
fn await_shards(count: usize, ready: &Receiver<Result<(), String>>) -> Result<(), StartFault> {
    for _ in 0..count {
        match ready.recv_timeout(START_PATIENCE) {
            Ok(Ok(())) => {}
            Ok(Err(cause)) => return Err(environment(cause)),
            Err(_) => {
                let message = "a shard did not start in time; run fewer with --shards";
                return Err(environment(message.into()));
            }
        }
    }
    Ok(())
}

/// A shard's ring failed: while starting the start is given up, later the server drains.
fn give_up(ready: &Sender<Result<(), String>>, error: &io::Error) {
    let cause = format!("a shard failed: {error}");
    tracing::error!(target: "serve", "{cause}");
    if ready.try_send(Err(cause)).is_ok() {
        return;
    }
    // Once, however many shards fail: a second signal would end the process at once.
    static TOLD: Once = Once::new();
    TOLD.call_once(|| {
        if let Err(error) = signal_hook::low_level::raise(signal_hook::consts::SIGTERM) {
            tracing::error!(target: "serve", %error, "the server cannot be told to stop");
        }
    });
}

/// Prints a line for each door, the banner and `ready`, and leaves the doors where clients find
/// them.
fn announce(
    settings: &Settings,
    doors: [SocketAddr; DOORS.len()],
    banner: &str,
    (commerce, demo): (&Store, &Filled),
) -> io::Result<()> {
    Doors::new(doors[API], doors[OPS], doors[REGISTRY]).write(&settings.data)?;
    let mut out = io::stdout().lock();
    let open = DOORS.iter().zip(doors);
    for (name, address) in open.filter(|(_, address)| address.port() > 0) {
        writeln!(out, "{name:<9} http://{address}")?;
    }
    out.write_all(banner.as_bytes())?;
    if let Filled::Made {
        email,
        password,
        products,
    } = demo
    {
        writeln!(
            out,
            "demo      {products} products; {email} signs in with {password}"
        )?;
    }
    writeln!(out, "ready")?;
    // A store that cannot tell is told of elsewhere.
    if out.is_terminal() && matches!(commerce.read(users::sql::has_admin), Ok(false)) {
        let data = settings.data.display();
        writeln!(out, "\nThere is no administrator yet. In another terminal:")?;
        writeln!(out, "thirteen admin create you@example.com --data {data}")?;
    }
    out.flush()?;
    signals::notify_ready()
}

pub(super) fn filter_of(settings: &Settings) -> Filter {
    Filter::from_level(match settings.log.level {
        LogLevel::Error => tracing::Level::ERROR,
        LogLevel::Warn => tracing::Level::WARN,
        LogLevel::Info => tracing::Level::INFO,
        LogLevel::Debug => tracing::Level::DEBUG,
        LogLevel::Trace => tracing::Level::TRACE,
    })
}

fn environment(message: String) -> StartFault {
    StartFault { message }
}

fn failed(what: &'static str, remedy: &'static str) -> impl Fn(io::Error) -> StartFault {
    move |error| environment(format!("{what}: {error}; {remedy}"))
}

/// What every shard gets to start with.
pub(super) type State = (Arc<StateFile>, Loaded);
