//! Connections with a scripted far end, and the bytes that go through them.

pub(crate) use std::{future::Future, sync::Arc, time::Duration};

pub(crate) use futures_handoff::{
    CloseReason, HandoffBuffer, WriteHandoff, WriteHandoffConfig, WriterFailure, bytes::Bytes,
};
pub(crate) use futures_handoff_runtimes::{self as runtimes, Runtime, Task};

pub(crate) use crate::{
    outlet::Parting,
    peer::{Peer, Peers, open_descriptors},
    router::{MARK, Routed, Terms, route},
};

use futures_util::{
    AsyncRead, AsyncWrite,
    future::{Either, select},
};
use std::pin::pin;

/// Longer than anything that does not hang.
pub(crate) const LONG: Duration = Duration::from_secs(30);

/// The output of `future`, or `None` if it takes longer than `duration`. It can be part of a task,
/// for any runtime: it is `Send` where the future is.
pub(crate) async fn within<R: Runtime, F: Future>(duration: Duration, future: F) -> Option<F::Output> {
    match select(pin!(future), pin!(R::sleep(duration))).await {
        Either::Left((output, _)) => Some(output),
        Either::Right(_) => None,
    }
}

/// Waits until no more descriptors are open than before: what a runtime closes, it closes in its
/// own time.
pub(crate) async fn no_more_descriptors<R: Runtime>(before: usize) {
    for _ in 0..1000 {
        if open_descriptors() <= before {
            return;
        }
        R::sleep(Duration::from_millis(10)).await;
    }
    panic!("{} descriptors are open, and {before} were before", open_descriptors());
}

/// Reads until so much is buffered.
pub(crate) async fn read_to(buffer: &mut HandoffBuffer, reader: &mut (impl AsyncRead + Unpin), len: usize) {
    while buffer.len() < len {
        assert!(buffer.read_available(reader).await.unwrap() > 0);
    }
}

/// Writes all of it in chunks.
pub(crate) async fn send<W: AsyncWrite + Unpin>(handoff: &WriteHandoff<W>, mut bytes: Bytes, chunk: usize) {
    while !bytes.is_empty() {
        let next = bytes.split_to(chunk.min(bytes.len()));
        handoff.write_fire_and_forget(next).await.unwrap();
    }
}

/// Bytes that differ from one place to the next, and cannot be compressed.
pub(crate) fn payload(len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    fastrand::Rng::with_seed(1).fill(&mut bytes);
    bytes
}

/// Lines for both upstreams and then a tunnel, and what of it goes to each.
pub(crate) fn upload(lines: usize, tunnel: usize) -> (Vec<u8>, Vec<u8>, Vec<u8>) {
    let (mut a, mut b) = (Vec::new(), Vec::new());
    let mut upload = Vec::new();
    for number in 0..lines {
        let to = if number % 3 == 0 { 'b' } else { 'a' };
        let line = format!("{to}{}{number}\n", ".".repeat(number % 500));
        upload.extend_from_slice(line.as_bytes());
        if to == 'a' { &mut a } else { &mut b }.extend_from_slice(line.as_bytes());
    }
    if tunnel > 0 {
        let bytes = payload(tunnel);
        upload.extend_from_slice(MARK);
        upload.extend_from_slice(&bytes);
        a.extend_from_slice(&bytes);
    }
    (upload, a, b)
}

/// A connection from the runtime to a peer.
pub(crate) async fn connected<R: Runtime>() -> (R::Tcp, Peer) {
    let peers = Peers::new().unwrap();
    let near = R::connect(peers.address()).await.unwrap();
    (near, peers.accept().await)
}

/// A connection from a peer to the runtime.
pub(crate) async fn accepted<R: Runtime>() -> (R::Tcp, Peer) {
    let mut listener = R::bind(([127, 0, 0, 1], 0).into()).await.unwrap();
    let peer = Peer::connect(R::local_addr(&listener).unwrap()).await.unwrap();
    (R::accept(&mut listener).await.unwrap(), peer)
}

/// A handoff into a connection, and what becomes of its task.
pub(crate) type Stream<W> = (WriteHandoff<W>, Task<Result<W, WriterFailure<W>>>);

/// A handoff whose task runs in the background.
pub(crate) fn stream<R, W>(writer: W, config: WriteHandoffConfig) -> Stream<W>
where
    R: Runtime,
    W: AsyncWrite + Unpin + Send + 'static,
{
    let (handoff, task) = WriteHandoff::new(writer, config);
    (handoff, R::task(task))
}

/// Waits until writing stalls, although there is more to write.
pub(crate) async fn stalled<R: Runtime, W>(handoff: &WriteHandoff<W>) {
    let (mut before, mut same) = (u64::MAX, 0);
    // A peer that is only slow does not stall for this long.
    while same < 5 {
        let stats = handoff.stats();
        same = if stats.written == before && stats.accepted > before { same + 1 } else { 0 };
        before = stats.written;
        R::sleep(Duration::from_millis(40)).await;
    }
}

/// Whether that is how a reset shows.
pub(crate) fn is_reset(reason: &CloseReason) -> bool {
    use std::io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected};
    let CloseReason::Io(error) = reason else {
        panic!("it is the connection that failed, and not: {reason}")
    };
    matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | NotConnected)
}

/// A proxy with its client and both upstreams.
pub(crate) struct Routing {
    pub(crate) client: Peer,
    pub(crate) a: Peer,
    pub(crate) b: Peer,
    pub(crate) proxy: Task<Routed>,
}

/// The terms of a proxy that waits for everything.
pub(crate) fn terms() -> Terms {
    Terms {
        config: WriteHandoffConfig::default(),
        owned: false,
        parting: Parting::Close,
        session: LONG,
        closing: LONG,
    }
}

/// A client of a proxy that has sent `first`, and its upstreams.
pub(crate) async fn routing<R: Runtime>(first: &[u8], terms: Terms) -> Routing {
    let upstreams = Peers::new().unwrap();
    let (near, client) = accepted::<R>().await;
    let proxy = R::task(route::<R>(near, upstreams.address(), terms));
    client.write_all(first).await.unwrap();
    let a = upstreams.accept().await;
    Routing { client, a, b: upstreams.accept().await, proxy }
}

/// All that comes until the end.
pub(crate) async fn rest(peer: &Peer) -> Vec<u8> {
    let mut received = Vec::new();
    peer.read_to_end(&mut received).await.unwrap();
    received
}
