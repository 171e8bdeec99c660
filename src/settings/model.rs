//! The settings as the rest of the program reads them: plain typed fields.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use thirteen_kernels::config::{ConfigState, Field};

use super::access::Access;
use super::choices::{AccessLog, LogLevel, WritePolicy};
use super::environment::Mode;
use super::hosts::Hosts;
use super::key::Key;
use super::keys::KEYS;
use super::load::Sources;
use super::origin::{Origin, Setting};
use super::upstream::{HostPort, Upstream};

/// Every setting, resolved. The origins are kept aside: [`Settings::entries`].
///
/// `Settings::default()` holds the defaults of [`KEYS`].
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the program runs; only the process's own variable chooses it.
    pub mode: Mode,
    /// The folder of everything that outlives the process.
    pub data: PathBuf,
    /// How many shards to run; `auto` is resolved to the number of cores.
    pub shards: usize,
    /// Connections open at once, over all shards and doors.
    pub connections_max: usize,
    /// How long a drain waits for connections to finish.
    pub drain_timeout: Duration,
    /// The api door.
    pub api: Api,
    /// The ops door.
    pub ops: Door,
    /// The registry door, and what the registry takes from upstreams.
    pub registry: Registry,
    /// Who may read and publish packages.
    pub access: Access,
    /// The documents of packages.
    pub documents: Documents,
    /// The 13 bytes of a data folder that has no state yet.
    pub config: ConfigStart,
    /// Who may change the 13 bytes.
    pub state: State,
    /// The configuration WebSocket.
    pub websocket: WebSocket,
    /// Deadlines of HTTP connections.
    pub http: Http,
    /// Rate limits.
    pub rate: Rate,
    /// The mail that the shop sends.
    pub mail: Mail,
    /// Stock.
    pub stock: Stock,
    /// Upstream registries.
    pub proxy: Proxy,
    /// Requests to other servers.
    pub outgoing: Outgoing,
    /// Products to fill an empty shop with.
    pub demo: u64,
    /// What is logged.
    pub log: Log,
    /// The io_uring data plane.
    pub ring: Ring,
    /// What is kept in memory to be sent again.
    pub cache: Cache,
    pub(super) entries: Vec<Setting<String>>,
    pub(super) sources: Sources,
}

/// The api door and where the command line finds it.
#[derive(Debug, Clone)]
pub struct Api {
    /// The address to listen on; port 0 picks a free one.
    pub listen: SocketAddr,
    /// The URL at which client commands find the api door, without a trailing slash.
    pub base: Option<String>,
    /// Origins whose pages may read replies, with the visitor's cookies: `scheme://host[:port]`.
    pub cors_origins: Vec<String>,
}

/// A door: a listener with its own routes.
#[derive(Debug, Clone)]
pub struct Door {
    /// The address to listen on; port 0 picks a free one.
    pub listen: SocketAddr,
}

/// The registry door, and what the registry takes from upstreams.
#[derive(Debug, Clone)]
pub struct Registry {
    /// The address to listen on; port 0 picks a free one.
    pub listen: SocketAddr,
    /// Whether upstreams are never asked.
    pub offline: bool,
    /// Bytes of the tarballs and documents of upstreams that are kept; 0 for any.
    pub cache_bytes_max: u64,
    /// How long an upstream's document is taken as it is.
    pub fresh: Duration,
    /// The age from which an upstream's versions are shown.
    pub minimum_release_age: Duration,
    /// For how long a version that an upstream shows for the first time is held back.
    pub quarantine: Duration,
    /// What is never shown: names, and `name@range`.
    pub blocked: Vec<String>,
    /// Whether versions that an upstream removed are still served.
    pub keep_removed: bool,
}

