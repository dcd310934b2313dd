//! Signals, as a channel that any runtime can wait at.

use std::{io, path::PathBuf, sync::mpsc, thread};

use async_channel::Receiver;
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::Signals,
};

use crate::config::{Config, ConfigError};

/// What the program is asked for.
#[derive(Debug)]
pub enum Signal {
    /// To end.
    End,
    /// To go on with the configuration, which was read again.
    Reload(Result<Config, ConfigError>),
}

/// The signals from now on. A thread waits for them, and another one reads the file at `path`: to
/// look up the names in it may take long, and no connection waits for that.
///
/// # Errors
///
/// If the system does not give them.
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
            // There is nobody to tell once the program ends.
            let _ = match signal {
                SIGHUP => read.send(()).is_ok(),
                _ => sender.send_blocking(Signal::End).is_ok(),
            };
        }
    })?;
    Ok(receiver)
}
