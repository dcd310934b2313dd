//! Shared by the tests, benchmarks and examples of futures-handoff; and the harness that measures
//! it.
//!
//! | module | what is there |
//! |---|---|
//! | `runtime` | one [`Runtime`] trait, with an adapter for each runtime; [`Local`] is always there, the features `tokio`, `smol` and `async-std` add the others |
//! | `testing` | [`tests!`] and its relatives, [`watched`], [`alone`], [`cancel`] |
//! | [`io`] | scripted readers and writers, and in-memory pipes |
//! | `harness` | `cargo harness`: routed streams through proxies, measured on every runtime; behind the feature `harness` |
//! | `page` | figures as a page of tables and charts; behind the feature `page` |
#![forbid(unsafe_code)]

#[cfg(feature = "harness")]
pub mod harness;
pub mod io;
#[cfg(feature = "page")]
pub mod page;
mod runtime;
mod testing;

#[cfg(feature = "async-std")]
pub use runtime::AsyncStd;
#[cfg(feature = "smol")]
pub use runtime::Smol;
pub use runtime::{CloseWrite, Local, Runtime, Socket, Task, set_workers, workers};
#[cfg(feature = "tokio")]
pub use runtime::{Tokio, TokioCurrent};
pub use testing::{alone, cancel, watched, watched_for};
