//! Encrypted sessions: the handshake, the records on the wire, both halves, and what an attacker
//! between the two sides can do.
//!
//! Most tests know the keys before, so that there is no handshake on the wire: what one side writes
//! is taken down, edited, and given to the other side to read.
#![cfg(any(feature = "secure", feature = "secure-rustcrypto"))]

mod admission;
mod cancel;
mod failing;
mod fickle;
mod handshake;
mod hostile;
mod many;
#[cfg(feature = "fragment")]
mod packets;
mod pipe;
mod random;
mod records;
mod rekey;
mod sending;
mod sink;
mod steady;
mod support;
mod tampering;
mod tcp;
