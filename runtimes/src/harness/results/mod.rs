//! What runs come to: names and values, statistics of them, and the directories that they are kept in.

mod directory;
mod record;
mod samples;

pub use directory::{Output, load};
pub(super) use directory::{make, replace};
pub use record::{Record, groups, setup, text};
pub use samples::Samples;
