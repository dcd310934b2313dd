//! Handshakes of the [Noise protocol framework](https://noiseprotocol.org/noise.html), by `snow`.

use std::{
    fmt,
    future::{Future, Ready, ready},
};

use bytes::Bytes;
use futures_io::{AsyncRead, AsyncWrite};
use snow::{HandshakeState, params::NoiseParams};
use zeroize::Zeroizing;

use super::{
    error::HandshakeError,
    handshake::{Handshake, HandshakeIo, Role},
    keys::{PublicKey, SessionKeys, StaticKey},
};

/// The longest message of Noise.
const MESSAGE_MAX: usize = 65_535;
const KEY: usize = 32;
const TAG: usize = 16;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pattern {
    Xx,
    Ik,
    Kk,
}

impl Pattern {
    /// The Noise name of the protocol. The hash and the cipher of the handshake are the same for
    /// all suites.
    fn protocol(self) -> &'static str {
        match self {
            Self::Xx => "Noise_XX_25519_ChaChaPoly_SHA256",
            Self::Ik => "Noise_IK_25519_ChaChaPoly_SHA256",
            Self::Kk => "Noise_KK_25519_ChaChaPoly_SHA256",
        }
    }

    /// The lengths of its messages: keys, encrypted keys with a tag, and the tag of an empty
    /// payload.
    fn lengths(self) -> &'static [usize] {
        match self {
            Self::Xx => &[KEY, KEY + KEY + TAG + TAG, KEY + TAG + TAG],
            Self::Ik => &[KEY + KEY + TAG + TAG, KEY + TAG],
            Self::Kk => &[KEY + TAG, KEY + TAG],
        }
    }
}

/// A Noise handshake with X25519, ChaCha20-Poly1305 and SHA-256. Both sides prove the key that
/// identifies them.
///
/// | pattern | what a side knows before | messages | which keys are revealed |
/// |---|---|---|---|
/// | [`xx`](Self::xx) | nothing | 3 | to the peer only; an active attacker learns the responder's |
/// | [`ik`](Self::ik) | the initiator knows the responder's key | 2 | to the peer only |
/// | [`kk`](Self::kk) | each side knows the peer's key | 2 | none is sent |
///
/// An attacker can record the first message of `ik` and `kk` and replay it. The responder admits
/// it, answers, and has a session, whose [`peer`](super::Session::peer) is the original sender of
/// the message. The attacker has no session: it can neither send a record that opens nor open one,
/// because the keys depend on fresh numbers of both sides. So a responder knows that the initiator
/// is present when the first message has arrived, and not before. In `xx` it knows by the third
/// message of the handshake, which cannot be replayed.
///
/// # Examples
///
/// Neither side knows the other, and the responder has a list of users:
///
/// ```
/// use std::future::pending;
///
/// use futures_handoff::secure::{Config, Noise, StaticKey, accept, connect};
/// use futures_util::{AsyncReadExt, future::try_join};
///
/// # futures_executor::block_on(async {
/// # let (near, far) = futures_handoff_runtimes::io::duplex(64 * 1024);
/// # let ((near_reader, near_writer), (far_reader, far_writer)) = (near.split(), far.split());
/// let (user, server) = (StaticKey::generate(), StaticKey::generate());
/// let (users, server_public) = ([user.public()], server.public());
/// let accepting = Noise::xx(server).admit(|peer| {
///     let is_user = users.contains(&peer);
///     async move { is_user }
/// });
/// let config = Config::new("example.org/chat/1");
/// let (connected, accepted) = try_join(
///     connect(near_reader, near_writer, Noise::xx(user), &config, pending()),
///     accept(far_reader, far_writer, accepting, &config, pending()),
/// ).await?;
/// assert_eq!(accepted.peer, users[0]);
/// // The user learns the key, and decides whether to trust it.
/// assert_eq!(connected.peer, server_public);
/// # Ok::<_, futures_handoff::secure::HandshakeError>(()) }).unwrap();
/// ```
pub struct Noise<A = fn(PublicKey) -> Ready<bool>> {
    pattern: Pattern,
    local: StaticKey,
    peer: Option<PublicKey>,
    admit: A,
}

impl Noise {
    /// Neither side knows the peer's key before.
    #[must_use]
    pub fn xx(local: StaticKey) -> Self {
        Self::new(Pattern::Xx, local, None)
    }

