//! Long messages through short packets, without copies.
//!
//! A [`Fragmenter`] cuts a message into packets of at most a given length, each with a [`Header`]
//! of 16 bytes, and a [`Reassembler`] puts messages together again, from packets in any order, of
//! which some come twice and some do not come. Nothing here reads a socket, has a clock or needs a
//! runtime: the caller moves the packets, over UDP, a radio, or a [stream](send_framed).
//!
//! What a transport has beside that is the caller's as well: when to send again (the receiver knows
//! what is [missing](Reassembler::missing), and the sender makes [any part](Fragmenter::pack) of a
//! message again), and how fast (a [`Pacer`] helps). Where losses cost too much time, a code for
//! forward error correction, such as `reed-solomon-simd` or `raptorq`, goes around it.
//!
//! | to | use |
//! |---|---|
//! | cut a message, or make a part of it again | [`Fragmenter::get`], [`chunk`](Fragmenter::chunk), [`pack`](Fragmenter::pack) |
//! | make packets without allocating | [`PacketPool`] |
//! | put messages together, within [`Limits`] | [`Reassembler`] |
//! | encrypt packets | `secure::PacketKeys` with the feature `secure`, or a [`SealPacket`] and [`OpenPacket`] of your own |
//! | send over a stream | [`send_framed`], [`receive_framed`] |
//! | hold packets back | [`Pacer`] |
//!
//! # Until everything has arrived
//!
//! The example `fragments_udp` is a whole transport of this kind, with reports over UDP that can be
//! lost themselves. What it takes:
//!
//! - The receiver reports what is [missing](Reassembler::missing) when nothing has arrived for a
//!   while, and the sender [packs](Fragmenter::pack) that again. Packets that it has kept are no
//!   substitute: one that was sealed long ago is refused.
//! - The receiver cannot report a message of which it has heard nothing, and a report can be lost.
//!   So the sender sends any packet of the message again when it has waited too long. Where that
//!   packet is a [duplicate](Received::Duplicate), the report was lost.
//! - A report is itself a message that fits in one packet: [`Fragmenter`] and [`Reassembler`] seal,
//!   open and count it as they do the others. The ids of each direction are its own.
//!
//! # Packets that anyone can send
//!
//! With [`Plain`] packets, anyone who can send to a socket, under the address of another as well,
//! can complete, damage and block messages of that address; the limits hold all the same. A sealed
//! packet that is forged changes nothing: it is opened before anything is allocated, or noted about
//! its message.
//!
//! # The bytes of the wire
//!
//! A packet is its [header](Header), followed by its bytes of the message as they were sealed. With
//! [`Plain`] those are as long as the fragment. The first byte is always `0xF1`: other packets over
//! the same socket are known if they begin with another one.

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
