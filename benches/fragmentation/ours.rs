//! This crate, from a message to packets and back.

use std::time::Instant;

#[cfg(any(feature = "secure", feature = "secure-rustcrypto"))]
use futures_handoff::secure::{PacketOpener, PacketSealer, Role, SessionKeys, Suite};
use futures_handoff::{
    bytes::Bytes,
    fragment::{
        Fragmenter, Limits, OpenPacket, PacketPool, Packets, Reassembler, Received, SealPacket, Stride,
    },
};

use crate::rows::MIB;

/// The length of a packet.
pub const PACKET: usize = 1200;

/// The sending side.
pub struct Sender<S> {
    seal: S,
    pool: PacketPool,
    messages: u32,
}

impl<S: SealPacket> Sender<S> {
    pub fn new(seal: S) -> Self {
        Self { seal, pool: PacketPool::default(), messages: 0 }
    }

    /// Cuts a message into packets of this length, and passes each block of them to `send`.
    pub fn send(&mut self, message: &Bytes, packet: usize, mut send: impl FnMut(Packets)) {
        self.messages = self.messages.wrapping_add(1);
        let stride = Stride::for_packets::<S>(packet).expect("the packet has room for bytes");
        let message =
            Fragmenter::new(self.messages, message.clone(), stride).expect("the message is short enough");
        let mut range = 0..message.count();
        while let Some(packets) = message.pack(&mut range, &mut self.seal, &mut self.pool).expect("it packs")
        {
            send(packets);
        }
    }
}

/// The receiving side.
pub struct Receiver<O> {
    open: O,
    reassembler: Reassembler,
    now: Instant,
}

impl<O: OpenPacket> Receiver<O> {
    pub fn new(open: O) -> Self {
        let limits = Limits::default().with_max_message_len(4 * MIB);
        Self { open, reassembler: Reassembler::new(limits), now: Instant::now() }
    }

    /// Takes a packet; returns the message once it is complete.
    #[inline]
    pub fn receive(&mut self, packet: &[u8]) -> Option<Bytes> {
        match self.reassembler.push(&(), packet, &mut self.open, self.now).expect("the packet is genuine") {
            Received::Complete { payload, .. } => Some(payload),
            _ => None,
        }
    }

    /// The same message may come again.
    pub fn forget(&mut self) {
        self.reassembler.forget(&());
    }
}

/// Sends a message, and parses its packets as they arrive.
pub fn transfer<S: SealPacket, O: OpenPacket>(
    sender: &mut Sender<S>,
    receiver: &mut Receiver<O>,
    message: &Bytes,
) -> Bytes {
    let mut received = None;
    sender.send(message, PACKET, |packets| {
        for packet in packets.contents().chunks(packets.segment_size()) {
            received = receiver.receive(packet).or_else(|| received.take());
        }
    });
    received.expect("all are there")
}

/// How many bytes of a message are in a packet.
pub fn payload<S: SealPacket>() -> usize {
    Stride::for_packets::<S>(PACKET).expect("the packet has room for bytes").get()
}

/// A sealer and an opener with an AES-256-GCM key.
#[cfg(any(feature = "secure", feature = "secure-rustcrypto"))]
pub fn aes256() -> (PacketSealer, PacketOpener) {
    let keys = |role| {
        let keys = SessionKeys::derive(&[0x42; 32], b"the same transcript for both");
        keys.into_packets(role, Suite::Aes256Gcm).split()
    };
    (keys(Role::Initiator).0, keys(Role::Responder).1)
}
