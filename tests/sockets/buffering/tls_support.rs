//! Both ends of a TLS connection.

use super::support::*;
use futures_rustls::{
    TlsAcceptor, TlsConnector, client, pki_types,
    rustls::{ClientConfig, RootCertStore, ServerConfig, crypto::ring::default_provider},
    server,
};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use std::sync::OnceLock;

/// The end under test.
pub(crate) type Near<R> = server::TlsStream<Watched<<R as runtimes::Runtime>::Tcp>>;
/// The other end.
pub(crate) type Far = client::TlsStream<Peer>;

const NAME: &str = "localhost";

/// A certificate for this process only.
fn configs() -> &'static (Arc<ServerConfig>, Arc<ClientConfig>) {
    static CONFIGS: OnceLock<(Arc<ServerConfig>, Arc<ClientConfig>)> = OnceLock::new();
    CONFIGS.get_or_init(|| {
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed([NAME.to_owned()]).unwrap();
        let key = pki_types::PrivatePkcs8KeyDer::from(signing_key.serialize_der());
        let provider = Arc::new(default_provider());
        let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key.into())
            .unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(cert.der().clone()).unwrap();
        let client = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        (Arc::new(server), Arc::new(client))
    })
}

pub(crate) async fn accept<S: AsyncRead + AsyncWrite + Unpin>(stream: S) -> server::TlsStream<S> {
    TlsAcceptor::from(Arc::clone(&configs().0)).accept(stream).await.unwrap()
}

pub(crate) async fn connect<S: AsyncRead + AsyncWrite + Unpin>(stream: S) -> client::TlsStream<S> {
    let name = pki_types::ServerName::try_from(NAME).unwrap();
    TlsConnector::from(Arc::clone(&configs().1)).connect(name, stream).await.unwrap()
}

/// A connection to a peer with small buffers, after the handshake.
pub(crate) async fn secured<R: runtimes::Runtime>() -> (Near<R>, Far, Full) {
    let (near, peer) = connected::<R>().await;
    let full = near.full();
    let (near, far) = futures_util::future::join(accept(near), connect(peer)).await;
    (near, far, full)
}
