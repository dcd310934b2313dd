//! futures-rustls: TLS 1.3, with a length prefix for each message.

use std::sync::Arc;

use futures_handoff_runtimes::Runtime;
#[cfg(feature = "commonware")]
use futures_rustls::rustls::crypto::aws_lc_rs as provider;
#[cfg(not(feature = "commonware"))]
use futures_rustls::rustls::crypto::ring as provider;
use futures_rustls::{
    TlsAcceptor, TlsConnector, client,
    pki_types::{PrivatePkcs8KeyDer, ServerName},
    rustls::{ClientConfig, RootCertStore, ServerConfig, crypto::CryptoProvider, version::TLS13},
    server,
};
use futures_util::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, future::try_join};
use rcgen::{CertifiedKey, generate_simple_self_signed};

use crate::{
    exchange::{self, Ends, NoWriter},
    rows::Cipher,
    tcp_pair,
};

const NAME: &str = "localhost";
const LEN: usize = size_of::<u32>();

pub struct Outbox<S> {
    stream: client::TlsStream<S>,
    framed: Vec<u8>,
}

pub struct Inbox<S> {
    stream: server::TlsStream<S>,
    message: Vec<u8>,
}

/// A connection after its handshake.
pub async fn connect<R: Runtime>(cipher: Cipher) -> Ends<Outbox<R::Tcp>, Inbox<R::Tcp>> {
    let suite = match cipher {
        Cipher::ChaCha20 => provider::cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
        Cipher::Aes256 => provider::cipher_suite::TLS13_AES_256_GCM_SHA384,
    };
    let provider = Arc::new(CryptoProvider { cipher_suites: vec![suite], ..provider::default_provider() });
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed([NAME.to_owned()]).expect("a key can be made");
    let mut server = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&TLS13])
        .expect("the suite is one of TLS 1.3")
        .with_no_client_auth()
        .with_single_cert(
            vec![cert.der().clone()],
            PrivatePkcs8KeyDer::from(signing_key.serialize_der()).into(),
        )
        .expect("the key belongs to the certificate");
    // Nothing would read the tickets.
    server.send_tls13_tickets = 0;
    let mut roots = RootCertStore::empty();
    roots.add(cert.der().clone()).expect("the certificate is well formed");
    let client = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])
        .expect("the suite is one of TLS 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();

    let (near, far) = tcp_pair::<R>().await;
    let name = ServerName::try_from(NAME).expect("this is a name");
    let near = TlsConnector::from(Arc::new(client)).connect(name, near);
    let far = TlsAcceptor::from(Arc::new(server)).accept(far);
    let (near, far) = try_join(near, far).await.expect("both sides agree");
    Ends {
        outbox: Outbox { stream: near, framed: Vec::new() },
        inbox: Inbox { stream: far, message: Vec::new() },
        writer: NoWriter,
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> exchange::Outbox for Outbox<S> {
    async fn send(&mut self, message: &'static [u8]) {
        let len = u32::try_from(message.len()).expect("messages are shorter");
        self.framed.clear();
        self.framed.extend_from_slice(&len.to_be_bytes());
        self.framed.extend_from_slice(message);
        self.stream.write_all(&self.framed).await.expect("the writer works");
        self.stream.flush().await.expect("the writer works");
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> exchange::Inbox for Inbox<S> {
    async fn receive(&mut self, expected: &[u8]) {
        let mut len = [0; LEN];
        self.stream.read_exact(&mut len).await.expect("a message follows");
        self.message.resize(u32::from_be_bytes(len) as usize, 0);
        self.stream.read_exact(&mut self.message).await.expect("the message is whole");
        assert!(self.message == expected, "something else was received");
    }
}
