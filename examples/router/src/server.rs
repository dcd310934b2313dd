//! The router from its start to the signal that ends it.

use std::{
    io,
    net::SocketAddr,
    num::NonZeroUsize,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use async_channel::Receiver;
use tracing::{error, info, warn};

use crate::{
    admin,
    config::Config,
    net::{Runtime, listen, within},
    signals::{Signal, signals},
    state::State,
};

/// How often to check, while draining, whether connections are still open.
const DRAIN_CHECK: Duration = Duration::from_millis(50);

/// How long to wait for the log lines of connections that were cut.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Runs the router until a signal ends it.
///
/// # Errors
///
/// If listening at an address fails, or signals are not available.
pub async fn run<R: Runtime>(path: PathBuf, config: Config) -> io::Result<()> {
    let signals = signals(path)?;
    let state = Arc::new(State::default());
    let mut drain_timeout = config.drain_timeout;
    let (admin, threads) = (config.admin, config.threads);
    if let Some(address) = admin {
        let socket = listen::<R>(address)?;
        R::spawn(admin::run::<R>(socket, state.clone()));
        info!(admin = %address, "listening");
    }
    state.apply::<R>(config)?;
    while let Ok(Signal::Reload(read)) = signals.recv().await {
        let reloaded = match read {
            Ok(config) => reload::<R>(config, &state, admin, threads).await.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        state.metrics.reloaded(if reloaded.is_ok() { "ok" } else { "failed" });
        match reloaded {
            Ok(timeout) => {
                drain_timeout = timeout;
                info!("the configuration was read again");
            }
            Err(message) => error!("the configuration is unchanged: {message}"),
        }
    }
    drain::<R>(&state, drain_timeout, &signals).await;
    Ok(())
}

/// Applies the new configuration. Returns its `drain_timeout`.
async fn reload<R: Runtime>(
    config: Config,
    state: &State,
    admin: Option<SocketAddr>,
    threads: Option<NonZeroUsize>,
) -> io::Result<Duration> {
    let drain_timeout = config.drain_timeout;
    if config.admin != admin {
        warn!("admin.address changes when the program is started again");
    }
    if config.threads != threads {
        warn!("threads changes when the program is started again");
    }
    for running in state.apply::<R>(config)? {
        // Its address is free after that, so that the next configuration may use it again.
        running.ended().await;
    }
    Ok(drain_timeout)
}

/// Stops accepting, and waits until no connection is open, the time is over, or a second signal
/// comes.
async fn drain<R: Runtime>(state: &State, timeout: Duration, signals: &Receiver<Signal>) {
    let listeners = state.stop();
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
    warn!(cut, "ended before all connections did");
}