/// The documents of packages.
#[derive(Debug, Clone, Default)]
pub struct Documents {
    /// The URL at which clients reach the registry door, without a trailing slash; without one, the
    /// host that each request names.
    pub public_url: Option<String>,
    /// Proxies whose word counts: on the client's address, the scheme and the host.
    pub trusted_proxies: Vec<IpNet>,
    /// Bytes of documents that all shards keep in memory.
    pub memory_bytes: usize,
}

impl Documents {
    /// Whether documents have the same URLs under these settings, whoever asks.
    pub fn has_bases_of(&self, other: &Documents) -> bool {
        self.public_url == other.public_url && self.trusted_proxies == other.trusted_proxies
    }
}

/// The seven fields of the configuration state, within the ranges of PROTOCOL.md.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConfigStart {
    /// Byte 0.
    pub version: u8,
    /// Bytes 1 to 4.
    pub registry_hash: u32,
    /// Bytes 5 to 8; bits 11 to 31 are zero.
    pub feature_flags: u32,
    /// Byte 9, 0 to 3.
    pub terminal_mode: u8,
    /// Byte 10, at least 1.
    pub rows: u8,
    /// Byte 11, at least 1.
    pub cols: u8,
    /// Byte 12, 0.
    pub reserved: u8,
}

/// Who may change the 13 bytes.
#[derive(Debug, Clone, Default)]
pub struct State {
    /// The rule for writes.
    pub write: WritePolicy,
    /// Origins, besides our own, whose pages may open the WebSocket: `scheme://host[:port]`.
    pub origins: Vec<String>,
}

/// The configuration WebSocket.
#[derive(Debug, Clone, Default)]
pub struct WebSocket {
    /// Between two heartbeats of the server.
    pub heartbeat_interval: Duration,
    /// A client silent for so long is closed.
    pub client_timeout: Duration,
}

/// Deadlines of HTTP connections.
#[derive(Debug, Clone, Default)]
pub struct Http {
    /// From the first byte of a head to its end (408 past it).
    pub head_timeout: Duration,
    /// Without a byte of a body that is awaited.
    pub body_timeout: Duration,
    /// Between two requests of a kept connection.
    pub idle_timeout: Duration,
    /// Without progress of a reply that the peer does not read.
    pub write_timeout: Duration,
}

/// Rate limits.
#[derive(Debug, Clone, Default)]
pub struct Rate {
    /// Configuration writes per minute and peer address.
    pub writes_per_minute: u32,
    /// Logins and the like per 15 s and peer address, and per account; 0 where none is counted.
    pub auth_per_15s: u32,
    /// Requests to the commerce API per minute and peer address; 0 where none is counted.
    pub api_per_minute: u32,
    /// Requests to the registry per minute and token, or peer address without one; 0 where none is
    /// counted.
    pub registry_reads_per_minute: u32,
    /// Tunnels and forwarded requests per minute, token subject and hash; 0 where none is counted.
    pub proxied_per_minute: u32,
    /// Changes of packages per minute and token or peer address; 0 where none is counted.
    pub publishes_per_minute: u32,
}

/// Stock.
#[derive(Debug, Clone, Default)]
pub struct Stock {
    /// How long a reservation holds its stock before the sweeper releases it.
    pub reservation_ttl: Duration,
}

/// The mail that the shop sends.
#[derive(Debug, Clone, Default)]
pub struct Mail {
    /// The SMTP server; empty for the maildir of the data folder.
    pub smtp_url: String,
    /// The file with the password of the URL's user; empty for none.
    pub smtp_password_file: String,
    /// The sender.
    pub from: String,
    /// What links begin with.
    pub link_base: String,
}

/// Upstream registries.
#[derive(Debug, Clone, Default)]
pub struct Proxy {
    /// How long an upstream may take to connect.
    pub timeout: Duration,
    /// How long nothing may move in a tunnel.
    pub idle_timeout: Duration,
    /// The upstreams as listed; [`Settings::upstreams`] adds the two named ones.
    pub upstreams: Vec<Upstream>,
    /// The upstream of the configured registry hash.
    pub upstream_primary: Option<HostPort>,
    /// The upstream of registry hash 0.
    pub upstream_fallback: Option<HostPort>,
}

