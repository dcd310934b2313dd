//! Messages between tasks: limits, order, ends, cancelled futures, user code that uses the handoff,
//! random lifecycles against a model, and threads.
//!
//! Most tests poll by hand: a `Hand` polls a future once after each wake-up. Tests that could hang
//! run on every runtime, with tasks at both ends.

mod auto_traits;
mod blocking;
mod bounds;
mod cancel;
mod ends;
mod model;
mod order;
mod reentrancy;
mod sink;
mod stress;
mod support;
#[allow(dead_code, unused_imports, reason = "the tests of the write half use the rest")]
#[path = "../write/support.rs"]
mod write_parts;
