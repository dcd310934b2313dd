//! The write half, on every enabled runtime.
//!
//! Most tests poll the task by hand, which makes every step of the protocol visible and repeatable; those that are about
//! threads, executors or time run it in the background.

mod budget;
mod cancel;
mod fairness;
mod flush;
mod gather;
mod order;
mod support;
mod tickets;
