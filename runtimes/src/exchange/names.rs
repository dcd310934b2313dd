//! What the command line and the results call things.

use crate::stream::names::names;

names! {
    /// What carries the bytes.
    Transport {
        /// A loopback socket; the peer is a plain thread with a blocking socket, whose CPU time does not count.
        Tcp,
        /// In-memory pipes; the peer is a task on the same runtime, whose CPU time counts.
        Duplex,
    }
}

names! {
    /// How a burst is written.
    Policy {
        /// `write_all` on the writer for each frame, without a handle.
        Direct,
        /// A buffer of 16 KiB in front of the writer, flushed at the end of the burst: what a careful hand writes.
        DirectBuffered,
        /// A handle as it comes, its task spawned.
        Default,
        /// A handle that is to send each frame at once.
        #[value(name = "send_at_0")]
        #[serde(rename = "send_at_0")]
        SendAt0,
        /// A handle whose writer is polled by the task only.
        InlineNever,
        /// A handle as it comes, with the producer's loop inside of `batching`.
        Batching,
        /// A handle as it comes, whose task runs with the producer's loop instead of being spawned.
        RunUntil,
        /// The same, with a `dispatch` at the end of the burst: before the read that finds nothing yet.
        Dispatch,
    }
}

impl Policy {
    /// What all are compared with.
    pub const BASELINE: Self = Self::Direct;
}
