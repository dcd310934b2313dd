//! The current listeners and groups, which change with the configuration.

use std::{
    collections::{BTreeMap, HashMap},
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use async_channel::{Receiver, Sender};
use tracing::info;

use crate::{
    accept,
    config::Config,
    listener::{Listener, Settings},
    metrics::Metrics,
    net::{Runtime, listen},
    upstream::Group,
};

/// A listener that accepts connections until this is dropped.
#[derive(Debug)]
pub struct Running {
    listener: Arc<Listener>,
    stop: Sender<()>,
    /// Closed when its socket is.
    ended: Receiver<()>,
}

impl Running {
    /// Stops it, and waits until its socket is closed.
    pub async fn ended(self) {
        drop(self.stop);
        let _ = self.ended.recv().await;
    }
}

/// The current state of the router.
#[derive(Debug, Default)]
pub struct State {
    /// The counters.
    pub metrics: Metrics,
    listeners: Mutex<BTreeMap<SocketAddr, Running>>,
    /// Listeners that no longer accept, but may have connections.
    stopped: Mutex<BTreeMap<SocketAddr, Arc<Listener>>>,
    groups: Mutex<Vec<Arc<Group>>>,
}

impl State {
    /// The listeners that accept connections.
    pub fn listeners(&self) -> Vec<Arc<Listener>> {
        let listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        listeners.values().map(|running| running.listener.clone()).collect()
    }

    /// The groups for new connections.
    pub fn groups(&self) -> Vec<Arc<Group>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Applies a configuration: opens new listeners and changes those that exist. Returns those
    /// that it no longer has, which the caller has to stop.
    ///
    /// # Errors
    ///
    /// If a new listener cannot be opened. Nothing has changed then.
    pub fn apply<R: Runtime>(&self, config: Config) -> io::Result<Vec<Running>> {
        let groups: Vec<_> =
            config.upstreams.iter().map(|upstream| Arc::new(Group::new(upstream, &self.metrics))).collect();
        let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sockets = HashMap::new();
        for listener in &config.listeners {
            let address = listener.address;
            if !listeners.contains_key(&address) {
                let socket = listen::<R>(address)?;
                sockets.insert(address, socket);
            }
        }
        let mut stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        stopped.retain(|_, listener| listener.open() > 0);
        let stays = |address: &SocketAddr| config.listeners.iter().any(|listener| listener.address == *address);
        let stopping: Vec<_> = listeners.extract_if(.., |address, _| !stays(address)).collect();
        for (address, running) in &stopping {
            stopped.insert(*address, running.listener.clone());
            info!(listener = %address, "stopped listening");
        }
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
                    let (open, ended) = async_channel::bounded(1);
                    let run = accept::run::<R>(listener.clone(), socket, told);
                    R::spawn(async move {
                        run.await;
                        drop(open);
                    });
                    listeners.insert(address, Running { listener, stop, ended });
                    info!(listener = %address, "listening");
                }
                (None, None) => unreachable!("what was not there has been opened"),
            }
        }
        *self.groups.lock().unwrap_or_else(PoisonError::into_inner) = groups;
        Ok(stopping.into_iter().map(|(_, running)| running).collect())
    }

    /// Stops accepting. Returns all listeners that may have connections.
    pub fn stop(&self) -> Vec<Arc<Listener>> {
        let mut all = self.listeners();
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).clear();
        all.extend(self.stopped.lock().unwrap_or_else(PoisonError::into_inner).values().cloned());
        all
    }
}
