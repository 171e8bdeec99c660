//! Connections that are kept for the next request, few and not for long.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::limits::{OUTGOING_IDLE_MAX, OUTGOING_IDLE_PATIENCE, OUTGOING_IDLE_PER_TARGET_MAX};
use crate::settings::Reach;
use crate::shard;

use super::connection::Connection;
use super::request::{Scheme, Target};

/// The kept connections of one shard.
#[derive(Default)]
pub(super) struct Pool {
    idle: RefCell<HashMap<Key, Vec<Idle>>>,
    is_swept: Cell<bool>,
}

/// What two requests have to agree in to share a connection. One to a private address must not be
/// had by asking for the same name as a public one, nor one whose peer another authority vouched
/// for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    scheme: Scheme,
    host: String,
    port: u16,
    is_private: bool,
    tls: u64,
}

struct Idle {
    connection: Connection,
    until: Instant,
}

impl Key {
    pub(super) fn of(target: &Target) -> Key {
        Key {
            scheme: target.scheme,
            host: target.host.clone(),
            port: target.port,
            is_private: target.reach == Reach::Private,
            tls: target.tls.identity(),
        }
    }
}

impl Pool {
    /// The connection that was used last: the one most likely to be open still.
    pub(super) fn take(&self, key: &Key) -> Option<Connection> {
        let mut idle = self.idle.borrow_mut();
        let kept = idle.get_mut(key)?;
        let now = Instant::now();
        let mut taken = None;
        while let Some(Idle { connection, until }) = kept.pop() {
            if until > now && !connection.is_closed() {
                taken = Some(connection);
                break;
            }
        }
        if kept.is_empty() {
            idle.remove(key);
        }
        taken
    }

    /// Keeps a connection whose response was read.
    pub(super) fn keep(self: &Rc<Self>, key: &Key, connection: Connection) {
        if connection.is_closed() {
            return;
        }
        let mut idle = self.idle.borrow_mut();
        let count: usize = idle.values().map(Vec::len).sum();
        if count >= OUTGOING_IDLE_MAX {
            return;
        }
        let kept = idle.entry(key.clone()).or_default();
        if kept.len() >= OUTGOING_IDLE_PER_TARGET_MAX {
            return;
        }
        kept.push(Idle {
            connection,
            until: Instant::now() + OUTGOING_IDLE_PATIENCE,
        });
        drop(idle);
        self.sweep();
    }

    /// Ends connections whose time is over, for as long as there are any.
    fn sweep(self: &Rc<Self>) {
        if self.is_swept.replace(true) {
            return;
        }
        let pool = Rc::downgrade(self);
        shard::spawn(async move {
            loop {
                shard::sleep(SWEEP_INTERVAL).await;
                let Some(pool) = pool.upgrade() else { return };
                if pool.drop_old(Instant::now()) == 0 {
                    pool.is_swept.set(false);
                    return;
                }
            }
        });
    }

    fn drop_old(&self, now: Instant) -> usize {
        let mut idle = self.idle.borrow_mut();
        idle.retain(|_, kept| {
            kept.retain(|idle| idle.until > now && !idle.connection.is_closed());
            !kept.is_empty()
        });
        idle.values().map(Vec::len).sum()
    }

    /// Connections that are kept.
    pub(super) fn len(&self) -> usize {
        self.idle.borrow().values().map(Vec::len).sum()
    }
}

const SWEEP_INTERVAL: Duration = Duration::from_secs(1);
