//! The headers of the configuration that the client commands send.

use thirteen_kernels::config::ConfigState;
use thirteen_kernels::config::headers::{HEADERS_BYTES_MAX, write_headers};

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
