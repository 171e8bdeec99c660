//! Files of authorities, and the server's side that other rooms' tests speak to.

use std::net::TcpStream;
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::TlsClient;

/// Turns accepted connections into streams under TLS, with this certificate and key (DER).
pub(crate) fn acceptor(
    certificate: Vec<u8>,
    key: Vec<u8>,
) -> impl Fn(TcpStream) -> StreamOwned<ServerConnection, TcpStream> + Send + 'static {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from(certificate)],
            PrivateKeyDer::try_from(key).unwrap(),
        )
        .unwrap();
    let config = Arc::new(config);
    move |stream| StreamOwned::new(ServerConnection::new(config.clone()).unwrap(), stream)
}

#[test]
fn a_file_without_authorities_is_told() {
    let path = std::env::temp_dir().join(format!("thirteen-ca-{}", std::process::id()));
    for (text, part) in [
        ("", "is empty"),
        ("no PEM at all", "is empty"),
        (
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "holds no authority's certificate",
        ),
    ] {
        std::fs::write(&path, text).unwrap();
        let fault = TlsClient::new(Some(&path)).unwrap_err().to_string();
        assert!(fault.contains(part), "{text:?}: {fault}");
    }
    std::fs::remove_file(&path).unwrap();
    let fault = TlsClient::new(Some(&path)).unwrap_err().to_string();
    assert!(fault.contains("cannot be read"), "{fault}");
}
