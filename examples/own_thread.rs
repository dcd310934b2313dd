//! No runtime: the writer has a thread of its own.
//!
//! What to learn:
//! - the writer task only has to be polled, and a thread can do that;
//! - a blocking writer (a file, a pipe, standard output) blocks only that thread: with
//!   `Inline::Never` no producer polls it;
//! - an `Executor` is three lines, and `WriteHandoff::spawn` takes it like any runtime. It also
//!   runs the task of `WriteHandoff::new`, whose handles keep the type of the writer;
//! - `into_parts` returns the writer, open, when everything is written.
//!
//! Run it with `cargo run --example own_thread`.

use std::{future::Future, io, thread};

use futures_executor::block_on;
use futures_handoff::{Executor, Inline, WriteHandoff, WriteHandoffConfig, bytes::Bytes};
use futures_util::{AsyncWrite, io::AllowStdIo};

/// Runs every future on a new thread.
struct Threads;

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Threads {
    fn execute(&self, future: F) {
        thread::spawn(|| block_on(future));
    }
}

/// Four threads write a hundred lines each. Returns the writer with everything that was accepted,
/// or the error.
pub(crate) fn produce<W: AsyncWrite + Unpin + Send + 'static>(writer: W) -> io::Result<W> {
    let config = WriteHandoffConfig::default().with_inline(Inline::Never);
    let (handoff, task) = WriteHandoff::new(writer, config);
    Threads.execute(task.detach());
    let producers: Vec<_> = (0..4)
        .map(|producer| {
            let handoff = handoff.clone();
            thread::spawn(move || {
                for line in 0..100 {
                    let line = Bytes::from(format!("producer {producer}, line {line}\n"));
                    // A plain thread waits for room with `block_on`.
                    block_on(handoff.write_fire_and_forget(line)).map_err(io::Error::from)?;
                }
                Ok::<_, io::Error>(())
            })
        })
        .collect();
    let produced: Vec<_> =
        producers.into_iter().map(|producer| producer.join().expect("no producer panics")).collect();
    // Everything that was accepted is written first, even if a producer failed.
    let writer = block_on(handoff.into_parts());
    produced.into_iter().collect::<io::Result<()>>()?;
    Ok(writer?)
}

fn main() -> io::Result<()> {
    // Stands for any blocking writer; `AllowStdIo` makes it one that is always ready.
    let written = produce(AllowStdIo::new(Vec::new()))?.into_inner();
    let lines: Vec<_> = written.split_inclusive(|byte| *byte == b'\n').collect();
    assert_eq!(lines.len(), 400);
    for producer in 0..4 {
        let prefix = format!("producer {producer},");
        let own = lines.iter().filter(|line| line.starts_with(prefix.as_bytes()));
        // Lines of different producers mix, but those of one producer stay in order.
        let expected = (0..100).map(|line| format!("{prefix} line {line}\n").into_bytes());
        assert!(own.copied().eq(expected));
    }
    println!("{} bytes of {} lines from 4 threads", written.len(), lines.len());
    Ok(())
}
