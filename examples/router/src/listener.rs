//! A listener: its settings, and how many connections it has.

use std::{
    net::SocketAddr,
    pin::pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

use event_listener::Event;
use futures_util::future::{Either, select};

use crate::{
    config,
    metrics::{ListenerCounters, Metrics, RouteCounters},
    rule::Rule,
    upstream::Group,
};

/// A route and its counters.
#[derive(Debug)]
pub struct Route {
    /// Its configuration.
    pub config: config::Route,
    /// Its servers.
    pub group: Arc<Group>,
    /// What is counted.
    pub counters: RouteCounters,
}

/// The settings of a listener. A connection keeps the settings that it began with.
#[derive(Debug)]
pub struct Settings {
    /// Whether clients send a PROXY header.
    pub accept_proxy: config::AcceptProxy,
    /// How long to wait for bytes that decide.
    pub detect_timeout: Duration,
    /// The routes, in their order.
    pub routes: Vec<Route>,
    /// The counters of connections that no route takes.
    pub unrouted: RouteCounters,
    max_connections: usize,
}

impl Settings {
    /// The settings from a configuration.
    pub fn new(listener: config::Listener, groups: &[Arc<Group>], metrics: &Metrics) -> Self {
        let address = listener.address.to_string();
        let route = |config: config::Route| Route {
            group: groups[config.upstream].clone(),
            counters: metrics.route(&address, &config.name),
            config,
        };
        Self {
            accept_proxy: listener.accept_proxy,
            detect_timeout: listener.detect_timeout,
            max_connections: listener.max_connections,
            unrouted: metrics.route(&address, "-"),
            routes: listener.routes.into_iter().map(route).collect(),
        }
    }

    /// The rules of the routes, in their order.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.routes.iter().map(|route| &route.config.rule)
    }
}

/// A listener.
#[derive(Debug)]
pub struct Listener {
    /// Its address.
    pub address: SocketAddr,
    /// What is counted of it.
    pub counters: ListenerCounters,
    settings: Mutex<Arc<Settings>>,
    /// A connection has ended, or the settings are new.
    room: Event,
    is_cut: AtomicBool,
    cut: Event,
}

impl Listener {
    /// A listener that accepts nothing yet.
    pub fn new(address: SocketAddr, settings: Settings, metrics: &Metrics) -> Self {
        Self {
            address,
            counters: metrics.listener(&address.to_string()),
            settings: Mutex::new(Arc::new(settings)),
            room: Event::new(),
            is_cut: AtomicBool::new(false),
            cut: Event::new(),
        }
    }

    /// The settings for new connections.
    pub fn settings(&self) -> Arc<Settings> {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes the settings for new connections.
    pub fn change(&self, settings: Settings) {
        *self.settings.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
        self.room.notify(1);
    }

    /// How many connections are open.
    pub fn open(&self) -> usize {
        usize::try_from(self.counters.open.get()).unwrap_or(0)
    }

    /// Ends all connections, when their time to drain is over.
    pub fn cut(&self) {
        self.is_cut.store(true, SeqCst);
        self.cut.notify(usize::MAX);
    }

    /// Whether they were ended.
    pub fn is_cut(&self) -> bool {
        self.is_cut.load(SeqCst)
    }

    /// Waits until they are.
    pub async fn until_cut(&self) {
        let cut = self.cut.listen();
        if !self.is_cut() {
            cut.await;
        }
    }

    /// The output of `future`, or `None` if all connections are ended first.
    pub async fn unless_cut<F: Future>(&self, future: F) -> Option<F::Output> {
        match select(pin!(future), pin!(self.until_cut())).await {
            Either::Left((output, _)) => Some(output),
            Either::Right(_) => None,
        }
    }

    /// Whether the limit of connections is reached.
    pub fn is_full(&self) -> bool {
        self.open() >= self.settings().max_connections
    }

    /// Waits until there is room for another connection.
    pub async fn room(&self) {
        while self.is_full() {
            let room = self.room.listen();
            if self.is_full() {
                room.await;
            }
        }
    }
}

/// A place for one connection of a listener. It counts as open until this is dropped.
#[derive(Debug)]
pub struct Seat {
    /// The listener.
    pub listener: Arc<Listener>,
}

impl Seat {
    /// Takes a place.
    pub fn new(listener: Arc<Listener>) -> Self {
        listener.counters.accepted.inc();
        listener.counters.open.inc();
        Self { listener }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.listener.counters.open.dec();
        self.listener.room.notify(1);
    }
}
