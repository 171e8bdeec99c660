//! What a handler can reach: the shard's own things, and the few that all shards share.

use std::cell::{Cell, OnceCell, RefCell};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use thirteen_kernels::config::headers::Required;

use crate::auth::budget::Budget;
use crate::auth::keys::Keys;
use crate::auth::passwords::{Passwords, Permits};
use crate::auth::principal;
use crate::auth::rate::{RateKeys, RateTable, Verdict};
use crate::auth::tokens::TokenCache;
use crate::http::websocket::OriginPolicy;
use crate::http::{
    Access, Application, CacheTally, ConnectionChange, CorsPolicy, DoorPolicy, Generations,
    Observation, PAGES_SECURITY, Prepared, Problem, ProblemForm, RateClass, RateExceeded,
    ReplyCache, Request, RequestIds, Route,
};
use crate::outgoing::Outgoing;
use crate::outgoing::dns::Names;
use crate::proxy;
use crate::registry::access::client_address;
use crate::registry::documents::Documents;
use crate::registry::packages::turns::Turns;
use crate::registry::uplinks::{PolicyInForce, Uplinks, Uses};
use crate::routes::{API, DOORS, REGISTRY};
use crate::settings::{AccessLog as AccessSetting, Settings};
use crate::shard;
use crate::state::Tally;
use crate::state::access::{Arrival, Caller, Principal};
use crate::store::{Store, Topic};
use crate::telemetry::logs::{AccessEntry, AccessLines, AccessPolicy, Sink};
use crate::telemetry::process::unix_ms;
use crate::telemetry::trace_id::IdSource;
use crate::telemetry::{
    Counter, Fault, Local, Operation, OutgoingGauges, RingCounters, Snapshot, Started, UNMATCHED,
};
use crate::tls::TlsClient;

/// What one shard's handlers work with.
pub struct Context {
    /// What all shards share.
    pub house: Arc<House>,
    /// What this shard records.
    pub telemetry: Local,
    /// This shard's copy of the configuration and its clients.
    pub state: crate::state::Local,
    /// The settings in force.
    pub settings: RefCell<Arc<Settings>>,
    /// The web pages that may follow and change the configuration.
    pub origins: RefCell<OriginPolicy>,
    /// The web pages whose requests may carry the cookies of a session.
    pub shop_origins: RefCell<OriginPolicy>,
    /// What each door says of every reply, in the order of [`DOORS`].
    pub policies: RefCell<[Rc<DoorPolicy>; DOORS.len()]>,
    /// The keys that tokens are signed and checked with.
    pub keys: RefCell<Keys>,
    /// The access tokens that this shard has verified.
    pub tokens: TokenCache,
    /// The turns of packages that are changed, for those that this shard keeps.
    pub turns: Turns,
    /// Documents of packages.
    pub documents: Documents,
    /// Who has called the registry door, and what they may.
    pub registry_access: crate::registry::access::Memory,
    /// What upstreams said of versions, a short while ago.
    pub advisories: crate::registry::advisories::Recent,
    /// Passwords on their way to and from the offload threads.
    pub passwords: Passwords,
    /// Requests to other servers.
    pub outgoing: Outgoing,
    /// Upstreams that the proxy leads to, and its clients' tokens.
    pub proxy: proxy::Local,
    /// Replies of the api door that are sent again while the store has not changed.
    pub replies: ReplyCache,
    /// What was asked for of upstreams and is not noted yet.
    pub uses: Uses,
    /// The rules by which documents of upstreams are made.
    policy: RefCell<Arc<PolicyInForce>>,
    /// Short tarballs that were asked for.
    pub tarballs: crate::registry::tarballs::KeptTarballs,
    /// What the dashboard counted.
    pub dashboard: crate::dashboard::Local,
    /// Raised when the server drains.
    pub draining: shard::Flag,
    pub(crate) health: RefCell<CachedHealth>,
    ids: RefCell<IdSource>,
    access_log: RefCell<AccessLines>,
    access_policy: Cell<AccessSetting>,
    routes_before: [usize; DOORS.len()],
    ring_bytes: Cell<(u64, u64)>,
    tally: Cell<Tally>,
    replies_counted: Cell<CacheTally>,
}

