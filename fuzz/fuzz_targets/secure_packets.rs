//! A network that changes, repeats, cuts, splices and reorders sealed packets: each is accepted
//! once, as it was sealed.
#![no_main]

use futures_handoff_fuzz::secure::Meddling;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|meddling: Meddling| meddling.check());