    /// The initiator knows the key of the responder and has to name it. A responder passes `None`,
    /// or its own key. It chooses its initiators with [`admit`](Self::admit).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::future::pending;
    ///
    /// use futures_handoff::secure::{Config, HandshakeError, Noise, StaticKey, connect};
    /// use futures_util::AsyncReadExt;
    ///
    /// # futures_executor::block_on(async {
    /// # let (stream, _peer) = futures_handoff_runtimes::io::duplex(64 * 1024);
    /// let (reader, writer) = stream.split();
    /// let config = Config::new("example.org/chat/1");
    /// // The key of the responder is missing.
    /// let handshake = Noise::ik(StaticKey::generate(), None);
    /// let error = connect(reader, writer, handshake, &config, pending()).await.unwrap_err();
    /// assert!(matches!(error, HandshakeError::Invalid(_)));
    /// # });
    /// ```
    #[must_use]
    pub fn ik(local: StaticKey, responder: Option<PublicKey>) -> Self {
        Self::new(Pattern::Ik, local, responder)
    }

    /// Each side knows the peer's key and has to name it.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::future::pending;
    ///
    /// use futures_handoff::secure::{Config, Noise, StaticKey, accept, connect};
    /// use futures_util::{AsyncReadExt, future::try_join};
    ///
    /// # futures_executor::block_on(async {
    /// # let (near, far) = futures_handoff_runtimes::io::duplex(64 * 1024);
    /// # let ((near_reader, near_writer), (far_reader, far_writer)) = (near.split(), far.split());
    /// let (left, right) = (StaticKey::generate(), StaticKey::generate());
    /// let (left_public, right_public) = (left.public(), right.public());
    /// let config = Config::new("example.org/replication/1");
    /// let (connected, accepted) = try_join(
    ///     connect(near_reader, near_writer, Noise::kk(left, right_public), &config, pending()),
    ///     accept(far_reader, far_writer, Noise::kk(right, left_public), &config, pending()),
    /// ).await?;
    /// assert_eq!(connected.binding, accepted.binding);
    /// # Ok::<_, futures_handoff::secure::HandshakeError>(()) }).unwrap();
    /// ```
    #[must_use]
    pub fn kk(local: StaticKey, peer: PublicKey) -> Self {
        Self::new(Pattern::Kk, local, Some(peer))
    }

    fn new(pattern: Pattern, local: StaticKey, peer: Option<PublicKey>) -> Self {
        Self { pattern, local, peer, admit: |_| ready(true) }
    }

    /// Asks `admit` about the peer as soon as its key is known, before this side continues. A
    /// responder of `ik` asks before it answers. Both sides of `xx` ask when the peer has proved
    /// its key. A side that was given the key asks first of all: the initiator of `ik`, and both
    /// sides of `kk`.
    ///
    /// Without `admit`, every peer that can prove any key is admitted.
    ///
    /// If `admit` returns `false`, the handshake ends with [`HandshakeError::Refused`]. The future
    /// of `admit` is dropped with the handshake, for example by the deadline.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::collections::HashSet;
    ///
    /// use futures_handoff::secure::{Config, HandshakeError, Noise, StaticKey, connect};
    /// use futures_util::AsyncReadExt;
    ///
    /// # futures_executor::block_on(async {
    /// # let (stream, _server) = futures_handoff_runtimes::io::duplex(64 * 1024);
    /// let (reader, writer) = stream.split();
    /// let (client, server) = (StaticKey::generate(), StaticKey::generate().public());
    /// let revoked = HashSet::from([server]);
    /// let handshake = Noise::ik(client, Some(server)).admit(|peer| {
    ///     let is_revoked = revoked.contains(&peer);
    ///     async move { !is_revoked }
    /// });
    /// let config = Config::new("example.org/chat/1");
    /// let session = connect(reader, writer, handshake, &config, std::future::pending()).await;
    /// assert!(matches!(session.unwrap_err(), HandshakeError::Refused));
    /// # });
    /// ```
    #[must_use]
    pub fn admit<A, F>(self, admit: A) -> Noise<A>
    where
        A: FnOnce(PublicKey) -> F,
        F: Future<Output = bool>,
    {
        Noise { pattern: self.pattern, local: self.local, peer: self.peer, admit }
    }
}

impl<A> Noise<A> {
    fn build(&self, role: Role, prologue: &[u8]) -> Result<HandshakeState, HandshakeError> {
        let invalid = |_| HandshakeError::Invalid("`snow` does not accept the keys of the handshake");
        if self.peer.is_some_and(|peer| !peer.is_provable()) {
            return Err(HandshakeError::Invalid(
                "the peer's key is not valid: it is not below 2^255 - 19, or anyone could prove it",
            ));
        }
        let params: NoiseParams = self.pattern.protocol().parse().map_err(invalid)?;
        let builder = snow::Builder::new(params)
            .prologue(prologue)
            .and_then(|builder| builder.local_private_key(self.local.as_bytes()))
            .map_err(invalid)?;
        let builder = match (self.pattern, role, &self.peer) {
            (Pattern::Ik, Role::Initiator, None) => {
                return Err(HandshakeError::Invalid("the initiator of IK has to name the responder"));
            }
            (Pattern::Ik, Role::Responder, Some(named)) if *named != self.local.public() => {
                return Err(HandshakeError::Invalid(
                    "the responder of IK can name only its own key: `admit` decides on initiators",
                ));
            }
            // A responder of IK learns the key in the first message.
            (Pattern::Xx, ..) | (Pattern::Ik, Role::Responder, _) | (_, _, None) => builder,
            (_, _, Some(peer)) => builder.remote_public_key(peer.as_bytes()).map_err(invalid)?,
        };
        match role {
            Role::Initiator => builder.build_initiator(),
            Role::Responder => builder.build_responder(),
        }
        .map_err(invalid)
    }
}