/// What all shards share.
pub struct House {
    /// When the process started.
    pub started: Started,
    /// Where the doors listen, in the order of [`DOORS`].
    pub doors: [SocketAddr; DOORS.len()],
    /// The data folder.
    pub data: PathBuf,
    /// The log.
    pub log: Sink,
    /// The shop's store.
    pub commerce: Arc<Store>,
    /// The registry's store.
    pub registry: Arc<Store>,
    /// The registry's files.
    pub blobs: Arc<crate::registry::blobs::Blobs>,
    /// The addresses of other servers.
    pub names: Arc<Names>,
    /// Whom we trust to vouch for other servers.
    pub tls: TlsClient,
    /// The registries that packages come from.
    pub uplinks: Arc<Uplinks>,
    /// Uploads by signed URL.
    pub uploads: Arc<crate::vault::uploads::Desk>,
    /// Changes of the configuration, counted by peer.
    pub writes: RateTable,
    /// Logins and the like, counted by peer and by account.
    pub auth_budget: Budget,
    /// Requests to the commerce API, counted by peer.
    pub api_budget: Budget,
    /// What is read from the registry, counted by token or peer.
    pub registry_budget: Budget,
    /// Tunnels and forwarded requests, counted by the subject and the hash of their token.
    pub proxy_budget: Budget,
    /// What changes packages, counted likewise.
    pub publish_budget: Budget,
    /// Advisories of a folder.
    pub osv: crate::registry::advisories::osv::Osv,
    /// What questions for advisories may take.
    pub audits: crate::registry::advisories::Audits,
    /// Passwords that are hashed at once.
    pub hashes: Arc<Permits>,
    /// The secret of the keys that rates are counted by.
    pub rate_keys: RateKeys,
    /// Open WebSocket sessions of all shards.
    pub websockets: AtomicU64,
    /// Shards that have connections or may get some.
    pub serving: AtomicUsize,
}

/// The reply of `/health` and what it was rendered from.
#[derive(Default)]
pub(crate) struct CachedHealth {
    pub(crate) prepared: Prepared,
    pub(crate) rendered: Option<(Instant, u64, u64)>,
}

/// The context of this shard.
///
/// # Panics
/// On a thread that serves nothing.
pub fn here() -> Rc<Context> {
    HERE.with(|here| here.get().cloned())
        .expect("this shard serves")
}

/// Makes `context` the one of this shard.
pub(crate) fn enter(context: Rc<Context>) {
    HERE.with(|here| assert!(here.set(context).is_ok(), "a shard serves once"));
}

thread_local! {
    static HERE: OnceCell<Rc<Context>> = const { OnceCell::new() };
}

impl House {
    /// Where the registry door listens.
    pub fn registry_door(&self) -> SocketAddr {
        self.doors[REGISTRY]
    }

    /// Milliseconds since the start; never goes back.
    pub fn steady_ms(&self) -> u64 {
        self.started.uptime_ms()
    }
}

impl Context {
    /// The context of a shard that starts.
    pub fn new(
        house: Arc<House>,
        telemetry: Local,
        state: crate::state::Local,
        settings: Arc<Settings>,
        keys: Keys,
        ids: IdSource,
        routes_before: [usize; DOORS.len()],
    ) -> Context {
        let access = settings.log.access;
        let origins = origins_of(&settings.state.origins);
        let shop_origins = origins_of(&settings.api.cors_origins);
        let policies = policies_of(&settings);
        let replies = ReplyCache::new(reply_bytes_of(&settings));
        let since_s = bases_since_s(house.started.unix_ms());
        let documents = Documents::new(document_bytes_of(&settings), since_s);
        let access_log = AccessLines::new(access_policy(access), house.log.clone());
        let policy = Arc::new(PolicyInForce::of(&settings));
        Context {
            passwords: Passwords::new(house.hashes.clone()),
            outgoing: Outgoing::new(house.names.clone()),
            proxy: proxy::Local::new(&settings),
            house,
            telemetry,
            state,
            keys: RefCell::new(keys),
            tokens: TokenCache::new(),
            registry_access: crate::registry::access::Memory::new(),
            advisories: crate::registry::advisories::Recent::default(),
            settings: RefCell::new(settings),
            origins: RefCell::new(origins),
            shop_origins: RefCell::new(shop_origins),
            policies: RefCell::new(policies),
            replies,
            documents,
            turns: Turns::default(),
            replies_counted: Cell::default(),
            uses: Uses::default(),
            policy: RefCell::new(policy),
            tarballs: Default::default(),
            dashboard: Default::default(),
            draining: shard::Flag::default(),
            health: RefCell::default(),
            ids: RefCell::new(ids),
            access_log: RefCell::new(access_log),
            access_policy: Cell::new(access),
            routes_before,
            ring_bytes: Cell::default(),
            tally: Cell::default(),
        }
    }

