//! Faults that no single value has: settings that do not fit each other.

use std::net::SocketAddr;

use super::fault::Fault;
use super::model::Settings;

/// The faults between settings that are each valid.
pub(super) fn check(settings: &Settings) -> Vec<Fault> {
    let mut faults = Vec::new();
    let doors = [
        ("api.listen", settings.api.listen),
        ("ops.listen", settings.ops.listen),
        ("registry.listen", settings.registry.listen),
    ];
    for (index, (name, address)) in doors.iter().enumerate() {
        for (other, taken) in &doors[..index] {
            if collide(*address, *taken) {
                let message = format!("{address} collides with `{other}` ({taken})");
                faults.push(fault(
                    settings,
                    name,
                    message,
                    "give each door its own port",
                ));
            }
        }
    }
    if settings.websocket.client_timeout <= settings.websocket.heartbeat_interval {
        let message = "clients would time out between two heartbeats".to_owned();
        let remedy = "make it longer than `websocket.heartbeat_interval_ms`";
        faults.push(fault(
            settings,
            "websocket.client_timeout_ms",
            message,
            remedy,
        ));
    }
    faults
}

/// Whether two listeners would claim the same port: an unspecified address claims all.
fn collide(left: SocketAddr, right: SocketAddr) -> bool {
    let overlap =
        left.ip() == right.ip() || left.ip().is_unspecified() || right.ip().is_unspecified();
    left.port() != 0 && left.port() == right.port() && overlap
}

fn fault(settings: &Settings, name: &'static str, message: String, remedy: &str) -> Fault {
    let entry = settings.entry(name).expect("the key is in the table");
    Fault {
        origin: entry.origin.clone(),
        name: name.to_owned(),
        message,
        remedy: remedy.to_owned(),
    }
}
