//! The whole: listeners that come and go with the configuration, and the signals.

use std::{
    collections::{BTreeMap, HashMap},
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_channel::{Receiver, Sender};
use tracing::{error, info, warn};

use crate::{
    admin,
    config::Config,
    listener::{Listener, Settings},
    metrics::Metrics,
    net::{Runtime, listen, within},
    signals::{Signal, signals},
    upstream::Group,
};

/// How often it is looked whether connections are still open, at the end.
const DRAIN_CHECK: Duration = Duration::from_millis(50);

/// How long connections that are cut have to say so in the log.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A listener that accepts connections until this is dropped.
#[derive(Debug)]
struct Running {
    listener: Arc<Listener>,
    _stop: Sender<()>,
}

/// What the router does at the moment, to be looked at.
#[derive(Debug, Default)]
pub struct State {
    /// The counters.
    pub metrics: Metrics,
    listeners: Mutex<BTreeMap<SocketAddr, Running>>,
    /// Listeners that accept no more, but may have connections.
    stopped: Mutex<BTreeMap<SocketAddr, Arc<Listener>>>,
    groups: Mutex<Vec<Arc<Group>>>,
}

impl State {
    /// The listeners that accept connections.
    pub fn listeners(&self) -> Vec<Arc<Listener>> {
        let listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        listeners.values().map(|running| running.listener.clone()).collect()
    }

    /// The groups that new connections go to.
    pub fn groups(&self) -> Vec<Arc<Group>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Begins with what a configuration says: opens what is new, changes what is there, and stops what
    /// is not there any more.
    ///
    /// # Errors
    ///
    /// If a new listener cannot be opened. Nothing has changed then.
    fn apply<R: Runtime>(&self, config: Config) -> io::Result<()> {
        let groups: Vec<_> =
            config.upstreams.iter().map(|upstream| Arc::new(Group::new(upstream, &self.metrics))).collect();
        let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sockets = HashMap::new();
        for listener in &config.listeners {
            let address = listener.address;
            if !listeners.contains_key(&address) {
                let socket = listen::<R>(address)
                    .map_err(|error| io::Error::new(error.kind(), format!("cannot listen at {address}: {error}")))?;
                sockets.insert(address, socket);
            }
        }
        let mut stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        stopped.retain(|_, listener| listener.open() > 0);
        listeners.retain(|address, running| {
            let stays = config.listeners.iter().any(|listener| listener.address == *address);
            if !stays {
                stopped.insert(*address, running.listener.clone());
                info!(listener = %address, "stopped listening");
            }
            stays
        });
        for listener in config.listeners {
            let address = listener.address;
            let settings = Settings::new(listener, &groups, &self.metrics);
            match (listeners.get(&address), sockets.remove(&address)) {
                (Some(running), _) => running.listener.change(settings),
                (None, Some(socket)) => {
                    let listener = match stopped.remove(&address) {
                        Some(listener) => {
                            listener.change(settings);
                            listener
                        }
                        None => Arc::new(Listener::new(address, settings, &self.metrics)),
                    };
                    let (stop, told) = async_channel::bounded(1);
                    R::spawn(listener.clone().run::<R>(socket, told));
                    listeners.insert(address, Running { listener, _stop: stop });
                    info!(listener = %address, "listening");
                }
                (None, None) => unreachable!("what was not there has been opened"),
            }
        }
        *self.groups.lock().unwrap_or_else(PoisonError::into_inner) = groups;
        Ok(())
    }
}

/// Runs the router until a signal ends it.
///
/// # Errors
///
/// If an address cannot be listened at, or signals cannot be had.
pub async fn run<R: Runtime>(path: PathBuf, config: Config) -> io::Result<()> {
    let signals = signals()?;
    let state = Arc::new(State::default());
    let mut drain_timeout = config.drain_timeout;
    let admin = config.admin;
    if let Some(address) = admin {
        let socket = listen::<R>(address)
            .map_err(|error| io::Error::new(error.kind(), format!("cannot listen at {address}: {error}")))?;
        R::spawn(admin::run::<R>(socket, state.clone()));
        info!(admin = %address, "listening");
    }
    state.apply::<R>(config)?;
    while let Ok(Signal::Reload) = signals.recv().await {
        match reload::<R>(&path, &state, admin) {
            Ok(timeout) => drain_timeout = timeout,
            Err(message) => error!("the configuration stays as it was: {message}"),
        }
    }
    drain::<R>(&state, drain_timeout, &signals).await;
    Ok(())
}

/// Reads the configuration again. How long connections may go on at the end, from now on.
fn reload<R: Runtime>(path: &Path, state: &State, admin: Option<SocketAddr>) -> Result<Duration, String> {
    let result = Config::read(path).map_err(|error| error.to_string()).and_then(|config| {
        let drain_timeout = config.drain_timeout;
        if config.admin != admin {
            warn!("admin.address changes when the program is started again");
        }
        state.apply::<R>(config).map(|()| drain_timeout).map_err(|error| error.to_string())
    });
    state.metrics.reloaded(if result.is_ok() { "ok" } else { "failed" });
    if result.is_ok() {
        info!("the configuration was read again");
    }
    result
}

/// Accepts nothing more, and waits until no connection is open, or until it has waited for long
/// enough, or for a second signal.
async fn drain<R: Runtime>(state: &State, timeout: Duration, signals: &Receiver<Signal>) {
    let mut listeners = state.listeners();
    state.listeners.lock().unwrap_or_else(PoisonError::into_inner).clear();
    listeners.extend(state.stopped.lock().unwrap_or_else(PoisonError::into_inner).values().cloned());
    let open = || listeners.iter().map(|listener| listener.open()).sum::<usize>();
    info!(open = open(), ?timeout, "ending: no new connections");
    let waiting = async {
        while open() > 0 {
            let second = within::<R, _>(DRAIN_CHECK, signals.recv()).await;
            if matches!(second, Some(Ok(Signal::End) | Err(_))) {
                break;
            }
        }
    };
    within::<R, _>(timeout, waiting).await;
    let cut = open();
    if cut == 0 {
        info!("ended");
        return;
    }
    listeners.iter().for_each(|listener| listener.cut());
    let ending = async {
        while open() > 0 {
            R::sleep(DRAIN_CHECK).await;
        }
    };
    within::<R, _>(LAST_WORDS, ending).await;
    warn!(cut, "ended before all connections had");
}
