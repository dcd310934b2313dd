//! The harness of futures-handoff: one [`Runtime`] trait with an adapter for each runtime, macros that stamp a test
//! for each one, and readers and writers that misbehave on purpose.
//!
//! [`Local`] is always there; the features `tokio`, `smol` and `async-std` add the others.
#![forbid(unsafe_code)]

mod alone;
pub mod cancel;
#[cfg(feature = "harness")]
pub mod exchange;
#[cfg(feature = "harness")]
pub mod footprint;
pub mod io;
mod local;
#[cfg(unix)]
pub mod loopback;
mod macros;
#[cfg(feature = "harness")]
pub mod producers;
mod runtime;
mod socket;
#[cfg(feature = "harness")]
pub mod stream;
mod watchdog;
mod workers;

#[cfg(feature = "async-std")]
mod async_std;
#[cfg(feature = "smol")]
mod smol;
#[cfg(feature = "tokio")]
mod tokio;

pub use alone::alone;
#[cfg(feature = "async-std")]
pub use async_std::AsyncStd;
pub use local::Local;
pub use runtime::{Runtime, Task};
#[cfg(feature = "smol")]
pub use smol::Smol;
pub use socket::{CloseWrite, Socket};
#[cfg(feature = "tokio")]
pub use tokio::{Tokio, TokioCurrent};
pub use watchdog::{watched, watched_for};
pub use workers::{set_workers, workers};
