//! The counters. They outlive a reload: the same name keeps the same counter.

use prometheus_client::{
    encoding::text::encode,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

use crate::reason::Reason;

type Labels = Vec<(&'static str, String)>;

/// All counters.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    accepted: Family<Labels, Counter>,
    open: Family<Labels, Gauge>,
    accept_errors: Family<Labels, Counter>,
    undetected: Family<Labels, Counter>,
    ended: Family<Labels, Counter>,
    bytes: Family<Labels, Counter>,
    connected: Family<Labels, Counter>,
    failed: Family<Labels, Counter>,
    server_open: Family<Labels, Gauge>,
    reloads: Family<Labels, Counter>,
}

/// Those of a listener.
#[derive(Debug, Clone)]
pub struct ListenerCounters {
    /// Connections that were accepted.
    pub accepted: Counter,
    /// Connections that are open.
    pub open: Gauge,
    /// Times that `accept` failed.
    pub accept_errors: Counter,
    /// Connections that sent too little to decide before the time was over.
    pub undetected: Counter,
}

/// Those of a route.
#[derive(Debug, Clone)]
pub struct RouteCounters {
    /// Bytes from clients to servers, of connections that have ended.
    pub to_upstream: Counter,
    /// Bytes from servers to clients, of connections that have ended.
    pub to_client: Counter,
    /// One for each reason, in the order of [`Reason::ALL`]. A connection that ends looks none up.
    ended: [Counter; Reason::ALL.len()],
}

/// Those of a server.
#[derive(Debug, Clone)]
pub struct ServerCounters {
    /// Connections that were opened.
    pub connected: Counter,
    /// Connections that could not be opened.
    pub failed: Counter,
    /// Connections that are open.
    pub open: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("router");
        let mut counters = |name, help| {
            let family = Family::<Labels, Counter>::default();
            registry.register(name, help, family.clone());
            family
        };
        let accepted = counters("accepted", "Connections that were accepted");
        let accept_errors = counters("accept_errors", "Times that accepting a connection failed");
        let undetected = counters("undetected", "Connections that sent too little to decide in time");
        let ended = counters("ended", "Connections that have ended, by reason");
        let bytes = counters("bytes", "Bytes that were passed on, of connections that have ended");
        let connected = counters("upstream_connected", "Connections that were opened to a server");
        let failed = counters("upstream_failed", "Connections that could not be opened to a server");
        let reloads = counters("reloads", "Times that the configuration was read again, by outcome");
        let mut gauges = |name, help| {
            let family = Family::<Labels, Gauge>::default();
            registry.register(name, help, family.clone());
            family
        };
        let open = gauges("open", "Connections that are open");
        let server_open = gauges("upstream_open", "Connections that are open to a server");
        Self {
            registry,
            accepted,
            open,
            accept_errors,
            undetected,
            ended,
            bytes,
            connected,
            failed,
            server_open,
            reloads,
        }
    }
}

impl Metrics {
    /// Those of the listener at an address.
    pub fn listener(&self, address: &str) -> ListenerCounters {
        let labels = vec![("listener", address.to_owned())];
        ListenerCounters {
            accepted: self.accepted.get_or_create_owned(&labels),
            open: self.open.get_or_create_owned(&labels),
            accept_errors: self.accept_errors.get_or_create_owned(&labels),
            undetected: self.undetected.get_or_create_owned(&labels),
        }
    }

    /// Those of a route of a listener.
    pub fn route(&self, address: &str, route: &str) -> RouteCounters {
        let labels = vec![("listener", address.to_owned()), ("route", route.to_owned())];
        let with = |name, value: &str| {
            let mut labels = labels.clone();
            labels.push((name, value.to_owned()));
            labels
        };
        RouteCounters {
            to_upstream: self.bytes.get_or_create_owned(&with("to", "upstream")),
            to_client: self.bytes.get_or_create_owned(&with("to", "client")),
            ended: Reason::ALL.map(|reason| self.ended.get_or_create_owned(&with("reason", reason.as_str()))),
        }
    }

    /// Those of a server of a group.
    pub fn server(&self, upstream: &str, server: &str) -> ServerCounters {
        let labels = vec![("upstream", upstream.to_owned()), ("server", server.to_owned())];
        ServerCounters {
            connected: self.connected.get_or_create_owned(&labels),
            failed: self.failed.get_or_create_owned(&labels),
            open: self.server_open.get_or_create_owned(&labels),
        }
    }

    /// Counts a reload.
    pub fn reloaded(&self, outcome: &str) {
        self.reloads.get_or_create(&vec![("outcome", outcome.to_owned())]).inc();
    }

    /// All of them, as Prometheus reads them.
    pub fn text(&self) -> String {
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("a string takes everything");
        text
    }
}

impl RouteCounters {
    /// Counts a connection that has ended.
    pub fn ended(&self, reason: Reason) {
        self.ended[reason as usize].inc();
    }

    /// How many connections have ended, for any reason.
    pub fn total(&self) -> u64 {
        self.ended.iter().map(Counter::get).sum()
    }

    /// How many connections have ended for this reason.
    pub fn total_of(&self, reason: Reason) -> u64 {
        self.ended[reason as usize].get()
    }
}
