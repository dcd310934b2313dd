//! The harness of futures-handoff.
#![forbid(unsafe_code)]
