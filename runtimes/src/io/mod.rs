//! Streams for tests: scripted and seeded readers and writers, and an in-memory pipe.
//!
//! Nothing here mentions the crate under test, and nothing needs a runtime.

mod duplex;
mod gate;
mod log;
mod reader;
mod writer;

pub use duplex::{Duplex, duplex};
pub use gate::Gate;
pub use log::{Call, WriteLog};
pub use reader::{ReadLog, ReadStep, ScriptReader};
pub use writer::{EndStep, ScriptWriter, WriteStep};
