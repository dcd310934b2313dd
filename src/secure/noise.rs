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
    /// The protocol by its name in Noise. The hash and the cipher of the handshake are the same for
    /// all suites.
    fn protocol(self) -> &'static str {
        match self {
            Self::Xx => "Noise_XX_25519_ChaChaPoly_SHA256",
            Self::Ik => "Noise_IK_25519_ChaChaPoly_SHA256",
            Self::Kk => "Noise_KK_25519_ChaChaPoly_SHA256",
        }
    }

    /// The lengths of its messages: keys, encrypted ones with a tag, and the tag of an empty
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
/// names them.
///
/// | pattern | what a side knows before | messages | who learns whose key |
/// |---|---|---|---|
/// | [`xx`](Self::xx) | nothing | 3 | only the peer; an active attacker learns the responder's |
/// | [`ik`](Self::ik) | the initiator knows the responder's key | 2 | only the peer |
/// | [`kk`](Self::kk) | each side knows the other one's key | 2 | they are not sent |
///
/// An attacker can record the first message of `ik` and `kk` and send it again. The responder
/// admits it, answers, and has a session, whose [`peer`](super::Session::peer) is the one that sent
/// it first; the attacker has none: it can neither send a record that opens nor open one, as the
/// keys come from fresh numbers of both sides. So a responder knows that the initiator is there
/// when the first message has come, and not before. In `xx` it knows by the third message of the
/// handshake, which nobody can repeat.
///
/// # Examples
///
/// ```
/// use futures_handoff::secure::{Noise, StaticKey};
///
/// let (alice, bob) = (StaticKey::generate(), StaticKey::generate());
/// let known = [alice.public()];
/// let accepts = Noise::xx(bob).admit(move |peer| {
///     let is_known = known.contains(&peer);
///     async move { is_known }
/// });
/// # let _ = (accepts, alice);
/// ```
pub struct Noise<A = fn(PublicKey) -> Ready<bool>> {
    pattern: Pattern,
    local: StaticKey,
    peer: Option<PublicKey>,
    admit: A,
}

impl Noise {
    /// Neither side knows the other one before.
    #[must_use]
    pub fn xx(local: StaticKey) -> Self {
        Self::new(Pattern::Xx, local, None)
    }

    /// The initiator knows the key of the responder: it has to name it. A responder gives `None`,
    /// or its own key; which initiators it wants is for [`admit`](Self::admit) to say.
    #[must_use]
    pub fn ik(local: StaticKey, responder: Option<PublicKey>) -> Self {
        Self::new(Pattern::Ik, local, responder)
    }

    /// Each side knows the key of the other one.
    #[must_use]
    pub fn kk(local: StaticKey, peer: PublicKey) -> Self {
        Self::new(Pattern::Kk, local, Some(peer))
    }

    fn new(pattern: Pattern, local: StaticKey, peer: Option<PublicKey>) -> Self {
        Self { pattern, local, peer, admit: |_| ready(true) }
    }

    /// Asks `admit` as soon as the key of the peer is known, before this side goes on: a responder
    /// of `ik` before it answers, both sides of `xx` when the other one has proved its key, and
    /// before all else a side that was given the key: the initiator of `ik` and both sides of `kk`.
    ///
    /// Without it every peer is admitted that can prove any key at all.
    ///
    /// Where it says no, the handshake ends with [`HandshakeError::Refused`]. It is dropped with
    /// the handshake, by the deadline for one.
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
        let invalid = |_| HandshakeError::Invalid("snow does not accept the keys of the handshake");
        if self.peer.is_some_and(|peer| !peer.is_provable()) {
            return Err(HandshakeError::Invalid(
                "the named key is of no peer: it is not below 2^255 - 19, or anyone could prove it",
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
                    "the responder of IK can name no key but its own: `admit` decides on initiators",
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

/// A handshake under way.
struct Exchange {
    state: HandshakeState,
    /// The messages exchanged so far, and the one under way.
    message: usize,
}

impl Exchange {
    /// The key of the peer, once it is known.
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

    /// The payload of the next message, and the length of the whole message.
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
        // Other bytes for the key of a peer that was turned away must not make another peer of it.
        if self.peer().is_some_and(|peer| !peer.is_provable()) {
            return Err(HandshakeError::Failed { message: self.message });
        }
        payload.truncate(len);
        Ok((payload.into(), message.len()))
    }

    /// The keys of the session. The state of the handshake goes: nothing else may be sealed with
    /// what it held.
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
