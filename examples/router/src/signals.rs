//! Signals as a channel that any runtime can wait on.

use std::{io, path::PathBuf, sync::mpsc, thread};

use async_channel::Receiver;
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::Signals,
};

use crate::config::{Config, ConfigError};

/// The requests that signals make.
#[derive(Debug)]
pub enum Signal {
    /// To end.
    End,
    /// To apply the configuration, which was read again.
    Reload(Result<Config, ConfigError>),
}

/// The signals from now on. One thread waits for them, and another one reads the file at `path`:
/// resolving its names may take long, and must not delay connections.
///
/// # Errors
///
/// If the signal handlers cannot be installed.
pub fn signals(path: PathBuf) -> io::Result<Receiver<Signal>> {
    let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM])?;
    let (sender, receiver) = async_channel::unbounded();
    let (read, reads) = mpsc::channel();
    let reader = thread::Builder::new().name("config".into());
    reader.spawn({
        let sender = sender.clone();
        move || {
            while reads.recv().is_ok() && sender.send_blocking(Signal::Reload(Config::read(&path))).is_ok() {}
        }
    })?;
    thread::Builder::new().name("signals".into()).spawn(move || {
        for signal in signals.forever() {
            // Fails only when the program is ending.
            let _ = match signal {
                SIGHUP => read.send(()).is_ok(),
                _ => sender.send_blocking(Signal::End).is_ok(),
            };
        }
    })?;
    Ok(receiver)
}
