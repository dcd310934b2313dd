//! The write half, on every enabled runtime.
//!
//! Most tests poll the task by hand, which makes every step of the protocol visible and repeatable; those that are about
//! threads, executors or time run it in the background.

mod adapters;
mod batching;
mod budget;
mod cancel;
mod close;
mod config;
mod ends;
mod entries;
mod executors;
mod fairness;
mod fates;
mod flush;
mod gather;
mod handles;
mod hostile;
mod inline;
mod order;
mod permit;
mod prefix;
mod quiet;
mod reentrancy;
mod refusals;
mod run_until;
mod slices;
mod stress;
mod support;
mod tickets;
mod turns;
