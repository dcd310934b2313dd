//! An attacker between the sides of an encrypted session: a prefix of what was sent arrives, or
//! there is no session.
#![no_main]

use futures_handoff_fuzz::secure::{self, Middle};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|middle: Middle| secure::meddle(&middle));
