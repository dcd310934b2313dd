//! Compression on smol: below a handle for many producers, and above a handle for a part of a
//! stream.
//!
//! ```text
//! cargo run --example compressed --features smol
//! ```
//!
//! What to learn:
//! - an encoder is a writer: below a handle it compresses what many tasks write into one stream.
//!   The task flushes it when there is nothing more to write, so lines arrive while the stream is
//!   open;
//! - with `Inline::Never` only the task spends the time for compression;
//! - a handle is a writer too: an encoder above it compresses one body between plain bytes;
//! - the reader of such a stream switches from plain lines to the decoder with `into_reader`, and
//!   loses no byte that was read ahead.

use std::io;

use async_compression::futures::{bufread::GzipDecoder, write::GzipEncoder};
use futures_handoff::{
    Delimiter, HandoffBuffer, Inline, Smol, WriteHandoff, WriteHandoffConfig, bytes::Bytes,
};
use futures_util::future::{join, try_join_all};
use smol::{
    io::{AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

/// How many tasks write, and how many lines each.
const TASKS: usize = 4;
const LINES: usize = 1000;

/// Tasks that log into one compressed stream.
async fn log(stream: TcpStream, all_arrived: impl Future<Output = ()>) -> io::Result<u64> {
    let config = WriteHandoffConfig::default().with_inline(Inline::Never);
    let out = WriteHandoff::spawn(GzipEncoder::new(stream), config, &Smol);
    try_join_all((0..TASKS).map(|task| {
        let out = out.clone();
        smol::spawn(async move {
            for n in 0..LINES {
                out.write_fire_and_forget(format!("task {task} has come to {n}\n").into()).await?;
            }
            Ok::<_, io::Error>(())
        })
    }))
    .await?;
    let written = out.stats().accepted;
    // The stream is still open, and nothing was flushed here.
    all_arrived.await;
    out.close();
    out.closed().await?;
    Ok(written)
}

/// Reads the lines of the log, calls `all_arrived` when all of them are there, and waits for the
/// end.
async fn collect(stream: TcpStream, all_arrived: impl FnOnce()) -> io::Result<()> {
    let mut reader = GzipDecoder::new(BufReader::new(stream));
    let (mut buffer, mut lines) = (HandoffBuffer::new(4096), Delimiter::new(b"\n"));
    for _ in 0..TASKS * LINES {
        assert!(buffer.next_frame(&mut reader, &mut lines).await?.is_some());
    }
    all_arrived();
    assert_eq!(buffer.next_frame(&mut reader, &mut lines).await?, None);
    Ok(())
}

/// A plain line, then a compressed body.
async fn send(stream: TcpStream, body: &[u8]) -> io::Result<u64> {
    let out = WriteHandoff::spawn(stream, WriteHandoffConfig::default(), &Smol);
    out.write_fire_and_forget(Bytes::from_static(b"gzip\n")).await?;
    let mut encoder = GzipEncoder::new(out.clone().into_writer());
    encoder.write_all(body).await?;
    encoder.close().await?;
    let sent = out.stats().accepted;
    out.close();
    out.closed().await?;
    Ok(sent)
}

async fn receive(mut stream: TcpStream) -> io::Result<Vec<u8>> {
    let mut buffer = HandoffBuffer::new(64 * 1024);
    let line = buffer.next_frame(&mut stream, &mut Delimiter::new(b"\n")).await?;
    assert_eq!(line.as_deref(), Some(&b"gzip\n"[..]));
    // The bytes that were read after the line come first.
    let mut body = Vec::new();
    GzipDecoder::new(buffer.into_reader(stream)).read_to_end(&mut body).await?;
    Ok(body)
}

async fn connected() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let near = TcpStream::connect(listener.local_addr()?).await?;
    Ok((near, listener.accept().await?.0))
}

fn main() -> io::Result<()> {
    smol::block_on(async {
        let (near, far) = connected().await?;
        let (say, heard) = smol::channel::bounded(1);
        let all_arrived = async move { heard.recv().await.expect("the collector lives") };
        let (logged, collected) =
            join(log(near, all_arrived), collect(far, move || say.try_send(()).expect("called once"))).await;
        collected?;
        println!("{} lines, {} bytes, arrived while the stream was open", TASKS * LINES, logged?);

        let (near, far) = connected().await?;
        let body = b"the same words again and again, ".repeat(10_000);
        let (sent, received) = join(send(near, &body), receive(far)).await;
        assert!(received? == body);
        println!("a body of {} bytes arrived in {} bytes", body.len(), sent?);
        Ok(())
    })
}
