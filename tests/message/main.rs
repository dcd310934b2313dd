//! Messages between tasks: limits, order, ends, cancelled futures, user code that comes back, any
//! lifecycles against a model, and threads.
//!
//! Most tests poll by hand: a `Hand` polls a future once after each wake-up. Where a hang is what
//! could go wrong, they run in every runtime, with tasks at both ends.

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
