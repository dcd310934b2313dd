//! The harness: routed lines, then a tunnel, through proxies made in different ways, on every
//! runtime.
//!
//! Many connections each carry `GET` lines, which the proxy parses and routes one by one, then a
//! mark, and after it a tunnel whose bytes pass unchanged. The output is compared with the input,
//! byte by byte, with every transport and implementation. A difference ends the run.
//!
//! The measured interval starts when all connections are established and their payloads are
//! generated. It ends when the last byte of the last stream has been compared. Wall time, CPU time
//! and all counts cover the same interval.
//!
//! | module | what is there |
//! |---|---|
//! | `cli`, `selection` | the command line, and the flags that the commands share |
//! | `overview`, `run`, `by_hand`, `compare`, `matrix`, `criterion`, `report` | the commands |
//! | [`implementations`] | the proxies that are measured |
//! | [`transport`] | the two ends around them, and the comparison |
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
