//! systemd's watchdog, fed only while every shard turns.

use std::io;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use sd_notify::NotifyState;

use crate::shard::Bus;

use super::signals::tell;

/// Starts the thread that feeds the watchdog, if systemd asked for it.
pub(super) fn start(bus: Bus) -> io::Result<()> {
    let Some(limit) = sd_notify::watchdog_enabled() else {
        return Ok(());
    };
    // Half of the limit, as sd_watchdog_enabled(3) recommends.
    let interval = limit / 2;
    thread::Builder::new()
        .name("watchdog".into())
        .spawn(move || feed(&bus, interval))?;
    Ok(())
}

fn feed(bus: &Bus, interval: Duration) {
    loop {
        let (alive, answers) = mpsc::channel();
        for shard in 0..bus.count() {
            let alive = alive.clone();
            bus.post(shard, move || {
                // The receiver is gone when the shard was too late, which is what is measured.
                let _in_time = alive.send(());
            });
        }
        drop(alive);
        let answered = (0..bus.count()).all(|_| answers.recv_timeout(interval).is_ok());
        if answered {
            tell(&[NotifyState::Watchdog]);
            thread::park_timeout(interval);
        } else {
            tracing::error!(target: "serve", "a shard does not turn");
        }
    }
}
