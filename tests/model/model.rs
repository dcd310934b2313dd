//! The real write side, and messages between tasks, under two model checkers.
//!
//! ```text
//! RUSTFLAGS="--cfg handoff_loom" cargo test --release --package futures-handoff-model
//! RUSTFLAGS="--cfg handoff_shuttle" cargo test --release --package futures-handoff-model
//! ```
//!
//! Loom runs every interleaving of a scenario up to a number of preemptions: 3, but 5 or 4 where
//! that is cheap, 2 where 3 takes long, and 1 for a sink and a producer. That is 1.0 million
//! executions of 54 scenarios, in about two minutes on two cores. `LOOM_MAX_PREEMPTIONS` sets
//! another bound for all of them.
//!
//! Shuttle runs 30 000 random schedules of each and as many with few preemptions at random places
//! (PCT), and so for three more scenarios in which producers do random things: 3.5 million
//! executions, in about 50 s. `SHUTTLE_SCHEDULES` sets another number.
//!
//! Both are needed: loom does not switch threads where a lock is released, and shuttle does not
//! reorder memory accesses. A thread that waits for ever is a failure under both.
#![cfg(any(handoff_loom, handoff_shuttle))]

mod adapters;
mod device;
mod ends;
mod explore;
mod flushes;
mod handover;
mod message;
#[cfg(handoff_shuttle)]
mod random;
mod room;
mod together;
