//! What `thirteen proxy start` prints of itself.

use std::io::{self, Write};
use std::net::SocketAddr;

use thirteen_kernels::config::ConfigState;

use crate::settings::{Settings, Transport, Upstream};

/// Prints the address, the configuration that clients of the proxy have to know, and where each
/// hash leads.
pub(super) fn print(
    settings: &Settings,
    address: SocketAddr,
    state: ConfigState,
) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text(&settings.upstreams(), address, state).as_bytes())?;
    out.flush()
}

fn text(upstreams: &[Upstream], address: SocketAddr, state: ConfigState) -> String {
    let mut text = format!(
        "Proxy      http://{address}\nHash       0x{:08x}\nTerminal   {}, {} rows, {} columns\n",
        state.registry_hash(),
        state.terminal_mode().name(),
        state.rows(),
        state.cols(),
    );
    for (position, upstream) in upstreams.iter().enumerate() {
        let title = if position == 0 { "Upstreams" } else { "" };
        let scheme = match upstream.transport {
            Transport::Plain => "http",
            Transport::Tls => "https",
        };
        let line = format!("0x{:08x}  {scheme}://{}", upstream.hash, upstream.address);
        text.push_str(&format!("{title:<9}  {line}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_tells_what_clients_have_to_know() {
        let upstreams = Settings::default().upstreams();
        let address = "127.0.0.1:4873".parse().unwrap();
        assert_eq!(
            text(&upstreams, address, ConfigState::DEFAULT),
            "Proxy      http://127.0.0.1:4873\n\
             Hash       0xa1b2c3d4\n\
             Terminal   native, 24 rows, 80 columns\n\
             Upstreams  0x00000000  https://registry.npmjs.org:443\n"
        );
    }
}
