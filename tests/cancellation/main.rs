//! Every future of the crate, dropped after each possible number of polls.
//!
//! The streams are slow: a writer is pending at each write, flush and close and takes a few bytes
//! at a time, a reader is pending at each read and returns as few. The state is checked each time:
//! nothing is lost or duplicated, other users are served, no room stays taken, and the stream is
//! still usable. Every new future gets a test here.

#[cfg(feature = "tokio")]
mod adapters;
mod ending;
#[cfg(feature = "fragment")]
mod framed;
mod polls;
mod reading;
mod slow;
mod submitting;
mod waiting;
mod world;

/// Tests, each with what it drops.
macro_rules! cancelled {
    ($($(#[$attribute:meta])* $what:literal fn $name:ident() $body:block)*) => {
        futures_handoff_runtimes::watched_tests! { $(#[doc = $what] $(#[$attribute])* fn $name() $body)* }
    };
}
pub(crate) use cancelled;
