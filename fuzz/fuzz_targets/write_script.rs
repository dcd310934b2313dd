//! Producers that submit, wait, flush, close, abort and cancel, in any order of polls, with a
//! writer that is short, pending, stalled, fails or breaks its contract.
#![no_main]

use futures_handoff_fuzz::schedule;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| schedule::write(bytes));
