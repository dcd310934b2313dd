//! What was measured and counted.

use serde::{Deserialize, Serialize};

use crate::stream::{ImplementationName, RuntimeName, Unavailable, names::names, runner};

names! {
    /// What is between the producers and the writer.
    Implementation {
        /// This crate.
        Handoff,
        /// A bounded channel and a task that writes what comes out of it.
        Channel,
        /// bytes-handoff 1.0.0; on Tokio only.
        #[value(name = "peer_1")]
        #[serde(rename = "peer_1")]
        Peer1,
        /// bytes-handoff 2.0.0; on Tokio only.
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
            Self::Channel => ImplementationName::ChannelFramed,
            Self::Peer1 => ImplementationName::Peer1,
            Self::Peer2 => ImplementationName::Peer2,
        }
    }

    /// Whether it can be measured on a runtime in this build.
    ///
    /// # Errors
    ///
    /// If it cannot.
    pub fn check(self, runtime: RuntimeName) -> Result<(), Unavailable> {
        runner(runtime, self.proxy()).map(drop)
    }

    /// Whether a write of it can be followed by that.
    #[must_use]
    pub fn has(self, completion: Completion) -> bool {
        self != Self::Channel || completion != Completion::Awaited
    }
}

names! {
    /// What a write is followed by.
    Completion {
        /// Nothing: no ticket is made.
        FireAndForget,
        /// A ticket, which is dropped at once. A channel has none, and just writes.
        Dropped,
        /// A ticket, which is awaited before the next write. A channel cannot do that.
        Awaited,
    }
}

/// A line of the results.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Record {
    /// Writes that were timed.
    Written(Written),
    /// Writes that waited for room.
    Waited(Waited),
}

/// What writes came to, all of them together and each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Written {
    /// What it ran on.
    pub runtime: RuntimeName,
    /// The threads of that, if it has several.
    pub worker_threads: usize,
    /// What was between the producers and the writer.
    pub implementation: Implementation,
    /// What a write was followed by.
    pub completion: Completion,
    /// How many tasks wrote.
    pub producers: usize,
    /// How long a chunk was.
    pub chunk_len: usize,
    /// Which pair it was measured in, from 1.
    pub pair: usize,
    /// Writes of all producers.
    pub writes: u64,
    /// Bytes that the writer was given, those before the measured interval included.
    pub bytes: u64,
    /// Wall time of a write, in nanoseconds.
    pub ns_per_write: f64,
    /// CPU time of the process for a write, in nanoseconds.
    pub cpu_ns_per_write: f64,
    /// Allocations and reallocations for a write.
    pub allocations_per_write: f64,
    /// Allocations and reallocations of all writes together.
    pub allocations: u64,
}

/// How often writes were polled that waited for room.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Waited {
    /// What it ran on.
    pub runtime: RuntimeName,
    /// The threads of that, if it has several.
    pub worker_threads: usize,
    /// What was between the producers and the writer.
    pub implementation: Implementation,
    /// How many tasks wrote.
    pub producers: usize,
    /// How long a chunk was.
    pub chunk_len: usize,
    /// How many chunks there was room for.
    pub room: usize,
    /// Writes that were admitted, which are all.
    pub writes: u64,
    /// Bytes that the writer was given.
    pub bytes: u64,
    /// How often the futures of these writes were polled.
    pub polls: u64,
    /// The same for one write.
    pub polls_per_write: f64,
    /// The most polls of one write.
    pub most_polls: u64,
}
