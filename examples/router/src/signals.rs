//! Signals, as a channel that any runtime can wait at.

use std::{io, thread};

use async_channel::Receiver;
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::Signals,
};

/// What the program is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// To end.
    End,
    /// To read its configuration again.
    Reload,
}

/// The signals from now on. A thread waits for them.
///
/// # Errors
///
/// If the system does not give them.
pub fn signals() -> io::Result<Receiver<Signal>> {
    let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM])?;
    let (sender, receiver) = async_channel::unbounded();
    thread::Builder::new().name("signals".into()).spawn(move || {
        for signal in signals.forever() {
            let asked = if signal == SIGHUP { Signal::Reload } else { Signal::End };
            if sender.send_blocking(asked).is_err() {
                return;
            }
        }
    })?;
    Ok(receiver)
}
