//! The stream benchmark: routed lines, then a tunnel, through a proxy.
//!
//! Many connections each carry `GET` lines, which the proxy takes apart and routes one by one, then a mark, and after
//! it a tunnel whose bytes pass as they are. What comes out is compared with what went in, byte for byte, whatever
//! the transport and the implementation; a difference ends the run.
//!
//! The measured interval starts when all connections stand and their payloads are made, and ends when the last byte
//! of the last one has been checked. Wall time, CPU time and all counts cover the same interval.
//!
//! A [`Case`] is one thing to measure, a [`Report`] what it came to, and a [`Record`] both of them as the names and
//! values that are printed, written to files and drawn.

mod case;
mod commands;
mod failure;
mod growth;
pub mod implementations;
pub(crate) mod interrupt;
mod journal;
mod lines;
pub(crate) mod memory;
pub(crate) mod names;
mod operations;
pub(crate) mod output;
mod page;
mod plan;
mod process;
pub mod record;
pub(crate) mod report;
mod run;
mod say;
pub(crate) mod settings;
mod split;
mod spread;
mod tally;
pub mod transport;
pub mod tuning;
pub(crate) mod usage;
mod verify;
mod workload;

pub use case::{Bench, Case};
pub use commands::{Job, main, parse};
pub use failure::Failure;
pub use growth::Growth;
pub use implementations::Proxy;
pub use names::{Completion, ImplementationName, InputModel, Names, RuntimeName, Scenario, TransportName};
pub use output::{Kept, Output};
pub use record::Record;
pub use report::{Report, Syscalls};
pub use run::{Implementation, Runner, Unavailable, measure, runner};
pub use settings::Settings;
pub use split::{Cores, Processes, Profile, Profiler, Split};
pub use spread::{Bound, Spread};
pub use tally::{Metered, Tally};
pub use transport::Carried;
pub use usage::{Interval, Usage};
pub use verify::Verifier;
pub use workload::{Next, Payloads, TUNNEL, next};
