//! commonware-stream on its Tokio runtime.

use std::{net::Ipv4Addr, path::Path, time::Duration};

use commonware_cryptography::{Signer, chacha20_poly1305::ChaCha20Poly1305, ed25519::PrivateKey};
use commonware_runtime::{Listener, Network, Runner, Supervisor, tokio};
use commonware_stream::{
    Receiver, Sender, Upgrader,
    cups::{Cups, Version},
    sake::{self, Sake},
};
use futures_handoff_runtimes::{Runtime, Tokio, workers};
use futures_util::future::{join, try_join};

use crate::{
    exchange::{self, Ends, NoWriter, Taken, Work, exchange},
    rows::{Cipher, Implementation, Row},
};

const NAMESPACE: &[u8] = b"encrypted_transport";
const MAX_MESSAGE: u32 = 256 * 1024;

/// Both halves, as dropping one might end the connection.
struct End<S, R> {
    sender: S,
    receiver: R,
}

/// Both versions of its records, with the only cipher there is.
pub fn rows() -> [Row; 2] {
    let row = |version, run| Row {
        implementation: Implementation::Commonware(version),
        cipher: Cipher::ChaCha20,
        runtime: Tokio::NAME,
        run,
    };
    [
        row("v0", |_, work, iterations| run(Version::V0, work, iterations)),
        row("v1", |_, work, iterations| run(Version::V1, work, iterations)),
    ]
}

/// Runs iterations over a new connection; returns their times.
fn run(version: Version, work: Work, iterations: u64) -> Taken {
    let config = tokio::Config::new()
        .with_worker_threads(workers())
        .with_storage_directory(Path::new(env!("CARGO_TARGET_TMPDIR")).join("encrypted_transport"));
    tokio::Runner::new(config).start(|context| async move {
        let mut listener = context.bind((Ipv4Addr::LOCALHOST, 0).into()).await.expect("there is a free port");
        let address = listener.local_addr().expect("the listener is bound");
        let ((sink, stream), (_, far_sink, far_stream)) =
            try_join(context.dial(address), listener.accept()).await.expect("the listener is there");

        let [dialer, acceptor] = [11, 12].map(|seed| upgrader(version, seed));
        let peer = acceptor.public_key();
        let near = dialer.dial(context.child("dialer"), NAMESPACE, MAX_MESSAGE, peer, stream, sink);
        let far = acceptor.listen(
            context.child("listener"),
            NAMESPACE,
            MAX_MESSAGE,
            async |_| true,
            far_stream,
            far_sink,
        );
        let (near, far) = join(near, far).await;
        let (sender, receiver) = near.expect("both sides agree");
        let near = End { sender, receiver };
        let (_, sender, receiver) = far.expect("both sides agree");
        let far = End { sender, receiver };
        exchange::<Tokio>(Ends { outbox: near, inbox: far, writer: NoWriter }, work, iterations).await
    })
}

fn upgrader(version: Version, seed: u64) -> Cups<Sake<PrivateKey>, ChaCha20Poly1305> {
    let handshake = Sake {
        signer: PrivateKey::from_seed(seed),
        synchrony_bound: Duration::from_secs(5),
        max_handshake_age: Duration::from_secs(10),
        version: match version {
            Version::V0 => sake::Version::V0,
            Version::V1 => sake::Version::V1,
        },
    };
    Cups::new(handshake, version)
}

impl<S: Sender, R: Receiver> exchange::Outbox for End<S, R> {
    async fn send(&mut self, message: &'static [u8]) {
        self.sender.send(message).await.expect("the writer works");
    }

    async fn send_batch(&mut self, messages: &[&'static [u8]]) {
        self.sender.send_many(messages.iter().copied()).await.expect("the writer works");
    }
}

impl<S: Sender, R: Receiver> exchange::Inbox for End<S, R> {
    async fn receive(&mut self, expected: &[u8]) {
        let message = self.receiver.recv().await.expect("a message follows").coalesce();
        assert!(message.as_ref() == expected, "something else was received");
    }
}
