//! The WebSocket codec against the Autobahn cases, against tungstenite and against random streams.

mod autobahn;
mod cases;
mod differential;
mod echo;
mod replies;
mod streams;

use proptest::test_runner::Config;

/// This many random cases. Failures are printed whole, so no file keeps their seeds.
fn random_cases(cases: u32) -> Config {
    Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    }
}
