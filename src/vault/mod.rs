//! The vault: what clients leave with the server, under seal.

pub mod uploads;
