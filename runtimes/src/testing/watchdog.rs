//! Makes a hang a failure.

use std::{
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

const LIMIT: Duration = Duration::from_secs(60);

/// Runs `body` in a thread of its own and fails if it does not end within a minute, waiting or
/// blocked.
///
/// # Panics
///
/// With the panic of `body`, or naming `name` if it hangs. A thread that hangs is left behind.
pub fn watched(name: &str, body: impl FnOnce() + Send + 'static) {
    watched_for(LIMIT, name, body);
}

/// [`watched`] with a limit of one's own.
///
/// # Panics
///
/// As [`watched`] does.
pub fn watched_for(limit: Duration, name: &str, body: impl FnOnce() + Send + 'static) {
    let (sender, receiver) = mpsc::channel();
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || {
            // The watching thread has given up if it no longer receives.
            let _ = sender.send(catch_unwind(AssertUnwindSafe(body)));
        })
        .expect("a thread can be started");
    match receiver.recv_timeout(limit) {
        Ok(Ok(())) => {}
        Ok(Err(panic)) => resume_unwind(panic),
        Err(RecvTimeoutError::Timeout) => panic!("{name} hangs: it is not done after {limit:?}"),
        Err(RecvTimeoutError::Disconnected) => panic!("{name} ended without a result"),
    }
}
