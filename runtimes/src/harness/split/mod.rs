//! The two ends in one process, the proxies in another, so that each can be measured, pinned and
//! profiled separately.
//!
//! The *service* has the proxies, the *driver* the two ends around them. They are started by hand,
//! also on two machines (`run --role`), or the driver starts its service, which is what measuring a
//! [`Case`](super::Case) with a [`Split`] does.
//!
//! Every connection begins with a line of JSON. The first one to a service, the control connection,
//! greets it and says where the driver's sink listens; the ones after it are streams, for each of
//! which the service opens one to the sink. With the streams of a round set up, the driver says
//! `start` and later `stop`, so that both processes count the same interval; after the last round
//! it says `end`. Each waits for the other for a limited time and watches the control connection,
//! which ends with the process.

mod child;
mod cores;
mod driver;
mod profile;
mod protocol;
mod service;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub(super) use self::{
    child::{child, measure},
    driver::{Driver, drive},
    protocol::Identity,
    service::{Service, serve},
};
pub use self::{
    cores::Cores,
    profile::{Profile, Profiler},
};
use super::RuntimeName;

/// How long every step but carrying streams may take: to connect, to greet, to start, to stop.
const LIMIT: Duration = Duration::from_secs(10);

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
