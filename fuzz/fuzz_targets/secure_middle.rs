//! A man in the middle of an encrypted session: what arrives is a prefix of what was sent, or there
//! is no session.
#![no_main]

use futures_handoff_fuzz::secure::{self, Middle};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|middle: Middle| secure::meddle(&middle));
