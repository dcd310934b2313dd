//! Packets of any peers, sound and made up: each answer is that of a model, and no budget is
//! exceeded.
#![no_main]

use futures_handoff_fuzz::fragment::Packets;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|packets: Packets<'_>| packets.check());