    /// Takes settings that were reloaded.
    pub fn adopt(&self, settings: Arc<Settings>) {
        let access = settings.log.access;
        self.access_policy.set(access);
        let log = AccessLines::new(access_policy(access), self.house.log.clone());
        *self.access_log.borrow_mut() = log;
        *self.origins.borrow_mut() = origins_of(&settings.state.origins);
        *self.shop_origins.borrow_mut() = origins_of(&settings.api.cors_origins);
        *self.policies.borrow_mut() = policies_of(&settings);
        self.replies.set_bytes_max(reply_bytes_of(&settings));
        self.documents.set_bytes_max(document_bytes_of(&settings));
        if !self
            .settings
            .borrow()
            .documents
            .has_bases_of(&settings.documents)
        {
            self.documents.rebase(bases_since_s(unix_ms()));
        }
        let rule = self
            .house
            .writes
            .change_limit(settings.rate.writes_per_minute);
        assert!(rule.is_some(), "the setting has the bounds of a rule");
        self.house.auth_budget.change(settings.rate.auth_per_15s);
        self.house.api_budget.change(settings.rate.api_per_minute);
        let registry = &settings.rate;
        self.house
            .registry_budget
            .change(registry.registry_reads_per_minute);
        self.house.proxy_budget.change(registry.proxied_per_minute);
        self.house
            .publish_budget
            .change(registry.publishes_per_minute);
        *self.policy.borrow_mut() = Arc::new(PolicyInForce::of(&settings));
        *self.settings.borrow_mut() = settings;
    }

    /// The rules by which documents of upstreams are made.
    pub fn uplink_policy(&self) -> Arc<PolicyInForce> {
        self.policy.borrow().clone()
    }

    /// What this shard recorded, with what its ring and its hub counted.
    pub fn snapshot(&self) -> Snapshot {
        let counters = shard::current().ring.counters();
        let (received, sent) = self.ring_bytes.get();
        self.telemetry
            .add(Counter::BytesIn, counters.received_bytes - received);
        self.telemetry
            .add(Counter::BytesOut, counters.sent_bytes - sent);
        self.ring_bytes
            .set((counters.received_bytes, counters.sent_bytes));
        let (tally, counted) = (self.state.tally(), self.tally.get());
        self.telemetry
            .add(Counter::FramesOut, tally.frames_sent - counted.frames_sent);
        self.telemetry.add(
            Counter::UpdatesFolded,
            tally.updates_folded - counted.updates_folded,
        );
        self.tally.set(tally);
        self.count_replies();
        let mut snapshot = self.telemetry.snapshot();
        snapshot.ring = RingCounters {
            completions_overflowed: counters.overflows,
            buffers_exhausted: counters.starvations,
            accept_pauses: counters.accept_failures,
        };
        snapshot.outgoing = OutgoingGauges {
            connections_kept: self.outgoing.kept() as u64,
            requests_under_way: self.outgoing.under_way() as u64,
        };
        snapshot
    }

    fn count_replies(&self) {
        let (tally, counted) = (self.replies.tally(), self.replies_counted.get());
        for (counter, now, before) in [
            (Counter::CacheHits, tally.hits, counted.hits),
            (Counter::CacheMisses, tally.misses, counted.misses),
            (Counter::CacheEvictions, tally.evictions, counted.evictions),
        ] {
            self.telemetry.add(counter, now - before);
        }
        self.replies_counted.set(tally);
    }

    /// Who a request comes from, as far as that decides what it may do to the configuration.
    pub fn caller(&self, request: &Request<'_>) -> Caller {
        let principal = match principal::staff(self, request) {
            Some(_) => Principal::Staff,
            None => Principal::Anyone,
        };
        self.caller_as(request, principal)
    }

    /// As [`Context::caller`], for a principal that is known.
    pub fn caller_as(&self, request: &Request<'_>, principal: Principal) -> Caller {
        Caller {
            peer: request.peer().ip(),
            arrival: Arrival::of_headers(request.head().headers().map(|(name, _)| name)),
            principal,
        }
    }

    /// Whether a request comes from this machine and was not passed on by a proxy on it.
    pub fn is_from_this_machine(&self, request: &Request<'_>) -> bool {
        self.caller_as(request, Principal::Anyone)
            .is_on_this_machine()
    }

    /// Counts a try of an account, whichever address it comes from; 429 where they are too many.
    pub fn admit_account(&self, account: &str) -> Result<(), Problem> {
        let key = self.house.rate_keys.subject(account.as_bytes());
        self.house.auth_budget.admit(key, self.house.steady_ms())
    }

