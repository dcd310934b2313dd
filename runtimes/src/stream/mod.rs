//! The stream benchmark: routed lines, then a tunnel, through a proxy.
//!
//! Many connections each carry `GET` lines, which the proxy takes apart and routes one by one, then a mark, and after
//! it a tunnel whose bytes pass as they are. What comes out is compared with what went in, byte for byte, whatever
//! the transport and the implementation; a difference ends the run.
//!
//! The measured interval starts when all connections stand and their payloads are made, and ends when the last byte
//! of the last one has been checked. Wall time and CPU time cover the same interval.

mod args;
mod compare;
mod failure;
pub mod implementations;
mod measure;
mod overview;
mod run;
mod settings;
mod table;
pub mod transport;
mod verify;
mod workload;

pub use args::{Job, main, parse};
pub use compare::{Bound, Comparison, Metric, Spread};
pub use failure::Failure;
pub use implementations::Proxy;
pub use measure::Report;
pub use run::{Implementation, Runner, Unavailable, measure, runner};
pub use settings::{Completion, ImplementationName, RuntimeName, Scenario, Settings, TransportName};
pub use verify::Verifier;
pub use workload::{Next, Payloads, TUNNEL, next};
