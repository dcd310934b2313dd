//! The names in the command line and the results.

use clap::ValueEnum;

macro_rules! names {
    ($(#[$attribute:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident),* $(,)? }) => {
        $(#[$attribute])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, serde::Serialize, serde::Deserialize)]
        #[value(rename_all = "snake_case")]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$doc])* $variant),* }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let name = clap::ValueEnum::to_possible_value(self).expect("no value is hidden");
                f.pad(name.get_name())
            }
        }
    };
}

pub(crate) use names;

names! {
    /// A runtime, compiled in or not.
    RuntimeName {
        Local,
        Tokio,
        #[value(alias = "tokio-current")]
        TokioCurrent,
        Smol,
        #[value(alias = "async-std")]
        AsyncStd,
    }
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
    /// The implementation of the proxy.
    ImplementationName {
        /// This crate, with bytes borrowed until they have to wait.
        Handoff,
        /// This crate with the adaptive read size.
        #[value(alias = "handoff-adaptive")]
        HandoffAdaptive,
        /// This crate, with the writer's task spawned.
        #[value(alias = "handoff-spawned")]
        HandoffSpawned,
        /// This crate, with every frame owned.
        #[value(alias = "handoff-owned")]
        HandoffOwned,
        /// A `Vec` as parser, and a write for every routed frame.
        #[value(alias = "manual-vec")]
        ManualVec,
        /// A parser that gathers frames and writes them together.
        #[value(alias = "manual-buffered")]
        ManualBuffered,
        /// A `BytesMut` that is split, and a write for every routed frame.
        #[value(name = "bytesmut")]
        #[serde(rename = "bytesmut")]
        BytesMut,
        /// A `BytesMut` that is split, a channel and a framed writer in a task.
        #[value(alias = "channel-framed")]
        ChannelFramed,
        /// A copy loop that parses nothing.
        #[value(alias = "raw-copy")]
        RawCopy,
        /// bytes-handoff 1.0.0; on Tokio only.
        #[value(name = "peer_1", alias = "peer-1")]
        #[serde(rename = "peer_1")]
        Peer1,
        /// bytes-handoff 2.0.0 with its coalescer; on Tokio only.
        #[value(name = "peer_2", alias = "peer-2")]
        #[serde(rename = "peer_2")]
        Peer2,
    }
}

names! {
    /// The lengths of the arriving pieces.
    Scenario {
        /// 64 bytes.
        Fragmented,
        /// As much as one read takes.
        Coalesced,
    }
}

names! {
    /// What sets the lengths of the pieces.
    InputModel {
        /// The scenario, or `--input-fragment`.
        Fixed,
        /// The payload of a TCP segment, independent of the scenario.
        Tcp,
    }
}

names! {
    /// What follows a write.
    Completion {
        /// Nothing: the proxy only waits for the end of the stream.
        #[value(alias = "fire-and-forget")]
        FireAndForget,
        /// A ticket, which is awaited once a window of later ones is outstanding.
        Ticket,
    }
}

/// Several names of one kind: a comma-separated list, or `all`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names<T> {
    /// The names, each once.
    pub names: Vec<T>,
    /// Whether they were asked for as `all`.
    pub all: bool,
}

impl<T: ValueEnum + PartialEq> Names<T> {
    /// A list of one.
    pub fn only(name: T) -> Self {
        Self { names: vec![name], all: false }
    }

    /// Reads a list.
    pub fn parse(given: &str) -> Result<Self, String> {
        if given == "all" {
            return Ok(Self { names: T::value_variants().to_vec(), all: true });
        }
        let mut names = Vec::new();
        for name in given.split(',') {
            let known = T::from_str(name, false).map_err(|_| {
                let known = T::value_variants().iter().filter_map(T::to_possible_value);
                let known: Vec<_> = known.map(|value| value.get_name().to_owned()).collect();
                format!("'{name}' is neither all nor one of {}", known.join(", "))
            })?;
            if !names.contains(&known) {
                names.push(known);
            }
        }
        Ok(Self { names, all: false })
    }
}
