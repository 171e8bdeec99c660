//! The client's side: whom we trust, and a stream that speaks TLS to who proved its name.

use std::fmt;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use futures_io::{AsyncRead, AsyncWrite};
use futures_rustls::TlsConnector;
use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};

use crate::limits::TLS_SESSIONS_MAX;
use crate::ring::TcpStream;

/// Whom we trust when we connect, for as long as it is used; cheap to clone. Sessions are resumed
/// among all who share one.
#[derive(Clone)]
pub struct TlsClient {
    connector: TlsConnector,
    identity: u64,
    authorities: usize,
}

/// Why there is no [`TlsClient`].
#[derive(Debug)]
pub enum TlsFault {
    /// The file with further authorities cannot be read.
    Unreadable(String, io::Error),
    /// The file holds no certificate, or one that none can be.
    NoCertificate(String, String),
}

/// A connection whose peer has proved its name.
pub struct TlsStream(futures_rustls::client::TlsStream<TcpStream>);

impl TlsClient {
    /// Trusts the machine's authorities, and those of a PEM file besides. A machine may have none.
    pub fn new(extra: Option<&Path>) -> Result<TlsClient, TlsFault> {
        let mut roots = RootCertStore::empty();
        // One that cannot be read vouches for nobody, which is what its absence means.
        let _counts =
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if let Some(path) = extra {
            add_file(&mut roots, path)?;
        }
        Ok(TlsClient::with_roots(roots))
    }

    /// Trusts the authorities of a PEM file and nobody else.
    pub fn only(authorities: &Path) -> Result<TlsClient, TlsFault> {
        let mut roots = RootCertStore::empty();
        add_file(&mut roots, authorities)?;
        Ok(TlsClient::with_roots(roots))
    }

    /// What tells two of them apart that trust different authorities; clones share it.
    pub fn identity(&self) -> u64 {
        self.identity
    }

    /// How many authorities are trusted.
    pub fn authorities(&self) -> usize {
        self.authorities
    }

    fn with_roots(roots: RootCertStore) -> TlsClient {
        let authorities = roots.len();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider has suites of both versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config.resumption = Resumption::in_memory_sessions(TLS_SESSIONS_MAX);
        TlsClient {
            connector: TlsConnector::from(Arc::new(config)),
            identity: MADE.fetch_add(1, Ordering::Relaxed),
            authorities,
        }
    }

    /// Speaks TLS over a connection to the host of this name or address, once it has proved that
    /// it is that host.
    pub async fn connect(&self, host: &str, stream: TcpStream) -> io::Result<TlsStream> {
        let name = ServerName::try_from(host.to_owned())
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        Ok(TlsStream(self.connector.connect(name, stream).await?))
    }
}

impl fmt::Debug for TlsClient {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("TlsClient")
    }
}

impl fmt::Display for TlsFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TlsFault::Unreadable(path, error) => {
                write!(formatter, "{path} cannot be read: {error}")
            }
            TlsFault::NoCertificate(path, cause) => {
                write!(
                    formatter,
                    "{path} holds no authority's certificate: {cause}"
                )
            }
        }
    }
}

impl std::error::Error for TlsFault {}

fn add_file(roots: &mut RootCertStore, path: &Path) -> Result<(), TlsFault> {
    let shown = || path.display().to_string();
    let pem = std::fs::read(path).map_err(|error| TlsFault::Unreadable(shown(), error))?;
    let mut count = 0;
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate =
            certificate.map_err(|error| TlsFault::NoCertificate(shown(), error.to_string()))?;
        roots
            .add(certificate)
            .map_err(|error| TlsFault::NoCertificate(shown(), error.to_string()))?;
        count += 1;
    }
    if count == 0 {
        return Err(TlsFault::NoCertificate(shown(), "it is empty".to_owned()));
    }
    Ok(())
}

impl AsyncRead for TlsStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_read(context, into)
    }
}

impl AsyncWrite for TlsStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_close(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_close(context)
    }
}

/// Clients made so far.
static MADE: AtomicU64 = AtomicU64::new(0);
