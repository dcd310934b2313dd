//! What a write costs when many producers share a writer.
//!
//! Tasks write chunks through clones of one handle, and the writer counts and forgets what it takes, so that what shows is the way
//! from the producers to it. [`write()`] measures that; [`wait()`] counts how often producers are polled that wait for room.

mod channel;
mod compared;
mod discard;
mod handle;
mod handoff;
mod measure;
#[cfg(feature = "peers")]
mod peer;
mod polls;
mod record;

pub use compared::{Compared, compared};
pub use measure::{Work, write};
pub use polls::{Crowd, wait};
pub use record::{Completion, Implementation, Record, Waited, Written};
