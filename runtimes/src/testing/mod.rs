//! Tools for tests: macros that generate a test for each runtime, time limits, separate processes,
//! cancelled futures.

mod alone;
pub mod cancel;
mod macros;
mod watchdog;

pub use alone::alone;
pub use watchdog::{watched, watched_for};
