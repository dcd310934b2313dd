//! What the proxy in the middle is made of.

/// A proxy that is nothing but a runtime to spawn its writer task on.
macro_rules! on_a_runtime {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        pub struct $name<R> {
            runtime: std::marker::PhantomData<fn() -> R>,
        }

        impl<R> $name<R> {
            /// With the writer task on `R`.
            #[must_use]
            pub fn new() -> Self {
                Self { runtime: std::marker::PhantomData }
            }
        }

        impl<R> Clone for $name<R> {
            fn clone(&self) -> Self {
                *self
            }
        }

        impl<R> Copy for $name<R> {}

        impl<R> Default for $name<R> {
            fn default() -> Self {
                Self::new()
            }
        }

        impl<R> std::fmt::Debug for $name<R> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(stringify!($name))
            }
        }
    };
}

mod bytesmut;
mod channel_framed;
mod handoff;
mod handoff_adaptive;
mod handoff_owned;
mod handoff_spawned;
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
pub use handoff_adaptive::HandoffAdaptive;
pub use handoff_owned::HandoffOwned;
pub use handoff_spawned::HandoffSpawned;
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