/// Requests to other servers.
#[derive(Debug, Clone, Default)]
pub struct Outgoing {
    /// A PEM file of authorities that are trusted besides the machine's; empty for none.
    pub ca_file: String,
    /// Hosts whose addresses are not looked up.
    pub hosts: Hosts,
}

/// What is logged.
#[derive(Debug, Clone, Default)]
pub struct Log {
    /// The least urgent level that is written.
    pub level: LogLevel,
    /// Which requests are written.
    pub access: AccessLog,
}

/// The io_uring data plane.
#[derive(Debug, Clone, Default)]
pub struct Ring {
    /// How long an idle shard polls before it sleeps.
    pub spin: Duration,
}

/// What is kept in memory to be sent again.
#[derive(Debug, Clone, Default)]
pub struct Cache {
    /// Bytes of the replies that all shards keep together.
    pub reply_bytes: usize,
}

/// One row of `thirteen settings show`.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'s> {
    /// The key's row in the table.
    pub key: &'static Key,
    /// The value in its canonical text.
    pub value: &'s str,
    /// Where it came from.
    pub origin: &'s Origin,
}

impl Settings {
    /// Every key with its value as text and its origin, in the order of [`KEYS`].
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        KEYS.iter().zip(&self.entries).map(|(key, setting)| Entry {
            key,
            value: &setting.value,
            origin: &setting.origin,
        })
    }

    /// The entry of the key called `name`, e.g. `api.listen`.
    pub fn entry(&self, name: &str) -> Option<Entry<'_>> {
        self.entries().find(|entry| entry.key.name == name)
    }

    /// A value for every field, to be overwritten by the defaults of [`KEYS`].
    pub(super) fn blank(sources: Sources) -> Settings {
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Settings {
            mode: Mode::default(),
            data: PathBuf::new(),
            shards: 1,
            connections_max: 1,
            drain_timeout: Duration::ZERO,
            api: Api {
                listen,
                base: None,
                cors_origins: Vec::new(),
            },
            ops: Door { listen },
            registry: Registry {
                listen,
                offline: false,
                cache_bytes_max: 0,
                fresh: Duration::ZERO,
                minimum_release_age: Duration::ZERO,
                quarantine: Duration::ZERO,
                blocked: Vec::new(),
                keep_removed: false,
            },
            access: Access::default(),
            documents: Documents::default(),
            config: ConfigStart::default(),
            state: State::default(),
            websocket: WebSocket::default(),
            http: Http::default(),
            rate: Rate::default(),
            mail: Mail::default(),
            stock: Stock::default(),
            proxy: Proxy::default(),
            outgoing: Outgoing::default(),
            demo: 0,
            log: Log::default(),
            ring: Ring::default(),
            cache: Cache::default(),
            entries: Vec::new(),
            sources,
        }
    }
}

impl ConfigStart {
    /// The state of a data folder that has none yet.
    pub fn to_state(&self) -> ConfigState {
        let fields = [
            (Field::Version, u64::from(self.version)),
            (Field::RegistryHash, u64::from(self.registry_hash)),
            (Field::FeatureFlags, u64::from(self.feature_flags)),
            (Field::TerminalMode, u64::from(self.terminal_mode)),
            (Field::Rows, u64::from(self.rows)),
            (Field::Cols, u64::from(self.cols)),
            (Field::Reserved, u64::from(self.reserved)),
        ];
        fields
            .into_iter()
            .fold(ConfigState::DEFAULT, |state, (field, value)| {
                state
                    .with(field, value)
                    .expect("the table of keys has the ranges of the fields")
            })
    }
}

impl Default for Settings {
    fn default() -> Settings {
        Settings::load(Sources::default()).expect("the table's defaults are within its bounds")
    }
}
