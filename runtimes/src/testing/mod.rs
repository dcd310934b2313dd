//! What tests are made with: macros that stamp one for each runtime, time limits, processes of
//! their own, cancelled futures.

mod alone;
pub mod cancel;
mod macros;
mod watchdog;

pub use alone::alone;
pub use watchdog::{watched, watched_for};
