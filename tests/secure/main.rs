//! Encrypted sessions: the handshake, the records on the wire, both halves, and what an attacker
//! between the two sides can do.
//!
//! Most tests have fixed keys and no handshake on the wire: the output of one side is recorded,
//! edited, and given to the other side.
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
