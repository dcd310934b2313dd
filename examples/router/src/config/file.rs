//! The configuration file as it is written.

use std::{collections::BTreeMap, num::NonZeroUsize, path::PathBuf, time::Duration};

use serde::Deserialize;
use toml::Spanned;

use super::value::{Address, Name, PathStart, Period, Server};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    pub threads: Option<NonZeroUsize>,
    #[serde(default = "drain_timeout")]
    pub drain_timeout: Period,
    pub admin: Option<Admin>,
    #[serde(default)]
    pub upstream: BTreeMap<String, Upstream>,
    #[serde(default)]
    pub listener: Vec<Listener>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Admin {
    pub address: Address,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Upstream {
    pub servers: Spanned<Vec<Server>>,
    #[serde(default)]
    pub balance: Balance,
    #[serde(default = "connect_timeout")]
    pub connect_timeout: Period,
    #[serde(default)]
    pub send_proxy: SendProxy,
}

/// Which server of a group is next.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Balance {
    /// Round robin.
    #[default]
    RoundRobin,
    /// The one with the fewest connections.
    LeastConnections,
}

/// Which header announces the client's address to a server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SendProxy {
    /// None.
    #[default]
    None,
    /// Version 1, a line of text.
    V1,
    /// Version 2, binary.
    V2,
    /// The header that the client sent, or else version 2.
    Forward,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listener {
    pub address: Spanned<Address>,
    #[serde(default)]
    pub accept_proxy: AcceptProxy,
    #[serde(default = "detect_timeout")]
    pub detect_timeout: Period,
    #[serde(default = "idle_timeout")]
    pub idle_timeout: Period,
    #[serde(default = "max_connections")]
    pub max_connections: NonZeroUsize,
    #[serde(default)]
    pub route: Vec<Spanned<Route>>,
}

/// Whether clients send a PROXY header.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AcceptProxy {
    /// Clients send none.
    #[default]
    Never,
    /// It is removed if it is there.
    Optional,
    /// A connection without it is refused.
    Always,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    pub name: Option<String>,
    pub upstream: Spanned<String>,
    pub r#match: Option<Spanned<Match>>,
    pub terminate: Option<Spanned<Terminate>>,
    pub idle_timeout: Option<Period>,
    pub splice: Option<Spanned<bool>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Match {
    pub tls: Option<Tls>,
    pub http: Option<Http>,
    pub resp: Option<Resp>,
    pub ssh: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    #[serde(default)]
    pub sni: Vec<Name>,
    #[serde(default)]
    pub alpn: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    #[serde(default)]
    pub host: Vec<Name>,
    #[serde(default)]
    pub path: Vec<PathStart>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resp {
    #[serde(default)]
    pub command: Vec<String>,
    #[serde(default)]
    pub key: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terminate {
    pub certificate: PathBuf,
    pub key: PathBuf,
    #[serde(default)]
    pub alpn: Vec<String>,
}

fn drain_timeout() -> Period {
    Period(Duration::from_secs(30))
}

fn connect_timeout() -> Period {
    Period(Duration::from_secs(3))
}

fn detect_timeout() -> Period {
    Period(Duration::from_secs(5))
}

fn idle_timeout() -> Period {
    Period(Duration::from_secs(600))
}

fn max_connections() -> NonZeroUsize {
    const { NonZeroUsize::new(10_000).unwrap() }
}
