//! What is known about a connection, and its line in the log.

use std::{fmt, io, net::SocketAddr, time::Instant};

use futures_handoff::{
    bytes::Bytes,
    tunnel::{End, Report},
};
use tracing::info;

use crate::{
    listener::{Listener, Route, Seat, Settings},
    reason::Reason,
    rule::Seen,
};

/// What a proxy in front of the router reported about the client.
#[derive(Debug)]
pub struct Announced {
    /// The addresses of the client and of its destination; `None` if it has no TCP address.
    pub addresses: Option<(SocketAddr, SocketAddr)>,
    /// The header itself, until it is passed on or no longer needed.
    pub header: Bytes,
}

/// How much was carried, and how the connection ended.
#[derive(Debug)]
pub struct Outcome {
    /// Bytes that the server has taken.
    pub to_upstream: u64,
    /// Bytes that the client has taken.
    pub to_client: u64,
    /// The server ended its answer, and all of it and the end were passed on.
    pub answered: bool,
    /// Why it is over.
    pub reason: Reason,
    /// What went wrong.
    pub error: Option<io::Error>,
}

impl From<Report> for Outcome {
    fn from(report: Report) -> Self {
        let Report { a_to_b, b_to_a, idle, .. } = report;
        let answered = matches!(b_to_a.end, End::Closed);
        let (reason, error) = match (a_to_b.end, b_to_a.end) {
            (End::Read(error), _) | (_, End::Write(error)) => (Reason::ClientError, Some(error)),
            (End::Write(error), _) | (_, End::Read(error)) => (Reason::UpstreamError, Some(error)),
            _ if idle => (Reason::Idle, None),
            _ => (Reason::Closed, None),
        };
        Self { to_upstream: a_to_b.bytes, to_client: b_to_a.bytes, answered, reason, error }
    }
}

/// What is known about a connection. When it is dropped, it is counted and logged.
pub struct Record<'a> {
    settings: &'a Settings,
    seat: &'a Seat,
    /// The client, or the proxy in front of the router.
    pub peer: SocketAddr,
    /// What that proxy reported about the client.
    pub announced: Option<Announced>,
    /// What decided the route.
    pub seen: Seen,
    /// The route that has taken it.
    pub route: Option<&'a Route>,
    /// The server that it goes to.
    pub server: Option<SocketAddr>,
    began: Instant,
    to_upstream: u64,
    to_client: u64,
    reason: Reason,
    error: String,
}

impl<'a> Record<'a> {
    /// A connection that has just been accepted.
    pub fn new(settings: &'a Settings, peer: SocketAddr, seat: &'a Seat) -> Self {
        Self {
            settings,
            seat,
            peer,
            announced: None,
            seen: Seen::Nothing,
            route: None,
            server: None,
            began: Instant::now(),
            to_upstream: 0,
            to_client: 0,
            reason: Reason::Cut,
            error: String::new(),
        }
    }

    /// The client that a proxy in front of the router reports, or else the peer.
    pub fn client(&self) -> SocketAddr {
        self.announced.as_ref().and_then(|announced| announced.addresses).map_or(self.peer, |addresses| addresses.0)
    }

    /// Its listener.
    pub fn listener(&self) -> &'a Listener {
        &self.seat.listener
    }

    /// The time for deciding is over.
    pub fn undetected(&self) {
        self.seat.listener.counters.undetected.inc();
    }

    /// The connection was carried to its end.
    pub fn carried(&mut self, outcome: Outcome) {
        self.to_upstream = outcome.to_upstream;
        self.to_client = outcome.to_client;
        let reason = match outcome.reason {
            Reason::Idle if self.listener().is_cut() => Reason::Cut,
            reason => reason,
        };
        self.end(reason, outcome.error.map(|error| error.to_string()).unwrap_or_default());
    }

    /// The connection is over.
    pub fn end(&mut self, reason: Reason, error: String) {
        self.reason = reason;
        self.error = error;
    }
}

impl Drop for Record<'_> {
    fn drop(&mut self) {
        let counters = self.route.map_or(&self.settings.unrouted, |route| &route.counters);
        counters.to_upstream.inc_by(self.to_upstream);
        counters.to_client.inc_by(self.to_client);
        counters.ended(self.reason);
        info!(
            listener = %self.seat.listener.address,
            client = %self.client(),
            route = self.route.map_or("-", |route| route.config.name.as_str()),
            server = %OrDash(self.server),
            seen = %self.seen,
            to_server = self.to_upstream,
            to_client = self.to_client,
            ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX),
            end = self.reason.as_str(),
            error = %OrDash((!self.error.is_empty()).then_some(&self.error)),
            "connection ended",
        );
    }
}

/// A value, or `-`.
struct OrDash<T>(Option<T>);

impl<T: fmt::Display> fmt::Display for OrDash<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(value) => value.fmt(f),
            None => f.write_str("-"),
        }
    }
}
