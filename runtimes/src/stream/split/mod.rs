//! The two ends in one process, the proxies in another, so that each can be measured, pinned and watched by itself.
//!
//! The *service* has the proxies, the *driver* the two ends around them. They may be started by hand, also on two
//! machines, or by a *parent*, which is what [`Processes::Two`] does.
//!
//! Every connection begins with a line of JSON. The first one to a service, the control connection, greets it and says
//! where the driver's sink listens; the ones after it are streams, for each of which the service opens one to the sink.
//! With the streams of a round set up, the driver says `start` and later `stop`, so that both processes count the same
//! interval; after the last round it says `end`. Whoever waits for the other does so for a limited time and watches
//! the control connection, which ends with the process.

mod child;
mod control;
mod cores;
mod driver;
mod parent;
mod process;
mod profile;
mod service;
mod session;

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

pub(super) use self::{
    child::child,
    control::Identity,
    driver::{Driver, drive},
    parent::measure,
    service::{Service, serve},
};
pub use self::{
    cores::Cores,
    profile::{Profile, Profiler},
};
use super::{RuntimeName, TransportName};

/// How long anything may take that is not carrying streams: to connect, to greet, to start, to stop.
const LIMIT: Duration = Duration::from_secs(10);

/// Where the parties run.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Processes {
    /// All in this process.
    #[default]
    One,
    /// The proxies in one, the two ends around them in another.
    Two(Split),
}

impl Processes {
    /// Whether there can be so many with that transport.
    ///
    /// # Errors
    ///
    /// If not.
    pub fn check(&self, transport: TransportName) -> Result<(), String> {
        match self {
            Self::Two(_) if transport != TransportName::Tcp => {
                Err(format!("two processes need --transport tcp, not {transport}"))
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Processes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::One => "integrated",
            Self::Two(_) => "split",
        })
    }
}

/// How the two processes are run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Split {
    /// What the process with the proxies is pinned to.
    pub service_cores: Option<Cores>,
    /// What the process around it is pinned to.
    pub driver_cores: Option<Cores>,
    /// What the process around it runs on.
    pub driver_runtime: RuntimeName,
    /// What watches the process with the proxies.
    pub profile: Option<Profile>,
}
