//! Signals: SIGTERM and SIGINT drain, once more ends at once, SIGHUP reloads.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use sd_notify::NotifyState;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::{flag, iterator};

use crate::settings::{Effect, Settings};
use crate::shard::Bus;
use crate::telemetry::logs::Logs;

use super::boot::filter_of;
use super::shard_main::{adopt, begin_drain};

/// The signals of this process, caught from the start so that none is lost.
pub(super) struct Signals {
    caught: iterator::Signals,
}

impl Signals {
    pub(super) fn take() -> io::Result<Signals> {
        let is_ending = Arc::new(AtomicBool::new(false));
        for signal in [SIGTERM, SIGINT] {
            // In this order: the first signal finds the flag down and raises it, the second finds
            // it raised, however soon it comes.
            flag::register_conditional_shutdown(signal, 128 + signal, is_ending.clone())?;
            flag::register(signal, is_ending.clone())?;
        }
        let caught = iterator::Signals::new([SIGTERM, SIGINT, SIGHUP])?;
        Ok(Signals { caught })
    }

    /// Obeys signals until the first that ends the server.
    pub(super) fn obey(&mut self, bus: &Bus, settings: &mut Settings, logs: &Logs) {
        for signal in self.caught.forever() {
            match signal {
                SIGHUP => reload(bus, settings, logs),
                _ => break,
            }
        }
        tracing::info!(target: "serve", "draining");
        tell(&[NotifyState::Stopping]);
        for shard in 0..bus.count() {
            bus.post(shard, begin_drain);
        }
    }
}

/// Tells systemd that the server is ready.
pub(super) fn notify_ready() -> io::Result<()> {
    sd_notify::notify(&[NotifyState::Ready])
}

pub(super) fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(target: "serve", %error, "systemd cannot be told");
    }
}

/// Reads the settings again; a faulty file changes nothing.
fn reload(bus: &Bus, settings: &mut Settings, logs: &Logs) {
    let (reloaded, changes) = match settings.reload() {
        Ok(reloaded) => reloaded,
        Err(faults) => {
            tracing::error!(target: "serve", %faults, "the settings were not reloaded");
            return;
        }
    };
    for change in &changes {
        let (key, from, to) = (change.name, &change.from, &change.to);
        match change.effect {
            Effect::Applied => {
                tracing::info!(target: "serve", key, from, to, "a setting was changed");
            }
            Effect::NeedsRestart => {
                tracing::warn!(target: "serve", key, from, to, "a setting waits for a restart");
            }
        }
    }
    tracing::info!(target: "serve", changes = changes.len(), "settings reloaded");
    *settings = reloaded;
    logs.set_filter(filter_of(settings));
    let shared = Arc::new(settings.clone());
    for shard in 0..bus.count() {
        let shared = shared.clone();
        bus.post(shard, move || adopt(&shared));
    }
}
