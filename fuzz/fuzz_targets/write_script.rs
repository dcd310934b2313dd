//! Producers that submit, wait, flush, close, abort and give up, in any order of polls, before a writer that is short, pending,
//! stalled, fails or breaks its contract.
#![no_main]

use futures_handoff_fuzz::schedule;
use futures_handoff_runtimes::faults::Side;
use libfuzzer_sys::fuzz_target;

fuzz_target!(init: schedule::init(), |bytes: &[u8]| schedule::check(Side::Write, bytes));
