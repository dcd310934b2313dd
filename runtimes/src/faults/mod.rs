//! Schedules of the write side, generated from a seed and checked against a plain vector.
//!
//! One seed is one schedule. It decides on the limits, on what the producers do and when they give up, on which task is
//! polled next and which is dropped, and on how the writer behaves: short writes, waiting, one failure at a byte of its
//! choosing. Everything runs on one thread and no clock is read, so that a seed always does the same.
//!
//! After each step the positions, the room, the line of those who wait for room and the bytes written so far are
//! compared with a model; at the end so is the fate of every byte. Should nothing be left to run while somebody still
//! waits, that is a failure, too.

mod check;
mod device;
mod line;
mod oracle;
mod producer;
mod run;
mod submit;
mod tasks;
mod waiting;
mod world;

pub use device::Sabotage;
pub use oracle::End;
pub use run::{Failure, Summary, run, run_sabotaged};
