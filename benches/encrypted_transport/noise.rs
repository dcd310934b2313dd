//! snow over a stream: each message is a length prefix and as many Noise messages as needed.

use futures_handoff_runtimes::Runtime;
use futures_util::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, io::BufReader};
use snow::{Builder, TransportState};

use crate::{
    exchange::{self, Ends, NoWriter},
    rows::Cipher,
    tcp_pair,
};

const TAG: usize = 16;
/// The longest plaintext of a Noise message.
const PART: usize = 65_535 - TAG;
/// The size of the read buffer, as in commonware-stream.
const READ: usize = 64 * 1024;
const LEN: usize = size_of::<u32>();

pub struct Outbox<W> {
    state: TransportState,
    writer: W,
    sealed: Vec<u8>,
}

pub struct Inbox<R> {
    state: TransportState,
    reader: BufReader<R>,
    sealed: Vec<u8>,
    message: Vec<u8>,
}

/// A connection after its handshake.
pub async fn connect<R: Runtime>(cipher: Cipher) -> Ends<Outbox<R::Tcp>, Inbox<R::Tcp>> {
    let parameters = match cipher {
        Cipher::ChaCha20 => "Noise_XX_25519_ChaChaPoly_SHA256",
        Cipher::Aes256 => "Noise_XX_25519_AESGCM_SHA256",
    };
    let builder = || Builder::new(parameters.parse().expect("the pattern has a name of Noise"));
    let keys = [(); 2].map(|()| builder().generate_keypair().expect("there is randomness").private);
    let with_key = |key| builder().local_private_key(key).expect("no key was given before");
    let mut initiator = with_key(&keys[0]).build_initiator().expect("the pattern needs this key only");
    let mut responder = with_key(&keys[1]).build_responder().expect("the pattern needs this key only");

    let (mut near, mut far) = tcp_pair::<R>().await;
    let mut message = vec![0; PART];
    let mut payload = vec![0; PART];
    for turn in 0..3 {
        let (from, to, sender, recipient) = if turn % 2 == 0 {
            (&mut near, &mut far, &mut initiator, &mut responder)
        } else {
            (&mut far, &mut near, &mut responder, &mut initiator)
        };
        let len = sender.write_message(&[], &mut message).expect("it is its turn");
        from.write_all(&message[..len]).await.expect("the peer is there");
        to.read_exact(&mut message[..len]).await.expect("the peer is there");
        recipient.read_message(&message[..len], &mut payload).expect("the peer keeps to the pattern");
    }
    let transport =
        |state: snow::HandshakeState| state.into_transport_mode().expect("the handshake is finished");
    Ends {
        outbox: Outbox { state: transport(initiator), writer: near, sealed: Vec::new() },
        inbox: Inbox {
            state: transport(responder),
            reader: BufReader::with_capacity(READ, far),
            sealed: Vec::new(),
            message: Vec::new(),
        },
        writer: NoWriter,
    }
}

impl<W: AsyncWrite + Unpin + Send + 'static> exchange::Outbox for Outbox<W> {
    async fn send(&mut self, message: &'static [u8]) {
        let len = u32::try_from(message.len()).expect("messages are shorter");
        self.sealed.resize(LEN + message.len() + message.len().div_ceil(PART) * TAG, 0);
        self.sealed[..LEN].copy_from_slice(&len.to_be_bytes());
        let mut end = LEN;
        for part in message.chunks(PART) {
            end += self.state.write_message(part, &mut self.sealed[end..]).expect("a part fits");
        }
        self.writer.write_all(&self.sealed[..end]).await.expect("the writer works");
    }
}

impl<R: AsyncRead + Unpin + Send + 'static> exchange::Inbox for Inbox<R> {
    async fn receive(&mut self, expected: &[u8]) {
        let mut len = [0; LEN];
        self.reader.read_exact(&mut len).await.expect("a message follows");
        self.message.resize(u32::from_be_bytes(len) as usize, 0);
        for part in self.message.chunks_mut(PART) {
            self.sealed.resize(part.len() + TAG, 0);
            self.reader.read_exact(&mut self.sealed).await.expect("the message is whole");
            self.state.read_message(&self.sealed, part).expect("the part is authentic");
        }
        assert!(self.message == expected, "something else was received");
    }
}
