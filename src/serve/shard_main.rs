//! What each shard runs: its context, its doors, its heartbeat, its drain.

use std::cell::{Cell, OnceCell};
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crossbeam_channel::Sender;

use crate::auth::{self, keys::Keys};
use crate::commerce::accounts;
use crate::commerce::inventory::reservations::sweeper;
use crate::context::{self, Context, House};
use crate::http::{Router, Server, ServerOptions};
use crate::mail;
use crate::registry::{blobs, uplinks};
use crate::ring::Listener;
use crate::routes::{DOORS, labels, tables};
use crate::settings::Settings;
use crate::shard::{self, Bus, Shard};
use crate::state;
use crate::store;
use crate::telemetry::trace_id::IdSource;
use crate::telemetry::{Clock, Local};
use crate::vault::uploads::sweep;

use super::boot::State;

/// What the shards start with.
pub(super) struct Boot {
    pub(super) house: Arc<House>,
    pub(super) settings: Arc<Settings>,
    pub(super) keys: Keys,
    pub(super) state: State,
    pub(super) clock: Clock,
    /// The sockets of the shards that have not started, by shard and then by door.
    pub(super) sockets: Mutex<Vec<Vec<(usize, OwnedFd)>>>,
    pub(super) ready: Sender<Result<(), String>>,
}

/// The serving side of this shard, for jobs that come over the bus.
pub struct Here {
    /// What its handlers work with.
    pub context: Rc<Context>,
    /// Its doors.
    pub server: Rc<Server<Context>>,
    /// With their doors.
    listeners: Vec<(usize, Rc<Listener>)>,
    open_doors: Cell<usize>,
}

/// This shard's serving side.
///
/// # Panics
/// On a thread that serves nothing.
pub fn here() -> Rc<Here> {
    HERE.with(|here| here.get().cloned())
        .expect("this shard serves")
}

/// Serves until the drain is over.
pub(super) async fn run_shard(shard: Rc<Shard>, boot: Arc<Boot>) {
    let ids = match IdSource::from_kernel() {
        Ok(ids) => ids,
        Err(error) => {
            let cause = format!("the kernel gives no random bytes: {error}");
            // Nobody hears it only where the start was given up already.
            let _ = boot.ready.send(Err(cause));
            return;
        }
    };
    let here = open(&shard, &boot, ids);
    let serving = Serving(boot.house.clone());
    for (door, listener) in &here.listeners {
        let (here, door, listener) = (here.clone(), *door, listener.clone());
        shard::spawn(async move {
            here.server.clone().serve(door, listener).await;
            here.open_doors.set(here.open_doors.get() - 1);
        });
    }
    shard::spawn(beat(here.context.clone()));
    shard::spawn(uplinks::uses::run(here.context.clone()));
    if shard.index == CHORES_SHARD {
        shard::spawn(auth::watch::run(here.context.clone()));
        shard::spawn(mail::sender::run(here.context.clone()));
        shard::spawn(warm_names(here.context.clone()));
        shard::spawn(accounts::sweep::run(here.context.clone()));
        shard::spawn(sweeper::run(here.context.clone()));
        shard::spawn(uplinks::eviction::count(here.context.clone()));
        let house = &here.context.house;
        shard::spawn(sweep::run(house.commerce.clone(), house.uploads.clone()));
        shard::spawn(blobs::sweep::run(
            house.registry.clone(),
            house.blobs.clone(),
        ));
    }
    let waiting = boot.ready.send(Ok(()));
    drop(boot);
    if waiting.is_err() {
        return; // the start was given up
    }
    here.context.draining.raised().await;
    drain(&here, serving).await;
}

/// Tells this shard to finish.
pub(super) fn begin_drain() {
    here().context.draining.raise();
}

/// Takes settings that were reloaded.
pub(super) fn adopt(settings: &Arc<Settings>) {
    let here = here();
    here.server.set_options(server_options(settings));
    here.context.adopt(settings.clone());
}

/// Whether every shard answers within a time.
pub async fn all_shards_turn(bus: &Bus, patience: Duration) -> bool {
    bus.ask_all_within(patience, || ()).await.len() == bus.count()
}

/// Requests that wait for their reply, by door, of the shards that answer within a time.
pub async fn pending_by_door(bus: &Bus, patience: Duration) -> [u64; DOORS.len()] {
    let ask = || here().server.pending();
    let counts = bus.ask_all_within(patience, ask).await;
    std::array::from_fn(|door| counts.iter().map(|pending| pending[door]).sum())
}

