//! `secure` of this crate.

use std::future::{Future, pending};

use futures_handoff::{
    WriteTask,
    secure::{self, Config, Noise, Receiver, Sender, StaticKey, Suite},
};
use futures_handoff_runtimes::Runtime;
use futures_util::{AsyncRead, AsyncWrite, future::try_join};

use crate::{
    exchange::{self, Ends},
    rows::Cipher,
    tcp_pair,
};

/// Both halves, as dropping one might end the connection.
pub struct End<R, W> {
    sender: Sender<W>,
    receiver: Receiver<R>,
}

/// A connection after its handshake. The writer task of the sending end runs with the sending task.
pub async fn connect<R: Runtime>(
    cipher: Cipher,
) -> Ends<impl exchange::Outbox, impl exchange::Inbox, impl exchange::Writer> {
    let config = Config::new("encrypted_transport").with_suite(match cipher {
        Cipher::ChaCha20 => Suite::ChaCha20Poly1305,
        Cipher::Aes256 => Suite::Aes256Gcm,
    });
    let (near, far) = tcp_pair::<R>().await;
    let (near_reader, near_writer) = R::halves(near).expect("a socket can be split");
    let (far_reader, far_writer) = R::halves(far).expect("a socket can be split");
    let (near_key, far_key) = (StaticKey::generate(), StaticKey::generate());
    let near = secure::connect(
        near_reader,
        near_writer,
        Noise::kk(near_key.clone(), far_key.public()),
        &config,
        pending(),
    );
    let far =
        secure::accept(far_reader, far_writer, Noise::kk(far_key, near_key.public()), &config, pending());
    let (near, far) = try_join(near, far).await.expect("both sides agree");
    R::spawn(far.task.detach());
    Ends {
        outbox: End { sender: near.sender, receiver: near.receiver },
        inbox: End { sender: far.sender, receiver: far.receiver },
        writer: near.task,
    }
}

impl<W: AsyncWrite + Unpin + Send + 'static> exchange::Writer for WriteTask<W> {
    async fn beside<F>(mut self, future: F) -> F::Output
    where
        F: Future + Send,
        F::Output: Send,
    {
        self.run_until(future).await
    }
}

impl<R, W> exchange::Outbox for End<R, W>
where
    R: AsyncRead + Unpin + Send + 'static,
    W: AsyncWrite + Unpin + Send + 'static,
{
    async fn send(&mut self, message: &'static [u8]) {
        self.sender.send(message).await.map(|_accepted| ()).expect("the writer works");
    }

    async fn send_batch(&mut self, messages: &[&'static [u8]]) {
        self.sender.send_batch(messages).await.map(|_accepted| ()).expect("the writer works");
    }

    fn pause(&mut self) {
        self.sender.dispatch();
    }
}

impl<R, W> exchange::Inbox for End<R, W>
where
    R: AsyncRead + Unpin + Send + 'static,
    W: AsyncWrite + Unpin + Send + 'static,
{
    async fn receive(&mut self, expected: &[u8]) {
        let message =
            self.receiver.recv().await.expect("the message is authentic").expect("a message follows");
        assert!(message == expected, "something else was received");
    }
}
