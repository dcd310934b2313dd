//! No runtime at all: a thread of its own for the writer.
//!
//! What to learn:
//! - the writer task needs nothing but somebody who polls it, and a thread will do;
//! - a blocking writer (a file, a pipe, standard output) in that thread holds up nobody else, as
//!   `Inline::Never` makes sure of;
//! - an `Executor` is three lines; `WriteHandoff::spawn` takes it like any runtime, and so does the
//!   task of a writer that is wanted back as what it is;
//! - `into_parts` gives the writer back, open, when all is written.
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

/// Four threads write a hundred lines each. Gives the writer back with all that was accepted, or
/// tells what went wrong.
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
                    // A thread that is no task waits for room with `block_on`.
                    block_on(handoff.write_fire_and_forget(line)).map_err(io::Error::from)?;
                }
                Ok::<_, io::Error>(())
            })
        })
        .collect();
    let produced: Vec<_> =
        producers.into_iter().map(|producer| producer.join().expect("no producer panics")).collect();
    // First all that was accepted is written, whatever became of a producer.
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
        // Producers mix, but what one of them writes stays in order.
        let expected = (0..100).map(|line| format!("{prefix} line {line}\n").into_bytes());
        assert!(own.copied().eq(expected));
    }
    println!("{} bytes of {} lines from 4 threads", written.len(), lines.len());
    Ok(())
}
