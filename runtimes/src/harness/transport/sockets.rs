//! The two ends around a proxy, over pipes or sockets: one that sends, and one that compares what
//! arrives.

use std::{future::Future, io, sync::Arc, time::Instant};

use bytes::Bytes;
use futures_util::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::{Carried, Connection};
use crate::{
    Runtime,
    harness::{Failure, FrameClock, Metered, Payloads, Proxy, Settings, Verifier},
};

/// How much the receiving end reads at a time.
const READ: usize = 64 * 1024;

/// Sets up one connection for each payload, over streams that `pair` connects: one from the client
/// to the proxy, one from there to the receiving end.
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
        let proxied = proxy.run::<R>(Metered::new(inbound), Metered::new(outbound), *settings);
        connections.push(carry::<R, _>(proxied, client, sink, stream, payload.clone(), *settings));
    }
    Ok(connections)
}

/// Sends `payload` to `client` and compares what comes from `sink`, while `proxied` moves it from
/// one to the other.
pub(in crate::harness) fn carry<R, I>(
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
        let clock = FrameClock::new(&settings);
        let mut verifier = Verifier::new(stream, payload.clone());
        let mut lines = Vec::new();
        let start = Instant::now();
        let sent = R::task(send(client, payload, settings.arrival(), clock.clone()));
        let proxied = R::task(proxied);
        let end = receive(sink, &mut verifier, clock, &mut lines).await?;
        let Some(proxied) = proxied.outcome().await else {
            return Err(Failure::Panicked { stream });
        };
        // If the sender fails, bytes are missing at the other end.
        let _ = sent.outcome().await;
        match proxied {
            Ok(()) if verifier.is_complete() => Ok(Carried { latency: end - start, lines }),
            result => Err(Failure::Loss { stream, offset: verifier.checked(), len, cause: result.err() }),
        }
    })
}

async fn send(
    mut client: impl AsyncWrite + Unpin,
    payload: Bytes,
    arrival: usize,
    clock: Option<Arc<FrameClock>>,
) -> io::Result<()> {
    let mut offset = 0;
    for piece in payload.chunks(arrival) {
        if let Some(clock) = &clock {
            clock.sent(offset, offset + piece.len());
        }
        client.write_all(piece).await?;
        offset += piece.len();
    }
    client.close().await
}

/// Compares arriving bytes until the stream ends, and returns when the last byte arrived.
async fn receive(
    mut sink: impl AsyncRead + Unpin,
    verifier: &mut Verifier,
    clock: Option<Arc<FrameClock>>,
    lines: &mut Vec<u64>,
) -> Result<Instant, Failure> {
    let mut buf = vec![0; READ];
    let mut end = Instant::now();
    loop {
        let before = verifier.checked();
        match sink.read(&mut buf).await {
            // A broken stream has ended; the caller checks whether that was too early.
            Ok(0) | Err(_) => return Ok(end),
            Ok(n) => verifier.check(&buf[..n])?,
        }
        if let Some(clock) = &clock {
            clock.received(before, verifier.checked(), lines);
        }
        if verifier.is_complete() {
            end = Instant::now();
        }
    }
}
