//! Long messages through short packets, without copies.
//!
//! A [`Fragmenter`] cuts a message into packets of at most a given length, each with a [`Header`]
//! of 16 bytes. A [`Reassembler`] puts messages together again from packets in any order, with
//! duplicates and losses. Nothing here reads a socket, has a clock or needs a runtime. The caller
//! moves the packets, over UDP, a radio, or a [stream](send_framed).
//!
//! The caller also supplies the rest of the transport. It decides when to resend: the receiver
//! knows which fragments are [missing](Reassembler::missing), and the sender can make [any of
//! them](Fragmenter::pack) again. It decides the rate: a [`Pacer`] helps. If losses cost too much
//! time, add forward error correction on top, such as `reed-solomon-simd` or `raptorq`.
//!
//! | to | use |
//! |---|---|
//! | cut a message, or make a part of it again | [`Fragmenter::get`], [`chunk`](Fragmenter::chunk), [`pack`](Fragmenter::pack) |
//! | make packets without allocating | [`PacketPool`] |
//! | put messages together, within [`Limits`] | [`Reassembler`] |
//! | encrypt packets | `secure::PacketKeys` with the feature `secure`, or a [`SealPacket`] and [`OpenPacket`] of your own |
//! | send over a stream | [`send_framed`], [`receive_framed`] |
//! | limit the rate | [`Pacer`] |
//!
//! # Reliable delivery
//!
//! The example `fragments_udp` is a complete transport of this kind. Its reports also travel over
//! UDP and can be lost. Such a transport needs the following:
//!
//! - The receiver reports the [missing](Reassembler::missing) fragments when nothing has arrived
//!   for a while. The sender [packs](Fragmenter::pack) them again. It cannot resend packets that it
//!   has kept: a packet that was sealed long ago is refused.
//! - The receiver cannot report a message if none of its packets has arrived, and a report can be
//!   lost. So after a timeout the sender resends any packet of the message. If that packet is a
//!   [duplicate](Received::Duplicate), the report was lost.
//! - A report is itself a message that fits in one packet. [`Fragmenter`] and [`Reassembler`] seal,
//!   open and count it as any other message. Each direction has its own ids.
//!
//! # Forged packets
//!
//! With [`Plain`] packets, anyone who can send to a socket can also forge the address of a peer.
//! Such a sender can complete, damage and block messages of that peer. The limits still hold. With
//! sealed packets, a forged packet changes nothing: it is opened before anything is allocated or
//! recorded about its message.
//!
//! # The wire format
//!
//! A packet is its [header](Header), followed by the sealed bytes of the fragment. With [`Plain`]
//! these are as long as the fragment. The first byte is always `0xF1`. Other packets can share the
//! socket if they begin with another byte.

mod assembly;
mod error;
mod fragmenter;
mod framed;
mod header;
mod limits;
mod pacer;
mod packets;
mod partial;
mod reassembler;
mod received;
mod seal;

pub use error::{FragmentError, PacketError, SealError};
pub use fragmenter::{Fragment, Fragmenter};
pub use framed::{receive_framed, send_framed};
pub use header::{HEADER_LEN, Header, MAX_PACKET_LEN, Stride};
pub use limits::Limits;
pub use pacer::Pacer;
pub use packets::{PacketPool, Packets};
pub use reassembler::Reassembler;
pub use received::{ReassemblerStats, Received};
pub use seal::{OpenPacket, Plain, SealPacket};