    /// An id for a request that came without one.
    pub fn request_id(&self) -> u64 {
        self.ids.borrow_mut().request_id()
    }

    /// Counts a WebSocket session for as long as the guard lives.
    pub fn count_websocket(&self) -> WebSocketGuard<'_> {
        self.telemetry.count(Counter::WebSocketsOpened);
        self.house.websockets.fetch_add(1, Ordering::Relaxed);
        WebSocketGuard { context: self }
    }

    fn log_access(&self, observation: &Observation<'_>) {
        let position = observation.route;
        let route = position.map_or("", |position| self.path_of(observation.door, position));
        let head = observation.head;
        let header = |name| head.and_then(|head| head.header(name));
        self.access_log.borrow().record(&AccessEntry {
            unix_ms: unix_ms(),
            door: DOORS[observation.door],
            method: head.map_or(b"", |head| head.method_bytes()),
            route,
            path: head.map_or(b"", |head| head.path()),
            status: observation.status,
            reply_bytes: observation.reply_bytes,
            nanoseconds: observation.nanoseconds,
            peer: observation.peer,
            trace: observation.trace.parent.trace,
            quantum_id: observation.trace.quantum_id.as_str(),
            request_id: observation
                .trace
                .request_id
                .or_else(|| header("x-bun-request-id").and_then(parse_id)),
        });
    }

    fn path_of(&self, door: usize, position: usize) -> &'static str {
        self.telemetry.routes()[self.routes_before[door] + position].path
    }
}

/// A WebSocket session that is open.
pub struct WebSocketGuard<'c> {
    context: &'c Context,
}

impl Drop for WebSocketGuard<'_> {
    fn drop(&mut self) {
        self.context.telemetry.count(Counter::WebSocketsClosed);
        self.context
            .house
            .websockets
            .fetch_sub(1, Ordering::Relaxed);
    }
}

impl Application for Context {
    fn admit(
        &self,
        door: usize,
        route: &Route<Context>,
        request: &Request<'_>,
    ) -> Result<(), Problem> {
        // The rows of the proxy need some of these headers, and check them with the others.
        if door == REGISTRY && !route.is_for_others() {
            proxy::check(self, request, Required::None)?;
        }
        match route.access {
            // The guard that the handler takes decides.
            Access::Anyone | Access::User | Access::Seller | Access::Vendor | Access::Admin => {}
            Access::Operator if self.is_from_this_machine(request) => {}
            Access::Operator if principal::staff(self, request).is_some() => {}
            Access::Operator => {
                let detail = "Only from the machine that the server runs on, or for staff.";
                return Err(Problem::new(403, detail));
            }
        }
        let client = || match door {
            REGISTRY => client_address(self, request),
            _ => request.peer().ip(),
        };
        match route.rate {
            RateClass::Free => Ok(()),
            RateClass::Write => self.admit_write(client()),
            RateClass::Auth => self.admit_to(&self.house.auth_budget, client()),
            RateClass::Api => self.admit_to(&self.house.api_budget, client()),
            RateClass::Registry => self.admit_client(&self.house.registry_budget, request, client),
            RateClass::Publish => self.admit_client(&self.house.publish_budget, request, client),
        }
    }

    fn measure<T>(&self, operation: Operation, work: impl FnOnce() -> T) -> T {
        self.telemetry.sample(operation, work)
    }

    fn policy(&self, door: usize) -> Rc<DoorPolicy> {
        self.policies.borrow()[door].clone()
    }

    fn is_own_host(&self, door: usize, host: &[u8]) -> bool {
        let bound = self.house.doors[door];
        proxy::Authority::parse(host, Some(80)).is_some_and(|own| own.is_of(bound))
    }

    fn observe(&self, observation: &Observation<'_>) {
        let route = match observation.route {
            Some(position) => self.routes_before[observation.door] + position,
            None => UNMATCHED,
        };
        self.telemetry
            .record(route, observation.status, observation.nanoseconds);
        if observation.status >= 400
            && let Some(fault) = fault_of(observation)
        {
            self.telemetry.fault(fault);
        }
        if self.access_policy.get() != AccessSetting::Off {
            self.log_access(observation);
        }
    }

    fn fault(&self, fault: Fault) {
        self.telemetry.fault(fault);
    }

    fn connection(&self, change: ConnectionChange) {
        self.telemetry.count(match change {
            ConnectionChange::Opened => Counter::ConnectionsOpened,
            ConnectionChange::Ended => Counter::ConnectionsClosed,
            ConnectionChange::Refused => Counter::ConnectionsRefused,
        });
    }
}

