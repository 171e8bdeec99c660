//! The headers of the configuration that the client commands send.

use std::io::ErrorKind;

use thirteen_kernels::config::ConfigState;
use thirteen_kernels::config::headers::{HEADERS_BYTES_MAX, write_headers};

use crate::auth::keys::{KeysFault, reopen};
use crate::auth::tokens::proxy::{self, PROXY_SECONDS_MAX, ProxyGrant};
use crate::cli::client::{Client, Door};
use crate::cli::failure::Failure;
use crate::cli::folder;
use crate::cli::output::note;
use crate::id::Id;
use crate::settings::Settings;
use crate::telemetry::process::unix_ms;

/// The configuration of the registry that a client talks to, and the headers of its requests. What
/// cannot be told or sent is said on stderr.
pub(in crate::cli) fn for_registry(
    client: &Client,
    settings: &Settings,
) -> Result<(ConfigState, Vec<(String, String)>), Failure> {
    let id = getrandom::u64().map_err(|fault| {
        Failure::Environment(format!("the system gives no random numbers: {fault}"))
    })?;
    let Some(config) = client.config_of_registry()? else {
        // Who is no thirteen server has no use for a token, and is told none.
        note(&format!(
            "{} tells no X-Bun-Config-Dump; the configuration of the settings is sent, and no \
             X-Bun-Proxy-Token",
            client.url_of(Door::Registry)?
        ));
        let config = settings.config.to_state();
        return Ok((config, lines(&config, id, None)));
    };
    let token = match token(&config, settings) {
        Ok(token) => Some(token),
        Err(fault) => {
            if let Some(why) = worth_telling(&fault, settings) {
                note(&format!("no X-Bun-Proxy-Token is sent: {why}"));
            }
            None
        }
    };
    Ok((config, lines(&config, id, token.as_deref())))
}

/// A token as `thirteen proxy token` makes it, for the registry hash of a configuration. Keys are
/// read and never made: those of a folder without a server are nobody's.
fn token(config: &ConfigState, settings: &Settings) -> Result<String, KeysFault> {
    let keys = reopen(&settings.data)?;
    let grant = ProxyGrant {
        subject: proxy::SUBJECT_DEFAULT,
        hash: config.registry_hash(),
        seconds: PROXY_SECONDS_MAX,
    };
    Ok(proxy::issue(&keys, grant, Id::fresh(), unix_ms() / 1000))
}

/// Why there is no token; nothing where nobody named a data folder and the usual one has no keys,
/// as on every machine that is a client alone.
fn worth_telling(fault: &KeysFault, settings: &Settings) -> Option<String> {
    match fault {
        KeysFault::Io(_, error) if error.kind() == ErrorKind::NotFound => {
            folder::is_named(settings).then(|| {
                let data = settings.data.display();
                format!("{data} has no keys; name the data folder of the registry's server")
            })
        }
        KeysFault::Io(..)
        | KeysFault::Exposed(_)
        | KeysFault::Malformed(_)
        | KeysFault::NoEntropy(_) => Some(fault.to_string()),
    }
}

/// Name and value of each header, in the order of the protocol: the fields, the dump, the token if
/// there is one, the request's id.
pub(in crate::cli) fn lines(
    state: &ConfigState,
    id: u64,
    token: Option<&str>,
) -> Vec<(String, String)> {
    let mut bytes = [0; HEADERS_BYTES_MAX];
    let length = write_headers(state, id, None, &mut bytes);
    let text = String::from_utf8_lossy(&bytes[..length]);
    let pairs = text.lines().filter_map(|line| line.split_once(": "));
    let mut lines: Vec<(String, String)> = pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    if let Some(token) = token {
        let before_id = lines.len().saturating_sub(1);
        let line = ("X-Bun-Proxy-Token".to_owned(), token.to_owned());
        lines.insert(before_id, line);
    }
    lines
}

/// A header as it is shown: of a token only its beginning.
pub(in crate::cli) fn shown((name, value): &(String, String)) -> String {
    const SHOWN_MAX: usize = 20;
    match value.get(..SHOWN_MAX) {
        Some(start) if name == "X-Bun-Proxy-Token" => format!("{name}: {start}…"),
        Some(_) | None => format!("{name}: {value}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nine_in_the_order_of_the_protocol() {
        let lines = lines(
            &ConfigState::DEFAULT,
            0xab,
            Some("a.bcdefghijklmnopqrstuvwxyz.c"),
        );
        let shown: Vec<String> = lines.iter().map(shown).collect();
        assert_eq!(
            shown,
            [
                "X-Bun-Config-Version: 1",
                "X-Bun-Registry-Hash: 0xa1b2c3d4",
                "X-Bun-Feature-Flags: 0x00000007",
                "X-Bun-Terminal-Mode: 2",
                "X-Bun-Terminal-Rows: 24",
                "X-Bun-Terminal-Cols: 80",
                "X-Bun-Config-Dump: 0x01a1b2c3d40000000702185000",
                "X-Bun-Proxy-Token: a.bcdefghijklmnopqrs…",
                "X-Bun-Request-ID: 00000000000000ab",
            ]
        );
    }
}
