//! Valid and invalid packets of several peers: each answer equals that of a model, and no budget is
//! exceeded.
#![no_main]

use futures_handoff_fuzz::fragment::Packets;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|packets: Packets<'_>| packets.check());
