//! The results of runs: names and values, statistics, and directories.

mod directory;
mod record;

pub use crate::page::Samples;
pub use directory::{Output, load};
pub(super) use directory::{make, replace};
pub use record::{Record, groups, setup, text};
