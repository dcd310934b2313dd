//! What a run can be told.

use std::{fmt, time::Duration};

use clap::{Args, ValueEnum, builder::RangedU64ValueParser};

const MIB: u64 = 1 << 20;

/// A number of things, bytes or times, between the two bounds.
fn between(min: u64, max: u64) -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(min..=max)
}

macro_rules! names {
    ($(#[$attribute:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident),* $(,)? }) => {
        $(#[$attribute])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
        #[value(rename_all = "snake_case")]
        pub enum $name { $($(#[$doc])* $variant),* }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let name = self.to_possible_value().expect("no value is hidden");
                f.pad(name.get_name())
            }
        }
    };
}

names! {
    /// A runtime, compiled in or not.
    RuntimeName { Local, Tokio, TokioCurrent, Smol, AsyncStd }
}

names! {
    /// How the bytes come to the proxy and leave it.
    TransportName {
        /// From memory and into a comparison with it, with nothing else around.
        Cached,
        /// Through in-memory pipes, from and to tasks of their own.
        Duplex,
        /// Through loopback sockets, from and to tasks of their own.
        Tcp,
        /// Through Unix sockets, from and to tasks of their own.
        #[cfg(unix)]
        Unix,
    }
}

names! {
    /// What the proxy is made of.
    ImplementationName {
        /// This crate, with bytes borrowed until they have to wait.
        Handoff,
        /// This crate, with every frame owned.
        HandoffOwned,
        /// A `Vec` as parser, and a write for every routed frame.
        ManualVec,
        /// A parser that gathers frames and writes them together.
        ManualBuffered,
        /// A `BytesMut` that is split, and a write for every routed frame.
        #[value(name = "bytesmut")]
        BytesMut,
        /// A `BytesMut` that is split, a channel and a framed writer in a task.
        ChannelFramed,
        /// A copy loop that parses nothing.
        RawCopy,
        /// bytes-handoff 1.0.0; on Tokio only.
        #[value(name = "peer_1")]
        Peer1,
        /// bytes-handoff 2.0.0 with its coalescer; on Tokio only.
        #[value(name = "peer_2")]
        Peer2,
    }
}

names! {
    /// How long the pieces are that the bytes arrive in.
    Scenario {
        /// 64 bytes.
        Fragmented,
        /// As much as one read takes.
        Coalesced,
    }
}

names! {
    /// What a write is followed by.
    Completion {
        /// Nothing: only the end of the stream is waited for.
        FireAndForget,
        /// A ticket, which is awaited once a window of later ones is outstanding.
        Ticket,
    }
}

/// What a run can be told, apart from the runtime and the implementation.
#[derive(Debug, Clone, Copy, Args)]
pub struct Settings {
    /// How the bytes come to the proxy and leave it
    #[arg(long, value_enum, default_value_t = TransportName::Tcp)]
    pub transport: TransportName,

    /// How long the pieces are that the bytes arrive in
    #[arg(long, value_enum, default_value_t = Scenario::Fragmented)]
    pub scenario: Scenario,

    /// The length of a piece in bytes, instead of the scenario's
    #[arg(long, value_name = "BYTES", value_parser = between(1, 64 * MIB))]
    pub arrival: Option<usize>,

    /// What a write is followed by
    #[arg(long, value_enum, default_value_t = Completion::FireAndForget)]
    pub completion: Completion,

    /// How many tickets may be outstanding
    #[arg(long, value_name = "TICKETS", default_value_t = 64, value_parser = between(1, 1 << 20))]
    pub window: usize,

    /// Threads of a multi-threaded runtime
    #[arg(long, value_name = "THREADS", default_value_t = 2, value_parser = between(1, 1024))]
    pub workers: usize,

    /// Streams at a time
    #[arg(long, value_name = "STREAMS", default_value_t = 32, value_parser = between(1, 10_000))]
    pub connections: usize,

    /// Lines that each stream starts with
    #[arg(long, value_name = "LINES", default_value_t = 64, value_parser = between(0, 10_000_000))]
    pub route_frames: usize,

    /// The length of a line without its end
    #[arg(long, value_name = "BYTES", default_value_t = 63, value_parser = between(32, MIB))]
    pub frame_len: usize,

    /// The length of the tunnel after the lines
    #[arg(long, value_name = "BYTES", default_value_t = MIB as usize, value_parser = between(0, 4096 * MIB))]
    pub tunnel_bytes: usize,

    /// The most that one read takes
    #[arg(long, value_name = "BYTES", default_value_t = 16 * 1024, value_parser = between(1, 64 * MIB))]
    pub read_reserve: usize,

    /// The byte budget of a write handoff; eight reads unless given
    #[arg(long, value_name = "BYTES", value_parser = between(1, 4096 * MIB))]
    pub write_pending_bytes: Option<usize>,

    /// What each in-memory pipe holds
    #[arg(long, value_name = "BYTES", default_value_t = 256 * 1024, value_parser = between(1, 64 * MIB))]
    pub duplex_capacity: usize,

    /// How much a cached source gives before it is pending once, so that streams take turns; 0 is never
    #[arg(long, value_name = "BYTES", default_value_t = 64 * 1024, value_parser = between(0, 4096 * MIB))]
    pub burst: usize,

    /// Rounds of streams to measure at the least
    #[arg(long, value_name = "ROUNDS", default_value_t = 1, value_parser = between(1, 1_000_000))]
    pub iterations: usize,

    /// Time to measure at the least
    #[arg(long, value_name = "SECONDS", default_value = "0.25", value_parser = seconds)]
    pub seconds: Duration,

    /// How long a round may take before it counts as a hang
    #[arg(long, value_name = "SECONDS", default_value = "120", value_parser = seconds)]
    pub stall_seconds: Duration,
}

impl Settings {
    /// The length of a piece.
    #[must_use]
    pub fn arrival(&self) -> usize {
        self.arrival.unwrap_or(match self.scenario {
            Scenario::Fragmented => 64,
            Scenario::Coalesced => self.read_reserve,
        })
    }

    /// The byte budget of a write handoff.
    #[must_use]
    pub fn write_pending_bytes(&self) -> usize {
        self.write_pending_bytes.unwrap_or(8 * self.read_reserve)
    }
}

fn seconds(given: &str) -> Result<Duration, String> {
    let seconds: f64 = given.parse().map_err(|_| "not a number of seconds".to_owned())?;
    if !(0.0..=86_400.0).contains(&seconds) {
        return Err("not between 0 and 86400 seconds".to_owned());
    }
    Ok(Duration::from_secs_f64(seconds))
}
