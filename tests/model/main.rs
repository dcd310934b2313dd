//! The real write side under two model checkers.
//!
//! ```text
//! RUSTFLAGS="--cfg handoff_loom" cargo test --release --test model
//! RUSTFLAGS="--cfg handoff_shuttle" cargo test --release --test model
//! ```
//!
//! Loom runs every interleaving of a scenario up to a number of preemptions, which each scenario names; shuttle runs random
//! ones and ones with few preemptions at random places (PCT). Both are needed: loom does not switch threads where a lock is
//! released, and shuttle does not reorder memory accesses. A thread that waits for ever is a failure under both.
#![cfg(any(handoff_loom, handoff_shuttle))]

mod device;
mod ends;
mod explore;
mod flushes;
mod handover;
#[cfg(handoff_shuttle)]
mod random;
mod room;