fn open(shard: &Rc<Shard>, boot: &Boot, mut ids: IdSource) -> Rc<Here> {
    let (file, loaded) = &boot.state;
    let tables = tables();
    let routes_before = std::array::from_fn(|door| tables[..door].iter().map(Vec::len).sum());
    let ids_of_server = ids.split();
    let context = Rc::new(Context::new(
        boot.house.clone(),
        Local::new(shard.index, boot.clock, &labels()),
        state::Local::new(loaded.state, loaded.sequence, boot.house.started),
        boot.settings.clone(),
        boot.keys.clone(),
        ids,
        routes_before,
    ));
    context::enter(context.clone());
    let turns = context.clone();
    shard.observe_turns(move |nanoseconds| turns.telemetry.record_turn(nanoseconds));
    store::share_snapshots(shard);
    let doors = tables.into_iter().map(Router::new).collect();
    let server = Server::new(
        context.clone(),
        doors,
        server_options(&boot.settings),
        boot.clock,
        ids_of_server,
    );
    let sockets = boot.sockets.lock().map(|mut of_shards| of_shards.pop());
    let sockets = sockets
        .ok()
        .flatten()
        .expect("there are sockets for every shard");
    let listeners: Vec<_> = sockets
        .into_iter()
        .map(|(door, socket)| (door, Rc::new(shard.ring.listen(socket))))
        .collect();
    let open_doors = Cell::new(listeners.len());
    let here = Rc::new(Here {
        context,
        server,
        listeners,
        open_doors,
    });
    HERE.with(|place| assert!(place.set(here.clone()).is_ok(), "a shard serves once"));
    if shard.index == state::OWNER_SHARD {
        state::open_office(file.clone(), *loaded);
    }
    here
}

/// Finishes what has begun: the backlog is accepted, requests are answered, WebSockets are told,
/// changes of the configuration reach the disk.
async fn drain(here: &Here, serving: Serving) {
    for (_, listener) in &here.listeners {
        listener.finish();
    }
    here.server.drain();
    let patience = here.context.settings.borrow().drain_timeout;
    let gives_up = Instant::now() + patience;
    while here.open_doors.get() > 0 || here.server.connections() > 0 {
        if Instant::now() >= gives_up {
            let open = here.server.connections();
            tracing::warn!(target: "serve", open, "connections were cut off by the drain's end");
            break;
        }
        shard::sleep(DRAIN_INTERVAL).await;
    }
    drop(serving);
    // A request on another shard may ask this one, and a change of the configuration its owner.
    while here.context.house.serving.load(Ordering::Acquire) > 0 && Instant::now() < gives_up {
        shard::sleep(DRAIN_INTERVAL).await;
    }
    while shard::index() == state::OWNER_SHARD && state::is_busy() {
        shard::sleep(DRAIN_INTERVAL).await;
    }
}

/// Counts this shard among those that serve, also where its ring fails.
struct Serving(Arc<House>);

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.serving.fetch_sub(1, Ordering::Release);
    }
}

/// Sends the configuration's clients their heartbeat.
async fn beat(context: Rc<Context>) {
    loop {
        let (interval, timeout) = {
            let websocket = &context.settings.borrow().websocket;
            (websocket.heartbeat_interval, websocket.client_timeout)
        };
        shard::sleep(interval).await;
        context.state.beat(timeout.as_millis() as u64);
    }
}

/// Looks names of other servers up before they are asked for again.
async fn warm_names(context: Rc<Context>) {
    loop {
        let interval = context.house.names.warm();
        shard::sleep(interval).await;
    }
}

fn server_options(settings: &Settings) -> ServerOptions {
    ServerOptions {
        head_timeout: settings.http.head_timeout,
        body_timeout: settings.http.body_timeout,
        idle_timeout: settings.http.idle_timeout,
        write_timeout: settings.http.write_timeout,
        connections_max: settings.connections_max.div_ceil(settings.shards),
    }
}

thread_local! {
    static HERE: OnceCell<Rc<Here>> = const { OnceCell::new() };
}

/// The shard of tasks that the house needs once.
const CHORES_SHARD: usize = 0;

/// How often a drain looks whether it is done.
const DRAIN_INTERVAL: Duration = Duration::from_millis(10);
