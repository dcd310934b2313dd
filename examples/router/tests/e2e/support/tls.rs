//! Certificates, and a client that offers a post-quantum key exchange.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    sync::Arc,
};

use futures_rustls::{
    pki_types::CertificateDer,
    rustls::{
        ClientConfig, ClientConnection, RootCertStore, Stream,
        crypto::{CryptoProvider, aws_lc_rs},
    },
};
use rcgen::{CertifiedKey, generate_simple_self_signed};

pub(crate) struct Certificate {
    pub(crate) pem: String,
    pub(crate) key: String,
    pub(crate) der: CertificateDer<'static>,
}

impl Certificate {
    pub(crate) fn of(names: &[&str]) -> Self {
        let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(names).unwrap();
        Self { pem: cert.pem(), key: signing_key.serialize_pem(), der: cert.der().clone() }
    }

    /// A client that trusts only this certificate.
    pub(crate) fn client(
        &self,
        name: &'static str,
        alpn: &[&str],
        fragment: Option<usize>,
    ) -> ClientConnection {
        let kx_groups = vec![aws_lc_rs::kx_group::X25519MLKEM768, aws_lc_rs::kx_group::X25519];
        let provider = CryptoProvider { kx_groups, ..aws_lc_rs::default_provider() };
        let mut roots = RootCertStore::empty();
        roots.add(self.der.clone()).unwrap();
        let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().into()).collect();
        config.max_fragment_size = fragment;
        ClientConnection::new(Arc::new(config), name.try_into().unwrap()).unwrap()
    }
}

/// The first bytes of a client.
pub(crate) fn hello(client: &mut ClientConnection) -> Vec<u8> {
    let mut bytes = Vec::new();
    while client.wants_write() {
        client.write_tls(&mut bytes).unwrap();
    }
    bytes
}

/// Sends this over TLS and returns what arrives until the other side ends TLS. With `all` it also
/// sends its end.
#[track_caller]
pub(crate) fn exchange(
    client: &mut ClientConnection,
    mut stream: &TcpStream,
    bytes: &[u8],
    all: bool,
) -> Vec<u8> {
    let mut tls = Stream::new(client, &mut stream);
    tls.write_all(bytes).unwrap();
    if all {
        tls.conn.send_close_notify();
    }
    let mut answer = Vec::new();
    tls.read_to_end(&mut answer).unwrap();
    answer
}
