//! The write half, on every enabled runtime.
//!
//! Most tests poll the task by hand, which makes every step of the protocol visible and repeatable;
//! a few run it in the background. The vocabulary is in `support`: `willing`, `scripted` and
//! `gated` make a stream over a scripted writer and give its handle, its task and the record of the
//! writer; a `Hand` polls a future once after every wake-up; a `running` closure uses the stream
//! inside of a call of its writer.
//!
//! Where to begin:
//! - when bytes are sent, and in how many calls: `gather`, `batching`, `borrowed`, `order`
//! - which party polls the writer: `inline`, `run_until`, `turns`
//! - room and the line of waiters: `fairness`, `entries`, `permit`, `refusals`
//! - outcomes and ends: `tickets`, `flush`, `quiet`, `stalled`, `stalled_random`, `close`, `ends`,
//!   `fates`
//! - handles and settings: `handles`, `adapters`, `config`
//! - user code that misbehaves: `reentrancy`, `hostile`
//! - many producers at once: `stress`
//!
//! The schedules, the models and the cancellation suite cover what is not here: exact order,
//! budgets and waiting lines, races, and futures that are dropped.

mod adapters;
mod batching;
mod borrowed;
mod close;
mod config;
mod ends;
mod entries;
mod fairness;
mod fates;
mod flush;
mod gather;
mod handles;
mod hostile;
mod inline;
mod order;
mod permit;
mod quiet;
mod reentrancy;
mod refusals;
mod run_until;
mod stalled;
mod stalled_random;
mod stress;
mod support;
mod tickets;
mod turns;
