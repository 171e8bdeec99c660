//! Settings: flags over environment over file over defaults; each value knows its origin.
//!
//! Start at [`keys::KEYS`]: one row describes a key once, and the file reader, the environment,
//! the flags, `thirteen settings show` and the manual are all driven by it. A key is added by a
//! field of [`Settings`] and a row of the table; `key` is what a row holds.

mod access;
pub mod blocked;
mod choices;
mod environment;
mod fault;
mod file;
mod hosts;
mod key;
pub mod keys;
mod load;
mod mail;
#[cfg(test)]
mod manual;
mod model;
mod nearest;
mod origin;
mod relations;
mod slots;
#[cfg(test)]
mod tests;
mod upstream;

pub use access::{Access, Anonymous, Names, OpenScopes, ScopedAccess, Signup};
pub use choices::{AccessLog, LogLevel, WritePolicy};
pub use environment::{Mode, TOKEN_VARIABLE};
pub use fault::{Fault, Faults};
pub use hosts::Hosts;
pub use key::{Change, Key};
pub use keys::KEYS;
pub use load::{ChangedKey, Effect, Sources};
pub use model::{
    Api, ConfigStart, Door, Http, Log, Mail, Outgoing, Proxy, Rate, Registry, Ring, Settings,
    State, WebSocket,
};
pub(crate) use nearest::nearest;
pub use origin::{Origin, Setting};
pub(crate) use slots::{base_url, whole};
pub use upstream::{Credentials, HostPort, Reach, Transport, Upstream};
