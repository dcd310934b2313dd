//! What is to be counted.

use clap::Args;

use super::Implementation;
use crate::stream::{Names, memory, settings::between};

/// The most that one connection takes: a frame of 1 MiB, in a buffer that grew by doubling, and a copy of it.
const EACH: u64 = 4 << 20;

/// Implementations and numbers of connections.
#[derive(Debug, Clone, Args)]
pub struct Selection {
    /// What the connections are made of: names, separated by commas, or all
    #[arg(long, value_name = "IMPLEMENTATIONS", default_value = "all", value_parser = Names::<Implementation>::parse)]
    pub implementation: Names<Implementation>,

    /// How many there are at a time, separated by commas
    #[arg(
        long, value_name = "CONNECTIONS", default_values = ["1", "16", "256", "1024"], value_delimiter = ',',
        value_parser = between(1, 100_000)
    )]
    pub connections: Vec<usize>,
}

impl Selection {
    /// Whether it can be counted here.
    ///
    /// # Errors
    ///
    /// What cannot.
    pub fn check(&self) -> Result<(), String> {
        if !cfg!(feature = "tokio") {
            return Err(
                "footprints are counted on tokio, which is not compiled in: enable the feature of its name"
                    .to_owned(),
            );
        }
        let peer = self.implementation.names.iter().find(|name| !name.is_compiled());
        if let Some(peer) = peer.filter(|_| !self.implementation.all) {
            return Err(format!("{peer} is not compiled in: it needs the feature `peers`"));
        }
        let most = self.connections.iter().copied().max().unwrap_or_default();
        let needed = EACH.saturating_mul(most as u64);
        match memory::available() {
            Some(available) if needed > available => Err(format!(
                "--connections {most} may take {needed} bytes at {EACH} each, and there are {available}"
            )),
            _ => Ok(()),
        }
    }

    /// What is counted, one implementation after the other.
    pub fn cases(&self) -> impl Iterator<Item = (Implementation, usize)> {
        let names = self.implementation.names.iter().copied().filter(|name| name.is_compiled());
        let mut connections = self.connections.clone();
        connections.sort_unstable();
        connections.dedup();
        names.flat_map(move |name| connections.clone().into_iter().map(move |number| (name, number)))
    }

    /// The same as words of a command line.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        let list = |of: Vec<String>| of.join(",");
        let names = if self.implementation.all {
            "all".to_owned()
        } else {
            list(self.implementation.names.iter().map(ToString::to_string).collect())
        };
        let connections = list(self.connections.iter().map(ToString::to_string).collect());
        ["--implementation".to_owned(), names, "--connections".to_owned(), connections].into()
    }
}

impl Implementation {
    fn is_compiled(self) -> bool {
        cfg!(feature = "peers") || !matches!(self, Self::Peer1 | Self::Peer2)
    }
}
