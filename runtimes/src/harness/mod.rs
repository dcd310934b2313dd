//! The harness: routed lines, then a tunnel, through proxies made in different ways, on every
//! runtime.
//!
//! Many connections each carry `GET` lines, which the proxy takes apart and routes one by one, then
//! a mark, and after it a tunnel whose bytes pass as they are. What comes out is compared with what
//! went in, byte for byte, whatever the transport and the implementation; a difference ends the
//! run.
//!
//! The measured interval starts when all connections stand and their payloads are made, and ends
//! when the last byte of the last one has been compared. Wall time, CPU time and all counts cover
//! the same interval.
//!
//! | module | what is there |
//! |---|---|
//! | `cli`, `selection` | the command line, and the flags that the commands share |
//! | `overview`, `run`, `by_hand`, `compare`, `matrix`, `criterion`, `report` | the commands |
//! | [`implementations`] | the proxies that are measured |
//! | [`transport`] | what is around them, and what compares |
//! | `measure` | cases and settings, rounds of streams, clocks and counters |
//! | `split` | the proxies in one process, the two ends in another |
//! | `results` | names and values, statistics, directories |

mod by_hand;
mod cli;
mod compare;
mod console;
mod criterion;
mod failure;
pub mod implementations;
mod interrupt;
mod matrix;
mod measure;
mod overview;
mod process_group;
mod report;
mod results;
mod run;
mod selection;
mod split;
pub mod transport;

pub use cli::main;
pub use failure::Failure;
pub use implementations::Proxy;
pub use measure::{
    Case, Completion, ImplementationName, InputModel, Interval, Measurement, Measurer, Metered, Names, Next,
    Payloads, Runner, RuntimeName, Scenario, Settings, Syscalls, TUNNEL, TransportName, Usage, Verifier,
    measure, next, runner,
};
pub use results::{Output, Record, Samples};
pub use split::{Cores, Profile, Profiler, Split};

use measure::FrameClock;
