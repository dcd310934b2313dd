//! Any calls on a read buffer, cancelled anywhere, whose reader does whatever a reader may and now
//! and then what it may not.
#![no_main]

use futures_handoff_fuzz::schedule;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| schedule::read(bytes));
