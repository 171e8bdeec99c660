//! The table of keys: each key is described here once.

use std::fmt;

use crate::limits::{RATE_LIMIT_MAX, YEAR_MS};

use super::access::{Anonymous, Names, Open, ScopedAccess, Scopes, Signup};
use super::choices::{AccessLog, LogLevel, WritePolicy};
use super::hosts::HostList;
use super::slots::{
    Address, BaseUrl, Checked, Folder, Hex, List, Networks, Number, Origins, Part, Peer, PublicUrl,
    Shards, Slot, Span, Truth, Unit, Upstreams, Word,
};

/// A key: its names, its type with bounds, its default, and what it is for.
pub struct Key {
    /// The name in files, dotted, e.g. `websocket.client_timeout_ms`.
    pub name: &'static str,
    /// What it is for, one sentence for the operator.
    pub doc: &'static str,
    /// The default in the text that a flag would take.
    pub default: &'static str,
    /// Whether SIGHUP applies a change.
    pub change: Change,
    pub(super) slot: &'static dyn Slot,
    pub(super) spellings: &'static [Spelling],
}

/// When a changed value takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// On SIGHUP.
    Live,
    /// At the next start.
    Restart,
}

/// A further name of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spelling {
    /// A long flag, without its dashes.
    Flag(&'static str),
    /// A long flag that may stand alone, and what it means then.
    Switch(&'static str, &'static str),
    /// An environment variable; one for the whole value stands in for `THIRTEEN_<NAME>`.
    Variable(&'static str, Part),
    /// A dotted name in files: the documented JSON shape.
    Path(&'static str, Part),
}

use Spelling::{Flag, Path, Switch, Variable};

impl fmt::Debug for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Key({})", self.name)
    }
}

impl Key {
    /// The variable of the whole value: the documented one, else `THIRTEEN_` and the name.
    pub fn variable(&self) -> String {
        let documented = self.spellings.iter().find_map(|spelling| match spelling {
            Variable(name, Part::Whole) => Some((*name).to_owned()),
            Variable(..) | Flag(_) | Switch(..) | Path(..) => None,
        });
        documented
            .unwrap_or_else(|| format!("THIRTEEN_{}", self.name.replace('.', "_").to_uppercase()))
    }

    /// Every variable that sets the value or a part of it.
    pub(super) fn variables(&self) -> impl Iterator<Item = (String, Part)> {
        let parts = self.spellings.iter().filter_map(|spelling| match spelling {
            Variable(_, Part::Whole) | Flag(_) | Switch(..) | Path(..) => None,
            Variable(name, part) => Some(((*name).to_owned(), *part)),
        });
        std::iter::once((self.variable(), Part::Whole)).chain(parts)
    }

    /// Every dotted name in files that sets the value or a part of it.
    pub(super) fn paths(&self) -> impl Iterator<Item = (&'static str, Part)> {
        let others = self.spellings.iter().filter_map(|spelling| match spelling {
            Path(path, part) => Some((*path, *part)),
            Flag(_) | Switch(..) | Variable(..) => None,
        });
        std::iter::once((self.name, Part::Whole)).chain(others)
    }

    /// The long flag, without its dashes, where the key has one.
    pub fn flag(&self) -> Option<&'static str> {
        self.spellings.iter().find_map(|spelling| match spelling {
            Flag(name) | Switch(name, _) => Some(*name),
            Variable(..) | Path(..) => None,
        })
    }

    /// What the flag means when it stands alone, where it may.
    pub fn flag_alone(&self) -> Option<&'static str> {
        self.spellings.iter().find_map(|spelling| match spelling {
            Switch(_, alone) => Some(*alone),
            Flag(_) | Variable(..) | Path(..) => None,
        })
    }

    /// What is accepted, e.g. `a number from 1 to 255`.
    pub fn accepts(&self) -> String {
        self.slot.accepts()
    }
}

