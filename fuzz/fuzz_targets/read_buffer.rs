//! Random calls on a read buffer, cancelled anywhere, with a reader that does everything a reader
//! may do, and sometimes what it must not.
#![no_main]

use futures_handoff_fuzz::schedule;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| schedule::read(bytes));
