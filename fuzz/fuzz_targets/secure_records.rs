//! Arbitrary bytes after a handshake: never a message, never an end, and no memory for announced
//! lengths.
#![no_main]

use futures_handoff_fuzz::secure::Forged;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|forged: Forged<'_>| forged.check());
