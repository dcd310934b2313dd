//! Round trips: what writing through a handle costs a connection that asks and waits for the answer.
//!
//! A producer writes a burst of frames and then reads until the peer has answered it. The peer reads the whole burst before
//! it sends it back, so that no length of burst can block both directions, and so that the answer looks the same however
//! the burst was written. Every byte that comes back is compared with the one that was sent.
//!
//! An [`Exchange`] is one thing to measure, [`Figures`] are what it came to, and a [`Trips`] is both, as it is kept.

mod counted;
mod echo;
mod figures;
mod names;
mod pattern;
mod policy;
mod ratios;
mod run;
mod table;

pub use figures::{Figures, Measure, Trips};
pub use names::{Policy, Transport};
pub use pattern::Pattern;
pub use ratios::{Cell, cells};
pub use run::{Exchange, check, converse, measure};
pub use table::table;

/// The longest frame: a chunk may be as long as the budget of a handle that is configured no further.
pub const MAX_FRAME_LEN: usize = futures_handoff::WriteHandoffConfig::DEFAULT_MAX_PENDING_BYTES;

/// The longest burst in bytes, which the peer holds as a whole.
pub const MAX_BURST_BYTES: usize = 64 << 20;
