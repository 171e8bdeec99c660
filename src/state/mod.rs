//! The live 13-byte configuration: one owner, a copy on every shard, clients that follow it.
//!
//! A change travels so: `session` reads a client's frame, or `document` a request's body, into a
//! `change`; the `owner`, on shard 0, puts it in order and batches it for the state `file`; once
//! it is on disk the `hub` of every shard updates that shard's copy and tells its clients, and the
//! hub of the shard that asked acknowledges. `broadcast`, `client`, `notices`, `replies` and `wire`
//! are the hub's parts; `access` says who may write, `headers` what is wrong with a request's
//! `X-Bun-*` headers, `variables` what clients read as environment variables.
//!
//! These are free of sockets and of the executor. What joins them to both is in `api` (the
//! handlers), `follow` (a client's session), `local` (a shard's share) and `office` (the owner's
//! place).

pub mod access;
pub mod api;
mod broadcast;
mod change;
mod client;
pub mod document;
mod file;
mod follow;
pub mod headers;
mod hub;
mod local;
mod notices;
mod office;
mod owner;
mod replies;
mod session;
#[cfg(test)]
mod simulation;
pub mod variables;
mod wire;

pub use change::{
    Asker, Audience, Batch, Change, ClientId, Expected, FieldSet, Form, Origin, Patch, Published,
    Refusal,
};
pub use file::{FolderLock, Loaded, StateFile, StateFileFault, lock_folder};
pub use hub::{Decision, Hub, Now, Outlet, Sent, Tally};
pub use local::Local;
pub use office::{SHARD as OWNER_SHARD, is_busy, is_writable, open as open_office};
pub use owner::{Health, Owner, Settled, Ticket, Write, Written};
pub use replies::{REPLIES_MAX, WindowFull};
pub use session::{
    Incoming, MESSAGE_BYTES_MAX, Next, Rules, SUBPROTOCOLS, Session, base_of_subprotocol,
};
