//! The two ends around a proxy: who sends, and who compares what arrives.

use std::{io, time::Instant};

use bytes::Bytes;
use futures_util::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::Connection;
use crate::{
    Runtime,
    stream::{Failure, Payloads, Proxy, Settings, Verifier},
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
    P: Proxy<I, I>,
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

/// Carries `payload` through the proxy, with a task for each party.
fn connection<R, P, I>(
    proxy: P,
    streams: Streams<I>,
    stream: usize,
    payload: Bytes,
    settings: Settings,
) -> Connection
where
    R: Runtime,
    P: Proxy<I, I>,
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    Box::pin(async move {
        let Streams { client, inbound, outbound, sink } = streams;
        let len = payload.len();
        let mut verifier = Verifier::new(stream, payload.clone());
        let start = Instant::now();
        let sent = R::task(send(client, payload, settings.arrival()));
        let proxied = R::task(proxy.run(inbound, outbound, settings));
        let end = receive(sink, &mut verifier).await?;
        let Some(proxied) = proxied.outcome().await else {
            return Err(Failure::Panicked { stream });
        };
        // A sender that fails shows in what is missing.
        let _ = sent.outcome().await;
        match proxied {
            Ok(()) if verifier.is_complete() => Ok(end - start),
            result => Err(Failure::Loss { stream, offset: verifier.checked(), len, cause: result.err() }),
        }
    })
}

async fn send(mut client: impl AsyncWrite + Unpin, payload: Bytes, arrival: usize) -> io::Result<()> {
    for piece in payload.chunks(arrival) {
        client.write_all(piece).await?;
    }
    client.close().await
}

/// Compares what arrives until the stream ends, and says when the last byte was there.
async fn receive(mut sink: impl AsyncRead + Unpin, verifier: &mut Verifier) -> Result<Instant, Failure> {
    let mut buf = vec![0; READ];
    let mut end = Instant::now();
    loop {
        match sink.read(&mut buf).await {
            // A stream that breaks has ended; whether too early is for the caller to see.
            Ok(0) | Err(_) => return Ok(end),
            Ok(n) => verifier.check(&buf[..n])?,
        }
        if verifier.is_complete() {
            end = Instant::now();
        }
    }
}
