//! Where clients come in: accepting, within a limit, until it is stopped.

use std::{
    io,
    net::SocketAddr,
    pin::pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use async_channel::Receiver;
use event_listener::Event;
use futures_util::future::{Either, select};
use rustix::net::sockopt::set_tcp_nodelay;
use tracing::warn;

use crate::{
    config, connection,
    metrics::{ListenerCounters, Metrics, RouteCounters},
    net::{Runtime, Socket, canonical},
    record::Reason,
    rule::Rule,
    upstream::Group,
};

/// How long to wait after the first `accept` that fails, and after any number of them.
const PAUSES: (Duration, Duration) = (Duration::from_millis(5), Duration::from_secs(1));

/// At most once in this time the same warning is given: at a limit, accepting fails or waits, and goes on,
/// hundreds of times a second.
const BETWEEN_WARNINGS: Duration = Duration::from_secs(10);

/// When a warning was given last.
#[derive(Default)]
struct Seldom(Option<Instant>);

impl Seldom {
    /// Whether it is to be given again.
    fn is_due(&mut self) -> bool {
        let due = self.0.is_none_or(|at| at.elapsed() >= BETWEEN_WARNINGS);
        if due {
            self.0 = Some(Instant::now());
        }
        due
    }
}

/// A route, and what is counted of it.
#[derive(Debug)]
pub struct Route {
    /// As it is configured.
    pub config: config::Route,
    /// Where it goes to.
    pub group: Arc<Group>,
    /// What is counted.
    pub counters: RouteCounters,
}

/// What is said about a listener. A connection keeps what it has begun with.
#[derive(Debug)]
pub struct Settings {
    /// Whether clients send a PROXY header.
    pub accept_proxy: config::AcceptProxy,
    /// How long to wait for what decides.
    pub detect_timeout: Duration,
    /// The routes, in their order.
    pub routes: Vec<Route>,
    /// What is counted of connections that no route takes.
    pub unrouted: RouteCounters,
    max_connections: usize,
}

impl Settings {
    /// What a configuration says about a listener.
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

/// Where clients come in.
#[derive(Debug)]
pub struct Listener {
    /// Where it listens.
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

    /// What connections begin with now.
    pub fn settings(&self) -> Arc<Settings> {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes what connections begin with.
    pub fn change(&self, settings: Settings) {
        *self.settings.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
        self.room.notify(1);
    }

    /// How many connections are open.
    pub fn open(&self) -> usize {
        usize::try_from(self.counters.open.get()).unwrap_or(0)
    }

    /// Ends all connections, for they have had their time.
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

    /// The output of `future`, unless all connections are ended before.
    ///
    /// # Errors
    ///
    /// What is written down then.
    pub async fn unless_cut<F: Future>(&self, future: F) -> Result<F::Output, (Reason, String)> {
        match select(pin!(future), pin!(self.until_cut())).await {
            Either::Left((output, _)) => Ok(output),
            Either::Right(_) => Err((Reason::Cut, String::new())),
        }
    }

    /// Accepts connections until `stop` is closed. Those that are open go on.
    pub async fn run<R: Runtime>(self: Arc<Self>, socket: R::Listener, stop: Receiver<()>) {
        let mut stopped = pin!(stop.recv());
        let mut pause = PAUSES.0;
        let (mut full, mut failing) = (Seldom::default(), Seldom::default());
        loop {
            let next = pin!(self.next::<R>(&socket, &mut full));
            let accepted = match select(next, stopped.as_mut()).await {
                Either::Left((accepted, _)) => accepted,
                Either::Right(_) => return,
            };
            match accepted {
                Ok((client, peer)) => {
                    pause = PAUSES.0;
                    // It fails if the client has left already, which will be seen soon.
                    let _ = set_tcp_nodelay(client.fd(), true);
                    let seat = Seat::new(self.clone());
                    R::spawn(connection::serve::<R>(client, canonical(peer), seat));
                }
                // The client has left before it was accepted.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    self.counters.accept_errors.inc();
                    if failing.is_due() {
                        warn!(listener = %self.address, %error, "accepting fails, will be tried again");
                    }
                    let waited = pin!(R::sleep(pause));
                    if let Either::Right(_) = select(waited, stopped.as_mut()).await {
                        return;
                    }
                    pause = PAUSES.1.min(2 * pause);
                }
            }
        }
    }

    /// The next connection, once there is room for it.
    async fn next<R: Runtime>(
        &self,
        socket: &R::Listener,
        full: &mut Seldom,
    ) -> io::Result<(R::Tcp, SocketAddr)> {
        let is_full = || self.open() >= self.settings().max_connections;
        while is_full() {
            if full.is_due() {
                warn!(listener = %self.address, open = self.open(), "max_connections is reached, others wait");
            }
            let room = self.room.listen();
            if is_full() {
                room.await;
            }
        }
        R::accept(socket).await
    }
}

/// A place for one connection of a listener, which is counted as long as this is kept.
#[derive(Debug)]
pub struct Seat {
    /// The listener.
    pub listener: Arc<Listener>,
}

impl Seat {
    fn new(listener: Arc<Listener>) -> Self {
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
