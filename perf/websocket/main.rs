//! WebSocket load: one update to thousands of idle clients, and frames that are acknowledged.
//!
//! `websocket_load fanout ADDRESS --pid SERVER [--clients N] [--rounds N]`
//! `websocket_load acknowledge ADDRESS --pid SERVER [--connections N] [--frame heartbeat|update]`
//!
//! Both speak the live configuration's protocol, which the peer in `perf/peers/bun` speaks as
//! well. Every frame is checked byte by byte. One thread that spins, so give it a core of its
//! own. Prints one line of JSON.

mod acknowledge;
mod client;
mod fanout;
mod server_process;

use clap::Parser;

#[derive(Parser)]
enum Command {
    /// Opens many idle clients, measures the server's memory for each, then sends one update
    /// after another and measures when each client has it.
    Fanout(fanout::Options),
    /// Sends frames on a few connections, one at a time on each, and counts the answers.
    Acknowledge(acknowledge::Options),
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let report = match Command::parse() {
        Command::Fanout(options) => fanout::run(&options)?,
        Command::Acknowledge(options) => acknowledge::run(&options)?,
    };
    println!("{report}");
    Ok(())
}
