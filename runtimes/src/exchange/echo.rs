//! The other end: it reads a whole burst and sends it back.

use std::{
    io::{self, Read, Write},
    net::TcpListener,
    thread,
};

use futures_channel::oneshot;
use futures_util::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::stream::usage;

/// What the other end has to know.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expected {
    /// The length of a burst.
    pub(super) burst: usize,
    /// Round trips that are not measured.
    pub(super) warm_up: usize,
    /// Round trips that are.
    pub(super) rounds: usize,
}

/// Accepts one connection in a thread of its own and answers there. What comes out is the CPU time, in seconds, that the
/// thread took for the measured round trips, where the system tells.
///
/// # Errors
///
/// If there can be no thread.
pub(super) fn thread(
    listener: TcpListener,
    expected: Expected,
) -> io::Result<oneshot::Receiver<io::Result<Option<f64>>>> {
    let (sender, receiver) = oneshot::channel();
    thread::Builder::new().name("echo".to_owned()).spawn(move || {
        // Whoever asked may have given up.
        let _ = sender.send(answer(&listener, expected));
    })?;
    Ok(receiver)
}

fn answer(listener: &TcpListener, expected: Expected) -> io::Result<Option<f64>> {
    let (mut stream, _) = listener.accept()?;
    stream.set_nodelay(true)?;
    let mut burst = vec![0; expected.burst];
    let mut trips = |count: usize| {
        (0..count).try_for_each(|_| {
            stream.read_exact(&mut burst)?;
            stream.write_all(&burst)
        })
    };
    trips(expected.warm_up)?;
    let start = usage::thread_cpu();
    trips(expected.rounds)?;
    let cpu = start.zip(usage::thread_cpu()).map(|(start, end)| end - start);
    // Until the end of the stream, so that closing it does not fail over there.
    io::copy(&mut stream, &mut io::sink())?;
    Ok(cpu)
}

/// The same as a task, for as long as there are bursts.
///
/// # Errors
///
/// If a burst is cut off, or the answer cannot be written.
pub(super) async fn task(
    mut requests: impl AsyncRead + Unpin,
    mut answers: impl AsyncWrite + Unpin,
    expected: Expected,
) -> io::Result<()> {
    let mut burst = vec![0; expected.burst];
    for _ in 0..expected.warm_up + expected.rounds {
        requests.read_exact(&mut burst).await?;
        answers.write_all(&burst).await?;
    }
    answers.close().await
}
