//! The identification of a client of SSH, or any bytes in its place: an answer that holds, and not
//! too soon.
#![no_main]

use futures_handoff_fuzz::detect;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| detect::ssh(bytes));
