//! Groups of servers, and the connections to them.

use std::{
    io,
    net::SocketAddr,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use rustix::net::sockopt::set_tcp_nodelay;

use crate::{
    config::{self, Balance, SendProxy},
    metrics::{Metrics, ServerCounters},
    net::{Runtime, Socket, within},
};

/// A server.
#[derive(Debug)]
pub struct Server {
    /// Its address.
    pub address: SocketAddr,
    /// Its counters.
    pub counters: ServerCounters,
}

/// A group of interchangeable servers.
#[derive(Debug)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// All of them.
    pub servers: Vec<Server>,
    /// How the client's address is announced.
    pub send_proxy: SendProxy,
    balance: Balance,
    connect_timeout: Duration,
    /// The index of the next server.
    turn: AtomicUsize,
}

impl Group {
    /// The group that a configuration describes.
    pub fn new(upstream: &config::Upstream, metrics: &Metrics) -> Self {
        let server = |address: &SocketAddr| Server {
            address: *address,
            counters: metrics.server(&upstream.name, &address.to_string()),
        };
        Self {
            name: upstream.name.clone(),
            servers: upstream.servers.iter().map(server).collect(),
            send_proxy: upstream.send_proxy,
            balance: upstream.balance,
            connect_timeout: upstream.connect_timeout,
            turn: AtomicUsize::new(0),
        }
    }

    /// Opens a connection to one of the servers: the next one, or else the ones after it. The
    /// connection counts as open until the lease is dropped.
    ///
    /// # Errors
    ///
    /// The error of each server, if all failed.
    pub async fn connect<R: Runtime>(&self) -> Result<(R::Tcp, Lease<'_>), String> {
        let mut failures = String::new();
        let first = self.first();
        for place in 0..self.servers.len() {
            let server = &self.servers[(first + place) % self.servers.len()];
            // Counted from now on. Otherwise connections that come at once would all take the same
            // server.
            let lease = Lease::new(server);
            let connected = within::<R, _>(self.connect_timeout, R::connect(server.address)).await;
            let failure = match connected {
                Some(Ok(stream)) => match set_tcp_nodelay(stream.fd(), true) {
                    Ok(()) => {
                        server.counters.connected.inc();
                        return Ok((stream, lease));
                    }
                    Err(error) => io::Error::from(error).to_string(),
                },
                Some(Err(error)) => error.to_string(),
                None => format!("no answer in {:?}", self.connect_timeout),
            };
            server.counters.failed.inc();
            let separator = if failures.is_empty() { "" } else { "; " };
            failures.push_str(&format!("{separator}{}: {failure}", server.address));
        }
        Err(failures)
    }

    /// The index of the server to try first.
    fn first(&self) -> usize {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % self.servers.len();
        match self.balance {
            Balance::RoundRobin => turn,
            // Of several with the fewest, the next in turn.
            Balance::LeastConnections => (0..self.servers.len())
                .map(|place| (turn + place) % self.servers.len())
                .min_by_key(|place| self.servers[*place].counters.open.get())
                .unwrap_or(turn),
        }
    }
}

/// A connection that is counted as open.
#[derive(Debug)]
pub struct Lease<'a> {
    /// To this server.
    pub server: &'a Server,
}

impl<'a> Lease<'a> {
    fn new(server: &'a Server) -> Self {
        server.counters.open.inc();
        Self { server }
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        self.server.counters.open.dec();
    }
}