impl Context {
    fn admit_to(&self, budget: &Budget, client: IpAddr) -> Result<(), Problem> {
        let key = self.house.rate_keys.peer(client);
        let now_ms = self.house.steady_ms();
        let admit = || budget.admit(key, now_ms);
        self.telemetry.sample(Operation::RateCheck, admit)
    }

    /// Counts a request of a registry's client by the token that it shows, whoever's that is, so
    /// that clients behind one address do not share a budget.
    fn admit_client(
        &self,
        budget: &Budget,
        request: &Request<'_>,
        client: impl FnOnce() -> IpAddr,
    ) -> Result<(), Problem> {
        let Some(token) = request.header("authorization") else {
            return self.admit_to(budget, client());
        };
        let key = self.house.rate_keys.subject(token);
        let now_ms = self.house.steady_ms();
        let admit = || budget.admit(key, now_ms);
        self.telemetry.sample(Operation::RateCheck, admit)
    }

    fn admit_write(&self, client: IpAddr) -> Result<(), Problem> {
        let key = self.house.rate_keys.peer(client);
        let now_ms = self.house.steady_ms();
        let check = || self.house.writes.check(key, now_ms);
        match self.telemetry.sample(Operation::RateCheck, check) {
            Verdict::Allowed => Ok(()),
            Verdict::Limited { retry_after_ms } => {
                let rule = self.house.writes.rule();
                let exceeded = RateExceeded {
                    limit: rule.limit(),
                    window_ms: rule.window_ms(),
                    retry_after_ms,
                };
                let detail = "Too many changes from this address.";
                Err(Problem::limited(detail, exceeded))
            }
        }
    }
}

/// A request id as clients send it: 16 hex digits.
fn parse_id(text: &[u8]) -> Option<u64> {
    let is_id = text.len() == 16 && text.iter().all(u8::is_ascii_hexdigit);
    let digits = str::from_utf8(text).ok().filter(|_| is_id)?;
    u64::from_str_radix(digits, 16).ok()
}

/// The kind of fault of the peer that a refusal stands for.
fn fault_of(observation: &Observation<'_>) -> Option<Fault> {
    let is_headless = observation.head.is_none();
    match observation.status {
        408 if is_headless => Some(Fault::HeadTimeout),
        408 => Some(Fault::BodyTimeout),
        414 | 431 => Some(Fault::HeadTooLarge),
        413 => Some(Fault::BodyTooLarge),
        429 => Some(Fault::RateLimited),
        500 => Some(Fault::Internal),
        _ if is_headless => Some(Fault::HeadMalformed),
        _ => None,
    }
}

fn origins_of(origins: &[String]) -> OriginPolicy {
    OriginPolicy::new(origins).expect("settings hold readable origins only")
}

impl Generations for Context {
    type Topic = Topic;

    fn generation(&self, topic: Topic) -> u64 {
        self.house.commerce.generation(topic)
    }
}

/// This shard's share of the memory for replies.
fn reply_bytes_of(settings: &Settings) -> usize {
    settings.cache.reply_bytes / settings.shards
}

/// This shard's share of the memory for documents of packages.
fn document_bytes_of(settings: &Settings) -> usize {
    settings.documents.memory_bytes / settings.shards
}

/// From which second on documents have the URLs of settings that came into force at a moment: in
/// that second itself some were sent with others. What a start found before it is not known.
fn bases_since_s(unix_ms: u64) -> u64 {
    unix_ms / 1000 + 1
}

/// The api door's replies are for programs; the other two have pages. Pages of other origins may
/// read the api door's alone.
fn policies_of(settings: &Settings) -> [Rc<DoorPolicy>; DOORS.len()] {
    std::array::from_fn(|door| {
        Rc::new(match door {
            API => DoorPolicy {
                cors: CorsPolicy::new(&settings.api.cors_origins),
                ..DoorPolicy::default()
            },
            REGISTRY => DoorPolicy {
                security: PAGES_SECURITY,
                problems: ProblemForm::Registry,
                request_ids: RequestIds::Echoed,
                ..DoorPolicy::default()
            },
            _ => DoorPolicy {
                security: PAGES_SECURITY,
                ..DoorPolicy::default()
            },
        })
    })
}

fn access_policy(setting: AccessSetting) -> AccessPolicy {
    match setting {
        AccessSetting::Off => AccessPolicy::Off,
        AccessSetting::Sampled => AccessPolicy::Sampled,
        AccessSetting::Full => AccessPolicy::Full,
    }
}
