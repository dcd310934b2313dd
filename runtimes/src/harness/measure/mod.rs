//! What is measured, and how: cases, settings, workloads, clocks and counters.

mod case;
mod counters;
mod frame_clock;
mod measurement;
pub(super) mod names;
mod rounds;
pub(super) mod settings;
mod usage;
mod workload;

pub use case::{Case, Measurer, Runner, runner};
pub use counters::Metered;
pub use measurement::{Measurement, Syscalls};
pub use names::{Completion, ImplementationName, InputModel, Names, RuntimeName, Scenario, TransportName};
pub use rounds::measure;
pub use settings::Settings;
pub use usage::{Interval, Usage};
pub use workload::{Next, Payloads, TUNNEL, Verifier, next};

pub(super) use case::{Visitor, visit};
pub(super) use counters::count_handoff;
#[cfg(feature = "peers")]
pub(super) use counters::metered_writes;
pub(super) use frame_clock::FrameClock;
pub(super) use measurement::Stopwatch;
pub(super) use rounds::carry;
