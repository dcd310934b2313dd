//! What the proxy in the middle is made of.

mod bytesmut;
mod channel_framed;
mod handoff;
mod handoff_owned;
mod incoming;
mod manual_buffered;
mod manual_vec;
#[cfg(feature = "peers")]
mod peer_1;
#[cfg(feature = "peers")]
mod peer_2;
mod raw_copy;
#[cfg(feature = "peers")]
mod until_gone;

use std::{future::Future, io};

pub use bytesmut::SplitBytesMut;
pub use channel_framed::ChannelFramed;
pub use handoff::Handoff;
pub use handoff_owned::HandoffOwned;
pub use manual_buffered::ManualBuffered;
pub use manual_vec::ManualVec;
#[cfg(feature = "peers")]
pub use peer_1::Peer1;
#[cfg(feature = "peers")]
pub use peer_2::Peer2;
pub use raw_copy::RawCopy;

use super::Settings;

/// Moves one stream from a reader to a writer, and routes its lines on the way.
pub trait Proxy<I, O>: Copy + Send + Sync + 'static {
    /// Runs until the reader has ended and everything is written, and the writer is closed.
    fn run(
        self,
        reader: I,
        writer: O,
        settings: Settings,
    ) -> impl Future<Output = io::Result<()>> + Send + 'static;
}
