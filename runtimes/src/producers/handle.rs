//! What all implementations can do, and how they are found by their names.

use std::{future::Future, io, pin::Pin};

use bytes::Bytes;

#[cfg(feature = "peers")]
use super::peer::{Peer1, Peer2};
use super::{Implementation, channel::Channel, discard::Discard, handoff::Handoff};
use crate::{
    Runtime,
    stream::{RuntimeName, Unavailable, names::on_runtime},
};

/// What may be pending at a time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Chunks, where they are counted.
    pub(super) items: usize,
    /// Bytes, where they are counted.
    pub(super) bytes: usize,
    /// Handles that write.
    pub(super) producers: usize,
}

/// Done once everything is written. There must be no handle any more.
pub(super) type End = Pin<Box<dyn Future<Output = io::Result<()>> + Send>>;

/// What a producer writes with.
pub(super) trait Handle: Clone + Send + 'static {
    /// What becomes of a write.
    type Ticket: Send;

    /// A handle of a new stream, whose task runs on `R`.
    fn open<R: Runtime>(writer: Discard, limits: Limits) -> io::Result<(Self, End)>;

    /// Writes without a ticket.
    fn submit(&mut self, chunk: Bytes) -> impl Future<Output = io::Result<()>> + Send;

    /// Writes with one.
    fn write(&mut self, chunk: Bytes) -> impl Future<Output = io::Result<Self::Ticket>> + Send;

    /// Waits for the write behind a ticket.
    fn wait(ticket: Self::Ticket) -> impl Future<Output = io::Result<()>> + Send;
}

/// What is done with a runtime and a handle once their names have become types.
pub(super) trait Visitor {
    /// What comes of it.
    type Output;

    /// Does it.
    fn visit<R: Runtime, H: Handle>(self) -> Self::Output;
}

/// Makes types of the names.
///
/// # Errors
///
/// If one of them is not compiled in, or they do not go together.
pub(super) fn visit<V: Visitor>(
    runtime: RuntimeName,
    implementation: Implementation,
    visitor: V,
) -> Result<V::Output, Unavailable> {
    implementation.check(runtime)?;
    let visited = on_runtime!(runtime, on, V)(implementation, visitor);
    visited.ok_or(Unavailable::Implementation(implementation.proxy(), runtime))
}

fn on<R: Runtime, V: Visitor>(implementation: Implementation, visitor: V) -> Option<V::Output> {
    match implementation {
        Implementation::Handoff => Some(visitor.visit::<R, Handoff>()),
        Implementation::Channel => Some(visitor.visit::<R, Channel>()),
        #[cfg(feature = "peers")]
        Implementation::Peer1 => Some(visitor.visit::<R, Peer1>()),
        #[cfg(feature = "peers")]
        Implementation::Peer2 => Some(visitor.visit::<R, Peer2>()),
        #[cfg(not(feature = "peers"))]
        Implementation::Peer1 | Implementation::Peer2 => None,
    }
}
