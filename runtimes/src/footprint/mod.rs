//! What memory an idle connection keeps.
//!
//! A connection is a read buffer, a write handle and the task behind it, over a reader and a writer that are made of next to
//! nothing, so that what is counted is theirs, and what the runtime allocates for the task. All of it happens on one thread, on
//! Tokio's single-threaded runtime, and the allocator says after each step how much more is allocated than before it.
//!
//! The allocator that can tell is not the one that everything else is measured with: one that follows what is freed would slow
//! those down that allocate most. So a binary of its own, `footprint`, counts, and the command of that name reads what it prints.

#[cfg(feature = "tokio")]
mod connection;
#[cfg(feature = "tokio")]
mod handoff;
#[cfg(feature = "tokio")]
mod manual;
#[cfg(feature = "tokio")]
mod measure;
#[cfg(feature = "peers")]
mod peer;
mod record;
mod selection;
#[cfg(feature = "tokio")]
mod wire;

#[cfg(feature = "tokio")]
pub use measure::{Live, Meter, measure};
pub use record::{Footprint, Implementation, State};
pub use selection::Selection;
