//! Allocations and copied bytes of an encrypted message of 1 MiB from end to end, compared with the
//! steps of Freenet's transport.
//!
//! A separate program: the counting allocator takes time, and clears memory that the system would
//! provide cleared.
#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    unused_macros,
    reason = "it uses some of what the benchmarks have"
)]

mod buffers;
mod freenet;
mod ours;
mod rows;

use std::cell::Cell;

use allocation_counter::measure;
use futures_handoff::{bytes::Bytes, fragment::Plain};

use rows::{MIB, message};

thread_local! {
    static COPIED: Cell<usize> = const { Cell::new(0) };
}

/// Bytes that are about to be copied.
fn copied(bytes: &[u8]) -> &[u8] {
    COPIED.set(COPIED.get() + bytes.len());
    bytes
}

fn main() {
    let message = message(MIB);
    let (mut sender, cipher) = (freenet::Sender::new(freenet::aes128()), freenet::aes128());
    print("Freenet", || {
        assert!(buffers::transfer(&mut sender, &cipher, &message) == message);
    });

    let (mut sender, mut receiver) = (ours::Sender::new(Plain), ours::Receiver::new(Plain));
    let allocations = print("this crate, not encrypted", || {
        assert!(ours::transfer(&mut sender, &mut receiver, &message) == message);
        // The library does not report its copies: into the packets, out of them, and the first
        // packet twice.
        copied(&message);
        copied(&message);
        copied(&message[..ours::payload::<Plain>()]);
    });
    assert!(allocations <= 2, "{allocations} allocations for a message");

    #[cfg(any(feature = "secure", feature = "secure-rustcrypto"))]
    {
        let (seal, open) = ours::aes256();
        let (mut sender, mut receiver) = (ours::Sender::new(seal), ours::Receiver::new(open));
        let allocations = print("this crate", || {
            assert!(ours::transfer(&mut sender, &mut receiver, &message) == message);
            // The cipher reads one place and writes another, and only the first packet is opened
            // into scratch memory.
            copied(&message[..ours::payload::<futures_handoff::secure::PacketSealer>()]);
        });
        assert!(allocations <= 2, "{allocations} allocations for a message");
    }
}

/// Measures the first message, and one after several others. Returns the number of allocations.
fn print(name: &str, mut transfer: impl FnMut()) -> u64 {
    let first = measure(&mut transfer);
    for _ in 0..8 {
        transfer();
    }
    COPIED.set(0);
    let later = measure(&mut transfer);
    println!(
        "{name}: {} allocations of {} bytes for a message, {} bytes copied; {} allocations for the first message",
        later.count_total,
        later.bytes_total,
        COPIED.get(),
        first.count_total
    );
    later.count_total
}
