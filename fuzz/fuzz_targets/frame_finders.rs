//! Frames from arbitrary bytes in any pieces: the same as from all the bytes at once.
#![no_main]

use futures_handoff_fuzz::frames::{self, Case};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|case: Case<'_>| frames::check(&case));
