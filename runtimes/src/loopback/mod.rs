//! Connections over loopback that go wrong: a [`Peer`] that resets, stalls and goes away, the proxy that has to bear it,
//! and what the process holds meanwhile.
//!
//! A peer is a plain socket in non-blocking mode and the same under every runtime: what differs from one to the next is
//! the side that is tried out.

mod outlet;
mod peer;
mod resources;
mod router;
#[cfg(feature = "harness")]
pub mod soak;
mod way;
mod within;

pub use outlet::{Outcome, Outlet, Parting};
pub use peer::{Peer, Peers};
pub use resources::{limit_descriptors, open_descriptors, resident_bytes};
pub use router::{MARK, Routed, Terms, route};
pub use within::within;
