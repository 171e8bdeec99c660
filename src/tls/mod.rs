//! TLS by rustls over the streams of the ring. The only room that names rustls.

mod client;
#[cfg(test)]
pub(crate) mod tests;

pub use client::{TlsClient, TlsFault, TlsStream};
