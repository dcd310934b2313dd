//! What was counted.

use serde::{Deserialize, Serialize};

use crate::stream::{ImplementationName, names::names};

names! {
    /// What a connection is made of.
    Implementation {
        /// This crate; frames are borrowed from the read buffer.
        Handoff,
        /// This crate; every frame leaves the read buffer owned.
        HandoffOwned,
        /// A `Vec` of 16 KiB that is kept, and a writer, without a task.
        ManualVec,
        /// bytes-handoff 1.0.0.
        #[value(name = "peer_1")]
        #[serde(rename = "peer_1")]
        Peer1,
        /// bytes-handoff 2.0.0 with its coalescer.
        #[value(name = "peer_2")]
        #[serde(rename = "peer_2")]
        Peer2,
    }
}

impl Implementation {
    /// The name of its like among the proxies.
    #[must_use]
    pub fn proxy(self) -> ImplementationName {
        match self {
            Self::Handoff => ImplementationName::Handoff,
            Self::HandoffOwned => ImplementationName::HandoffOwned,
            Self::ManualVec => ImplementationName::ManualVec,
            Self::Peer1 => ImplementationName::Peer1,
            Self::Peer2 => ImplementationName::Peer2,
        }
    }
}

names! {
    /// What a connection has been through, in this order.
    State {
        /// Made, and its task polled once. Nothing was read.
        Fresh,
        /// It waits for its first byte.
        Waiting,
        /// Frames of 64 bytes went through, each of them written before the next one came; it waits for more.
        Frames,
        /// A burst of such frames, 16 KiB at once, went through after them; it waits for more.
        Idle,
        /// A frame of 1 MiB went through; it has not been read from since.
        Large,
        /// After that it was read from, and there was nothing.
        AfterLarge,
    }
}

/// What some connections keep in one state.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Footprint {
    /// What they are made of.
    pub implementation: Implementation,
    /// How many there are.
    pub connections: usize,
    /// What they have been through.
    pub state: State,
    /// Bytes on the heap, of all together.
    pub live_bytes: i64,
    /// Allocations that they are in.
    pub live_allocations: i64,
    /// The same for one.
    pub bytes_per_connection: f64,
    /// The same for one.
    pub allocations_per_connection: f64,
    /// What buffer and handle take of whoever owns them, which is not part of the above.
    pub inline_bytes: usize,
}