/// Every key, in the order in which they are listed.
pub static KEYS: &[Key] = &[
    Key {
        name: "data",
        doc: "The folder of everything that outlives the process; made when missing.",
        default: "./data",
        change: Change::Restart,
        slot: &Folder(|settings| &mut settings.data),
        spellings: &[Flag("data")],
    },
    Key {
        name: "shards",
        doc: "Shards to run, each pinned to a core.",
        default: "auto",
        change: Change::Restart,
        slot: &Shards {
            field: |settings| &mut settings.shards,
            max: 1024,
        },
        spellings: &[Flag("shards")],
    },
    Key {
        name: "connections_max",
        doc: "Connections open at once over all doors, shared evenly by the shards; a tunnel is \
              two; more get 503.",
        default: "16384",
        change: Change::Restart,
        slot: &Number {
            field: |settings| &mut settings.connections_max,
            min: 16,
            max: 1_000_000,
        },
        spellings: &[],
    },
    Key {
        name: "drain_timeout_ms",
        doc: "How long SIGTERM waits for connections to finish before they are cut.",
        default: "30000",
        change: Change::Live,
        slot: &milliseconds(|settings| &mut settings.drain_timeout, 0, 600_000),
        spellings: &[],
    },
    Key {
        name: "api.listen",
        doc: "Address of the api door.",
        default: "127.0.0.1:3000",
        change: Change::Restart,
        slot: &Address(|settings| &mut settings.api.listen),
        spellings: &[
            Flag("api"),
            Variable("WS_HOST", Part::Host),
            Variable("WS_PORT", Part::Port),
            Path("websocket.hostname", Part::Host),
            Path("websocket.port", Part::Port),
        ],
    },
    Key {
        name: "api.base",
        doc: "URL at which client commands seek the api door; empty for what the data folder says.",
        default: "",
        change: Change::Restart,
        slot: &BaseUrl(|settings| &mut settings.api.base),
        spellings: &[],
    },
    Key {
        name: "api.cors_origins",
        doc: "Origins whose pages may call the api door with their visitors' cookies (CORS).",
        default: "",
        change: Change::Live,
        slot: &Origins(|settings| &mut settings.api.cors_origins),
        spellings: &[],
    },
    Key {
        name: "ops.listen",
        doc: "Address of the ops door.",
        default: "127.0.0.1:3008",
        change: Change::Restart,
        slot: &Address(|settings| &mut settings.ops.listen),
        spellings: &[Flag("ops")],
    },
    Key {
        name: "registry.listen",
        doc: "Address of the registry door.",
        default: "127.0.0.1:4873",
        change: Change::Restart,
        slot: &Address(|settings| &mut settings.registry.listen),
        spellings: &[
            Flag("registry"),
            Variable("PROXY_HOST", Part::Host),
            Variable("PROXY_PORT", Part::Port),
            Path("proxy.listenHost", Part::Host),
            Path("proxy.listenPort", Part::Port),
        ],
    },
    Key {
        name: "registry.offline",
        doc: "Whether upstreams are never asked: what is here is served, the rest is 404.",
        default: "false",
        change: Change::Live,
        slot: &Truth(|settings| &mut settings.registry.offline),
        spellings: &[],
    },
    Key {
        name: "registry.cache_bytes_max",
        doc: "Bytes of upstreams' packages that are kept, least recently used go first; 0: any.",
        default: "10737418240",
        change: Change::Live,
        slot: &Number {
            field: |settings| &mut settings.registry.cache_bytes_max,
            min: 0,
            max: 1 << 50,
        },
        spellings: &[],
    },
    Key {
        name: "registry.fresh_ms",
        doc: "How long an upstream's document of a package is taken as it is.",
        default: "300000",
        change: Change::Live,
        slot: &milliseconds(|settings| &mut settings.registry.fresh, 0, YEAR_MS),
        spellings: &[],
    },
    Key {
        name: "registry.minimum_release_age_ms",
        doc: "The age from which an upstream's versions are shown.",
        default: "0",
        change: Change::Live,
        slot: &milliseconds(
            |settings| &mut settings.registry.minimum_release_age,
            0,
            YEAR_MS,
        ),
        spellings: &[],
    },
    Key {
        name: "registry.quarantine_ms",
        doc: "How long a version that first appears at an upstream is held back.",
        default: "0",
        change: Change::Live,
        slot: &milliseconds(|settings| &mut settings.registry.quarantine, 0, YEAR_MS),
        spellings: &[],
    },
    Key {
        name: "registry.blocked",
        doc: "Packages of upstreams that are never shown, or versions of them: name or name@range.",
        default: "",
        change: Change::Live,
        slot: &List {
            field: |settings| &mut settings.registry.blocked,
            check: super::blocked::check,
            accepts: "names, or name@range, with commas between",
        },
        spellings: &[],
    },
    Key {
        name: "registry.keep_removed",
        doc: "Whether versions that an upstream removed are still served.",
        default: "false",
        change: Change::Live,
        slot: &Truth(|settings| &mut settings.registry.keep_removed),
        spellings: &[],
    },
    Key {
        name: "config.version",
        doc: "Byte 0 of the state of a new data folder.",
        default: "1",
        change: Change::Restart,
        slot: &Number {
            field: |settings| &mut settings.config.version,
            min: 0,
            max: 255,
        },
        spellings: &[Variable("BUN_CONFIG_VERSION", Part::Whole)],
    },
    Key {
        name: "config.registry_hash",
        doc: "Bytes 1 to 4 of the state of a new data folder; also the primary upstream's hash.",
        default: "0xa1b2c3d4",
        change: Change::Restart,
        slot: &Hex {
            field: |settings| &mut settings.config.registry_hash,
            max: u32::MAX,
        },
        spellings: &[
            Variable("BUN_CONFIG_REGISTRY_HASH", Part::Whole),
            Path("config.registryHash", Part::Whole),
        ],
    },
    Key {
        name: "config.feature_flags",
        doc: "Bytes 5 to 8 of the state of a new data folder.",
        default: "0x00000007",
        change: Change::Restart,
        slot: &Hex {
            field: |settings| &mut settings.config.feature_flags,
            max: 0x7ff,
        },
        spellings: &[
            Variable("BUN_CONFIG_FEATURE_FLAGS", Part::Whole),
            Path("config.featureFlags", Part::Whole),
        ],
    },
    Key {
        name: "config.terminal_mode",
        doc: "Byte 9 of the state of a new data folder: 0 disabled, 1 cooked, 2 raw, 3 pipe.",
        default: "2",
        change: Change::Restart,
        slot: &Number {
            field: |settings| &mut settings.config.terminal_mode,
            min: 0,
            max: 3,
        },
        spellings: &[
            Variable("BUN_CONFIG_TERMINAL_MODE", Part::Whole),
            Path("config.terminalMode", Part::Whole),
        ],
    },
    Key {
        name: "config.rows",
        doc: "Byte 10 of the state of a new data folder: rows of the terminal.",
        default: "24",
        change: Change::Restart,
        slot: &Number {
            field: |settings| &mut settings.config.rows,
            min: 1,
            max: 255,
        },
        spellings: &[Variable("BUN_CONFIG_TERMINAL_ROWS", Part::Whole)],
    },
    Key {
        name: "config.cols",
        doc: "Byte 11 of the state of a new data folder: columns of the terminal.",
        default: "80",
        change: Change::Restart,
        slot: &Number {
            field: |settings| &mut settings.config.cols,
            min: 1,
            max: 255,
        },
        spellings: &[Variable("BUN_CONFIG_TERMINAL_COLS", Part::Whole)],
    },
    Key {
        name: "config.reserved",
        doc: "Byte 12 of the state of a new data folder.",
        default: "0",
        change: Change::Restart,
        slot: &Number {
            field: |settings| &mut settings.config.reserved,
            min: 0,
            max: 0,
        },
        spellings: &[],
    },
    Key {
        name: "state.write",
        doc: "Who may change the 13 bytes: peers on loopback, holders of a token, or everyone.",
        default: "loopback",
        change: Change::Live,
        slot: &Word::<WritePolicy>(|settings| &mut settings.state.write),
        spellings: &[],
    },
    Key {
        name: "state.origins",
        doc: "Origins whose pages may open the configuration WebSocket, besides our own.",
        default: "",
        change: Change::Live,
        slot: &Origins(|settings| &mut settings.state.origins),
        spellings: &[],
    },
    Key {
        name: "websocket.heartbeat_interval_ms",
        doc: "Time between two heartbeats to each WebSocket client.",
        default: "100",
        change: Change::Live,
        slot: &milliseconds(
            |settings| &mut settings.websocket.heartbeat_interval,
            10,
            60_000,
        ),
        spellings: &[
            Variable("WS_HEARTBEAT_INTERVAL", Part::Whole),
            Path("websocket.heartbeatInterval", Part::Whole),
        ],
    },
    Key {
        name: "websocket.client_timeout_ms",
        doc: "A WebSocket client from which no valid frame came for so long is closed.",
        default: "30000",
        change: Change::Live,
        slot: &milliseconds(
            |settings| &mut settings.websocket.client_timeout,
            100,
            3_600_000,
        ),
        spellings: &[
            Variable("WS_TIMEOUT", Part::Whole),
            Path("websocket.clientTimeout", Part::Whole),
        ],
    },
    Key {
        name: "http.head_timeout_ms",
        doc: "Time for a whole request head; past it 408.",
        default: "10000",
        change: Change::Live,
        slot: &milliseconds(|settings| &mut settings.http.head_timeout, 100, 600_000),
        spellings: &[],
    },
    Key {
        name: "http.body_timeout_ms",
        doc: "Time without a byte of a request body that is awaited; past it 408.",
        default: "30000",
        change: Change::Live,
        slot: &milliseconds(|settings| &mut settings.http.body_timeout, 100, 600_000),
        spellings: &[],
    },
    Key {
        name: "http.idle_timeout_ms",
        doc: "Time that a connection is kept between two requests.",
        default: "75000",
        change: Change::Live,
        slot: &milliseconds(|settings| &mut settings.http.idle_timeout, 100, 3_600_000),
        spellings: &[],
    },
    Key {
        name: "http.write_timeout_ms",
        doc: "Time without progress of a reply that the peer does not read; past it, it is cut.",
        default: "30000",
        change: Change::Live,
        slot: &milliseconds(|settings| &mut settings.http.write_timeout, 100, 600_000),
        spellings: &[],
    },
    Key {
        name: "rate.writes_per_minute",
        doc: "Changes of the 13 bytes that one peer may make per minute.",
        default: "6000",
        change: Change::Live,
        slot: &Number {
            field: |settings| &mut settings.rate.writes_per_minute,
            min: 1,
            max: RATE_LIMIT_MAX as u64,
        },
        spellings: &[],
    },
    Key {
        name: "rate.auth_per_15s",
        doc: "Logins and the like that one address, and one account, may try in 15 s; 0: any.",
        default: "5",
        change: Change::Live,
        slot: &Number {
            field: |settings| &mut settings.rate.auth_per_15s,
            min: 0,
            max: RATE_LIMIT_MAX as u64,
        },
        spellings: &[],
    },
    Key {
        name: "rate.api_per_minute",
        doc: "Requests to the commerce API that one address may make per minute; 0: any.",
        default: "1000",
        change: Change::Live,
        slot: &Number {
            field: |settings| &mut settings.rate.api_per_minute,
            min: 0,
            max: RATE_LIMIT_MAX as u64,
        },
        spellings: &[],
    },
    Key {
        name: "rate.registry_reads_per_minute",
        doc: "Requests to the registry per minute of one token, or one address without; 0: any.",
        default: "10000",
        change: Change::Live,
        slot: &Number {
            field: |settings| &mut settings.rate.registry_reads_per_minute,
            min: 0,
            max: RATE_LIMIT_MAX as u64,
        },
        spellings: &[],
    },
    Key {
        name: "rate.publishes_per_minute",
        doc: "Changes of packages per minute of one token, or one address without; 0: any.",
        default: "60",
        change: Change::Live,
        slot: &Number {
            field: |settings| &mut settings.rate.publishes_per_minute,
            min: 0,
            max: RATE_LIMIT_MAX as u64,
        },
        spellings: &[],
    },
    Key {
        name: "rate.proxied_per_minute",
        doc: "Tunnels and forwarded requests per minute of one token's subject and hash; 0: any.",
        default: "1000",
        change: Change::Live,
        slot: &Number {
            field: |settings| &mut settings.rate.proxied_per_minute,
            min: 0,
            max: RATE_LIMIT_MAX as u64,
        },
        spellings: &[],
    },
    Key {
        name: "registry.anonymous",
        doc: "What may be read from the registry without credentials: public packages, or nothing.",
        default: "read",
        change: Change::Live,
        slot: &Word::<Anonymous>(|settings| &mut settings.access.anonymous),
        spellings: &[],
    },
    Key {
        name: "registry.private_scopes",
        doc: "Scopes whose packages are read by accounts alone.",
        default: "",
        change: Change::Live,
        slot: &Scopes(|settings| &mut settings.access.private_scopes),
        spellings: &[],
    },
    Key {
        name: "registry.open_scopes",
        doc: "Where any account may create packages; `unscoped` stands for names without a scope.",
        default: "*",
        change: Change::Live,
        slot: &Open(|settings| &mut settings.access.open_scopes),
        spellings: &[],
    },
    Key {
        name: "registry.scoped_access",
        doc: "Who reads a new scoped package whose publish does not say: all, or collaborators.",
        default: "public",
        change: Change::Live,
        slot: &Word::<ScopedAccess>(|settings| &mut settings.access.scoped_access),
        spellings: &[],
    },
    Key {
        name: "registry.signup",
        doc: "Whether clients may make accounts of the registry (`npm adduser`).",
        default: "open",
        change: Change::Live,
        slot: &Word::<Signup>(|settings| &mut settings.access.signup),
        spellings: &[],
    },
    Key {
        name: "registry.login_token_ttl_s",
        doc: "How long the token of a login is good; 0 until it is revoked.",
        default: "0",
        change: Change::Live,
        slot: &Span {
            field: |settings| &mut settings.access.login_token_ttl,
            unit: Unit::Seconds,
            min: 0,
            max: 3650 * 86_400,
        },
        spellings: &[],
    },
    Key {
        name: "registry.names",
        doc: "Names for packages that are created: those npm gives, or ever gave (capitals too).",
        default: "new",
        change: Change::Live,
        slot: &Word::<Names>(|settings| &mut settings.access.names),
        spellings: &[],
    },
    Key {
        name: "registry.public_url",
        doc: "URL at which clients reach the registry; without one, the host that they ask.",
        default: "",
        change: Change::Live,
        slot: &PublicUrl(|settings| &mut settings.documents.public_url),
        spellings: &[],
    },
    Key {
        name: "registry.trusted_proxies",
        doc: "Proxies (networks) whose X-Forwarded-* count on the registry door.",
        default: "",
        change: Change::Live,
        slot: &Networks(|settings| &mut settings.documents.trusted_proxies),
        spellings: &[],
    },
    Key {
        name: "cache.document_bytes",
        doc: "Memory for documents of packages, shared evenly by the shards; 0 keeps none.",
        default: "134217728",
        change: Change::Live,
        slot: &Number {
            field: |settings| &mut settings.documents.memory_bytes,
            min: 0,
            max: 64 << 30,
        },
        spellings: &[],
    },
    Key {
        name: "registry.osv_folder",
        doc: "A folder of OSV files (JSON) that audits are answered from; empty for none.",
        default: "",
        change: Change::Restart,
        slot: &Checked {
            field: |settings| &mut settings.access.osv_folder,
            check: super::access::folder,
            accepts: "a path; empty for none",
        },
        spellings: &[],
    },
    Key {
        name: "mail.smtp_url",
        doc: "The SMTP server that takes our mail; without one it is put into <data>/mail.",
        default: "",
        change: Change::Live,
        slot: &Checked {
            field: |settings| &mut settings.mail.smtp_url,
            check: super::mail::smtp_url,
            accepts: "smtps://user@host or smtp://host:port?tls=required; empty for none",
        },
        spellings: &[],
    },
    Key {
        name: "mail.smtp_password_file",
        doc: "The file that holds the password of the user in `mail.smtp_url`.",
        default: "",
        change: Change::Live,
        slot: &Checked {
            field: |settings| &mut settings.mail.smtp_password_file,
            check: super::mail::path,
            accepts: "a path; empty for none",
        },
        spellings: &[],
    },
    Key {
        name: "mail.from",
        doc: "Whom our mail comes from.",
        default: "Shop <no-reply@localhost>",
        change: Change::Live,
        slot: &Checked {
            field: |settings| &mut settings.mail.from,
            check: super::mail::mailbox,
            accepts: "an address, or a name and an address in <>",
        },
        spellings: &[],
    },
    Key {
        name: "mail.link_base",
        doc: "The shop's front end: what links in mails begin with.",
        default: "http://localhost:3000",
        change: Change::Live,
        slot: &Checked {
            field: |settings| &mut settings.mail.link_base,
            check: super::mail::link_base,
            accepts: "a URL like https://shop.example, without a slash at its end",
        },
        spellings: &[],
    },
    Key {
        name: "stock.reservation_ttl_s",
        doc: "How long stock is reserved for a buyer who has not paid.",
        default: "900",
        change: Change::Live,
        slot: &Span {
            field: |settings| &mut settings.stock.reservation_ttl,
            unit: Unit::Seconds,
            min: 1,
            max: 86_400,
        },
        spellings: &[],
    },
    Key {
        name: "proxy.timeout_ms",
        doc: "Time for an upstream to connect.",
        default: "30000",
        change: Change::Restart,
        slot: &milliseconds(|settings| &mut settings.proxy.timeout, 100, 600_000),
        spellings: &[
            Variable("PROXY_TIMEOUT", Part::Whole),
            Path("proxy.timeout", Part::Whole),
        ],
    },
    Key {
        name: "proxy.idle_timeout_ms",
        doc: "Time that nothing may move in a tunnel before it is ended.",
        default: "300000",
        change: Change::Live,
        slot: &milliseconds(|settings| &mut settings.proxy.idle_timeout, 100, 86_400_000),
        spellings: &[],
    },
    Key {
        name: "proxy.upstreams",
        doc: "Upstream registries by hash; without a hash, that of the URL.",
        default: "[]",
        change: Change::Restart,
        slot: &Upstreams(|settings| &mut settings.proxy.upstreams),
        spellings: &[Variable("UPSTREAMS", Part::Whole)],
    },
    Key {
        name: "proxy.upstream_primary",
        doc: "host:port of the upstream that the configured registry hash names.",
        default: "",
        change: Change::Restart,
        slot: &Peer(|settings| &mut settings.proxy.upstream_primary),
        spellings: &[Variable("UPSTREAM_PRIMARY", Part::Whole)],
    },
    Key {
        name: "proxy.upstream_fallback",
        doc: "host:port of the upstream that registry hash 0 names.",
        default: "registry.npmjs.org:443",
        change: Change::Restart,
        slot: &Peer(|settings| &mut settings.proxy.upstream_fallback),
        spellings: &[Variable("UPSTREAM_FALLBACK", Part::Whole)],
    },
    Key {
        name: "outgoing.ca_file",
        doc: "A PEM file of certificate authorities to trust besides the machine's own.",
        default: "",
        change: Change::Restart,
        slot: &Checked {
            field: |settings| &mut settings.outgoing.ca_file,
            check: super::mail::path,
            accepts: "a path; empty for none",
        },
        spellings: &[],
    },
    Key {
        name: "outgoing.hosts",
        doc: "Addresses of hosts that we connect to, before any look-up, as /etc/hosts has them.",
        default: "",
        change: Change::Restart,
        slot: &HostList(|settings| &mut settings.outgoing.hosts),
        spellings: &[],
    },
    Key {
        name: "log.level",
        doc: "Least urgent level that is logged.",
        default: "info",
        change: Change::Live,
        slot: &Word::<LogLevel>(|settings| &mut settings.log.level),
        spellings: &[],
    },
    Key {
        name: "log.access",
        doc: "Which requests are logged: none, a sample, or each.",
        default: "off",
        change: Change::Live,
        slot: &Word::<AccessLog>(|settings| &mut settings.log.access),
        spellings: &[],
    },
    Key {
        name: "ring.spin_us",
        doc: "How long an idle shard polls before it sleeps; more costs CPU and saves latency.",
        default: "0",
        change: Change::Restart,
        slot: &Span {
            field: |settings| &mut settings.ring.spin,
            unit: Unit::Microseconds,
            min: 0,
            max: 10_000,
        },
        spellings: &[],
    },
    Key {
        name: "demo",
        doc: "Products to fill an empty shop with; 0 for none, `--demo` alone for 10000.",
        default: "0",
        change: Change::Restart,
        slot: &Number {
            field: |settings| &mut settings.demo,
            min: 0,
            max: 1_000_000,
        },
        spellings: &[Switch("demo", "10000")],
    },
    Key {
        name: "cache.reply_bytes",
        doc: "Memory for replies that are sent again, shared evenly by the shards; 0 keeps none.",
        default: "67108864",
        change: Change::Live,
        slot: &Number {
            field: |settings| &mut settings.cache.reply_bytes,
            min: 0,
            max: 64 << 30,
        },
        spellings: &[],
    },
];

const fn milliseconds(field: super::slots::Field<std::time::Duration>, min: u64, max: u64) -> Span {
    Span {
        field,
        unit: Unit::Milliseconds,
        min,
        max,
    }
}
