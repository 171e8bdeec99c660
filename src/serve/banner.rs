//! What `thirteen proxy start` prints of itself.

use thirteen_kernels::config::ConfigState;

use crate::settings::{Transport, Upstream};

/// The configuration that clients of the proxy have to know, and where each hash leads: lines to
/// follow that of the door, in its columns.
pub(super) fn text(upstreams: &[Upstream], state: ConfigState) -> String {
    let mut text = format!(
        "hash      0x{:08x}\nterminal  {}, {} rows, {} columns\n",
        state.registry_hash(),
        state.terminal_mode().name(),
        state.rows(),
        state.cols(),
    );
    for (position, upstream) in upstreams.iter().enumerate() {
        let title = if position == 0 { "upstreams" } else { "" };
        let scheme = match upstream.transport {
            Transport::Plain => "http",
            Transport::Tls => "https",
        };
        let line = format!("0x{:08x}  {scheme}://{}", upstream.hash, upstream.address);
        text.push_str(&format!("{title:<9} {line}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;

    #[test]
    fn it_tells_what_clients_have_to_know() {
        let upstreams = Settings::default().upstreams();
        assert_eq!(
            text(&upstreams, ConfigState::DEFAULT),
            "hash      0xa1b2c3d4\n\
             terminal  native, 24 rows, 80 columns\n\
             upstreams 0x00000000  https://registry.npmjs.org:443\n"
        );
    }
}
