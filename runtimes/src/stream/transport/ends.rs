//! The two ends around a proxy: who sends, and who compares what arrives.

use std::{future::Future, io, sync::Arc, time::Instant};

use bytes::Bytes;
use futures_util::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::{Carried, Connection};
use crate::{
    Runtime,
    stream::{Failure, Metered, Payloads, Proxy, Settings, Verifier, lines::Lines},
};

/// How much the receiving end reads at a time.
const READ: usize = 64 * 1024;

/// The streams of one connection.
struct Streams<I> {
    client: I,
    inbound: I,
    outbound: I,
    sink: I,
}

/// Sets up one connection for each payload, over streams that `pair` connects: one from the client to the proxy, one from
/// there to the receiving end.
pub(super) async fn connections<R, P, I>(
    proxy: P,
    payloads: &Payloads,
    settings: &Settings,
    mut pair: impl AsyncFnMut() -> io::Result<(I, I)>,
) -> io::Result<Vec<Connection>>
where
    R: Runtime,
    P: Proxy<Metered<I>, Metered<I>>,
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut connections = Vec::with_capacity(payloads.streams().len());
    for (stream, payload) in payloads.streams().iter().enumerate() {
        let (client, inbound) = pair().await?;
        let (outbound, sink) = pair().await?;
        let streams = Streams { client, inbound, outbound, sink };
        connections.push(connection::<R, _, _>(proxy, streams, stream, payload.clone(), *settings));
    }
    Ok(connections)
}

/// Carries `payload` through a proxy in this process, with a task for each party.
fn connection<R, P, I>(
    proxy: P,
    streams: Streams<I>,
    stream: usize,
    payload: Bytes,
    settings: Settings,
) -> Connection
where
    R: Runtime,
    P: Proxy<Metered<I>, Metered<I>>,
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Streams { client, inbound, outbound, sink } = streams;
    let proxied = proxy.run(Metered::new(inbound), Metered::new(outbound), settings);
    carry::<R, _>(proxied, client, sink, stream, payload, settings)
}

/// Sends `payload` to `client` and compares what comes from `sink`, while `proxied` moves it from one to the other.
pub(super) fn carry<R, I>(
    proxied: impl Future<Output = io::Result<()>> + Send + 'static,
    client: I,
    sink: I,
    stream: usize,
    payload: Bytes,
    settings: Settings,
) -> Connection
where
    R: Runtime,
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    Box::pin(async move {
        let len = payload.len();
        let lines = Lines::new(&settings);
        let mut receiver = Receiver {
            verifier: Verifier::new(stream, payload.clone()),
            lines: lines.clone(),
            latencies: Vec::new(),
        };
        let start = Instant::now();
        let sent = R::task(send(client, payload, settings.arrival(), lines));
        let proxied = R::task(proxied);
        let end = receiver.receive(sink).await?;
        let Some(proxied) = proxied.outcome().await else {
            return Err(Failure::Panicked { stream });
        };
        // A sender that fails shows in what is missing.
        let _ = sent.outcome().await;
        match proxied {
            Ok(()) if receiver.verifier.is_complete() => {
                Ok(Carried { latency: end - start, lines: receiver.latencies })
            }
            result => {
                Err(Failure::Loss { stream, offset: receiver.verifier.checked(), len, cause: result.err() })
            }
        }
    })
}

async fn send(
    mut client: impl AsyncWrite + Unpin,
    payload: Bytes,
    arrival: usize,
    lines: Option<Arc<Lines>>,
) -> io::Result<()> {
    let mut offset = 0;
    for piece in payload.chunks(arrival) {
        if let Some(lines) = &lines {
            lines.sent(offset, offset + piece.len());
        }
        client.write_all(piece).await?;
        offset += piece.len();
    }
    client.close().await
}

/// The end that compares.
struct Receiver {
    verifier: Verifier,
    lines: Option<Arc<Lines>>,
    latencies: Vec<u64>,
}

impl Receiver {
    /// Compares what arrives until the stream ends, and says when the last byte was there.
    async fn receive(&mut self, mut sink: impl AsyncRead + Unpin) -> Result<Instant, Failure> {
        let mut buf = vec![0; READ];
        let mut end = Instant::now();
        loop {
            match sink.read(&mut buf).await {
                // A stream that breaks has ended; whether too early is for the caller to see.
                Ok(0) | Err(_) => return Ok(end),
                Ok(n) => self.take(&buf[..n])?,
            }
            if self.verifier.is_complete() {
                end = Instant::now();
            }
        }
    }

    fn take(&mut self, received: &[u8]) -> Result<(), Failure> {
        let before = self.verifier.checked();
        self.verifier.check(received)?;
        if let Some(lines) = &self.lines {
            lines.received(before, self.verifier.checked(), &mut self.latencies);
        }
        Ok(())
    }
}
