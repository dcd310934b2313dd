//! A Redis command, or arbitrary bytes: the answer does not change, and does not come too soon.
#![no_main]

use futures_handoff_fuzz::detect;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| detect::resp(bytes));
