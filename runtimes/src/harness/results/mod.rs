//! What runs come to: names and values, statistics of them, and the directories that they are kept
//! in.

mod directory;
mod record;

pub use crate::page::Samples;
pub use directory::{Output, load};
pub(super) use directory::{make, replace};
pub use record::{Record, groups, setup, text};
