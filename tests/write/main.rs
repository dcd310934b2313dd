//! The write half, on every enabled runtime.
//!
//! Most tests poll the task by hand, which makes every step of the protocol visible and repeatable; those that are about
//! threads, executors or time run it in the background.

mod budget;
mod cancel;
mod close;
mod config;
mod ends;
mod fairness;
mod fates;
mod flush;
mod gather;
mod handles;
mod order;
mod refusals;
mod support;
mod tickets;