impl<A, F> Handshake for Noise<A>
where
    A: FnOnce(PublicKey) -> F,
    F: Future<Output = bool>,
{
    type Peer = PublicKey;

    async fn run<R, W>(
        self,
        role: Role,
        prologue: &[u8],
        io: &mut HandshakeIo<R, W>,
    ) -> Result<(PublicKey, SessionKeys), HandshakeError>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        let mut exchange = Exchange { state: self.build(role, prologue)?, message: 0 };
        let mut admit = Some(self.admit);
        for &len in self.pattern.lengths() {
            if let Some(peer) = exchange.peer() {
                refuse_unless(admit.take(), peer).await?;
            }
            if exchange.state.is_my_turn() {
                exchange.send(io, &[]).await?;
            } else {
                let (_, message_len) = exchange.receive(io, len).await?;
                if message_len != len {
                    return Err(HandshakeError::Failed { message: exchange.message });
                }
            }
        }
        let peer = exchange.peer().ok_or(HandshakeError::Failed { message: exchange.message })?;
        refuse_unless(admit.take(), peer).await?;
        Ok((peer, exchange.into_keys()?))
    }
}

async fn refuse_unless<A, F>(admit: Option<A>, peer: PublicKey) -> Result<(), HandshakeError>
where
    A: FnOnce(PublicKey) -> F,
    F: Future<Output = bool>,
{
    match admit {
        Some(admit) => {
            if admit(peer).await {
                Ok(())
            } else {
                Err(HandshakeError::Refused)
            }
        }
        None => Ok(()),
    }
}

impl<A> fmt::Debug for Noise<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Noise")
            .field("pattern", &self.pattern)
            .field("local", &self.local.public())
            .field("peer", &self.peer)
            .finish_non_exhaustive()
    }
}

/// A handshake in progress.
struct Exchange {
    state: HandshakeState,
    /// The number of messages exchanged so far, including the current one.
    message: usize,
}

impl Exchange {
    /// The key of the peer, or `None` while it is not known.
    fn peer(&self) -> Option<PublicKey> {
        let key: [u8; KEY] = self.state.get_remote_static()?.try_into().ok()?;
        Some(PublicKey::from(key))
    }

    async fn send<R, W>(&mut self, io: &mut HandshakeIo<R, W>, payload: &[u8]) -> Result<(), HandshakeError>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        self.message += 1;
        let mut message = vec![0; (payload.len() + 2 * (KEY + TAG) + TAG).min(MESSAGE_MAX)];
        let written = self.state.write_message(payload, &mut message);
        let len = written.map_err(|_| HandshakeError::Failed { message: self.message })?;
        io.send(&message[..len]).await
    }

    /// Returns the payload of the next message, and the length of the whole message.
    async fn receive<R, W>(
        &mut self,
        io: &mut HandshakeIo<R, W>,
        limit: usize,
    ) -> Result<(Bytes, usize), HandshakeError>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        self.message += 1;
        let message = io.receive(limit).await?;
        let mut payload = vec![0; message.len()];
        let read = self.state.read_message(&message, &mut payload);
        let len = read.map_err(|_| HandshakeError::Failed { message: self.message })?;
        // Another encoding of a refused peer's key must not count as another peer.
        if self.peer().is_some_and(|peer| !peer.is_provable()) {
            return Err(HandshakeError::Failed { message: self.message });
        }
        payload.truncate(len);
        Ok((payload.into(), message.len()))
    }

    /// Derives the keys of the session. The handshake state is dropped: nothing else may be sealed
    /// with its keys.
    fn into_keys(mut self) -> Result<SessionKeys, HandshakeError> {
        if !self.state.is_handshake_finished() {
            return Err(HandshakeError::Failed { message: self.message });
        }
        let (first, second) = self.state.dangerously_get_raw_split();
        let mut secret = Zeroizing::new([0; 2 * KEY]);
        secret[..KEY].copy_from_slice(&*Zeroizing::new(first));
        secret[KEY..].copy_from_slice(&*Zeroizing::new(second));
        Ok(SessionKeys::derive(&*secret, self.state.get_handshake_hash()))
    }
}

#[cfg(test)]
mod tests;
