//! Several threads work on the lines of a connection, and the answers keep the order of the lines.
//!
//! What to learn:
//! - a connection queues the place of an answer before it passes a line on. So answers are sent in
//!   the order of the lines, even if a later line is finished first;
//! - both handoffs charge a line until it is finished, not only until it is received. So a client
//!   that sends faster than the workers work, or than it reads its answers, is read only as fast as
//!   these;
//! - the workers are plain threads, and the connections are tasks of any runtime;
//! - lines from before the end, or before an error, are answered first;
//! - when answers can no longer be sent, the reader learns of it even if the client sends nothing:
//!   waiting for a frame is cancel safe, so the reader can wait for either.
//!
//! Run it with `cargo run --example ordered_workers --features message`. It runs a demonstration on
//! each enabled runtime, over loopback.

use std::{io, net::SocketAddr, pin::pin, process::ExitCode, thread};

use futures_channel::oneshot;
use futures_handoff::{
    Delimiter, HandoffBuffer, WriteHandoff, WriteHandoffConfig,
    bytes::{Bytes, BytesMut},
    message::{MessageHandoff, MessageHandoffConfig, Sender},
};
use futures_handoff_runtimes::{Runtime, for_each};
use futures_util::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt,
    future::{Either, join3, select},
};

/// The longest line.
const LINE: usize = 16 * 1024;

/// A line, and the channel for its answer.
pub(crate) struct Job {
    line: Bytes,
    answer: oneshot::Sender<Bytes>,
}

/// Starts threads that work on the lines of all connections, the oldest first. They end when the
/// last sender is dropped.
pub(crate) fn workers(
    threads: usize,
    config: MessageHandoffConfig,
    work: impl Fn(&[u8]) -> Bytes + Clone + Send + 'static,
) -> Sender<Job> {
    let (jobs, receiver) = MessageHandoff::<Job>::new(config);
    for _ in 0..threads {
        let (receiver, work) = (receiver.clone(), work.clone());
        thread::spawn(move || {
            while let Some(job) = receiver.recv_blocking() {
                // The line is charged until it has an answer. A failed connection takes no answer.
                let (Job { line, answer }, _charge) = job.into_parts();
                let _ = answer.send(work(&line));
            }
        });
    }
    jobs
}

/// Answers the lines of a client in their order. `open` limits the unanswered ones.
pub(crate) async fn serve<R, W>(
    mut reader: R,
    writer: W,
    jobs: &Sender<Job>,
    open: MessageHandoffConfig,
) -> io::Result<()>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let (answers, in_order) = MessageHandoff::new(open);
    let read = async move {
        let mut buffer = HandoffBuffer::new(LINE);
        let mut lines = Delimiter::new(b"\n");
        loop {
            let next = pin!(buffer.next_frame(&mut reader, &mut lines));
            let line = match select(next, pin!(answers.closed())).await {
                Either::Left((Ok(Some(line)), _)) => line,
                Either::Left((Ok(None), _)) | Either::Right(_) => return Ok(()),
                Either::Left((Err(error), _)) => return Err(error.into()),
            };
            let bytes = line.len();
            let place = answers.reserve(bytes).await?;
            let (answer, answered) = oneshot::channel();
            jobs.send(Job { line, answer }, bytes).await?;
            place.send(answered)?;
        }
    };

    let (out, task) = WriteHandoff::new(writer, WriteHandoffConfig::default());
    let write = async move {
        while let Some(answered) = in_order.recv().await {
            let (answered, _charge) = answered.into_parts();
            let Ok(answer) = answered.await else {
                // Nothing more is written. Over TLS a truncated stream does not look complete then.
                out.abort();
                return Err(io::Error::other("a line has no answer"));
            };
            out.write_fire_and_forget(answer).await?;
        }
        Ok(())
    };
    let (read, written, ended) = join3(read, write, task).await;
    written?;
    ended?;
    read
}

/// The work on each line: reverses it, which takes longer for longer lines.
fn reversed(line: &[u8]) -> Bytes {
    let (text, end) = line.split_at(line.len() - 1);
    let mut answer = BytesMut::with_capacity(line.len());
    answer.extend(text.iter().rev());
    answer.extend_from_slice(end);
    answer.freeze()
}

fn main() -> ExitCode {
    let mut runtimes = 0;
    for_each!(R => {
        match R::block_on(try_out::<R>()) {
            Ok(lines) => println!("{}: {lines} lines were answered in order", R::NAME),
            Err(error) => {
                eprintln!("ordered_workers: {}: {error}", R::NAME);
                return ExitCode::FAILURE;
            }
        }
        runtimes += 1;
    });
    if runtimes == 1 {
        println!(
            "No runtime is enabled: add --features tokio, smol or async-std for more than plain threads."
        );
    }
    ExitCode::SUCCESS
}

/// A server with workers, and a client.
async fn try_out<R: Runtime>() -> io::Result<usize> {
    let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
    let mut listener = R::bind(loopback).await?;
    let (client, accepted) = R::tcp_pair(&mut listener).await?;
    let jobs = workers(4, MessageHandoffConfig::new(64, 256 * 1024), reversed);
    let server = R::task(async move {
        let (reader, writer) = R::halves(accepted)?;
        serve(reader, writer, &jobs, MessageHandoffConfig::new(256, 64 * 1024)).await
    });

    let lines: Vec<_> =
        (0..20_000).map(|number| format!("{number} {}\n", ".".repeat(number % 100))).collect();
    let (mut reader, mut writer) = R::halves(client)?;
    let (count, asked) = (lines.len(), lines.concat());
    let asking = R::task(async move {
        writer.write_all(asked.as_bytes()).await?;
        writer.close().await
    });
    let mut answers = Vec::new();
    reader.read_to_end(&mut answers).await?;
    let expected = lines.iter().flat_map(|line| reversed(line.as_bytes()));
    assert!(answers.into_iter().eq(expected), "each answer is there, at its place");
    asking.await?;
    server.await?;
    Ok(count)
}
