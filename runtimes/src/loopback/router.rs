//! A proxy that routes lines to two upstreams and lets the answers of the first one through.

use std::{
    io,
    net::SocketAddr,
    time::{Duration, Instant},
};

use futures_handoff::{HandoffBuffer, Then, WriteHandoffConfig};
use futures_util::{AsyncRead, AsyncWrite, future::join};

use super::{
    outlet::{Outcome, Outlet, Parting},
    way::Way,
    within,
};
use crate::Runtime;

/// The line after which everything goes to the first upstream as it is.
pub const MARK: &[u8] = b"TUNNEL\n";

/// The longest line, and the most that is buffered.
const LINE: usize = 64 * 1024;

/// The most that one turn reads.
const READ: usize = 16 * 1024;

/// How a connection is served.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Terms {
    /// What each of the three streams out of the proxy is configured with. A line has to fit.
    pub config: WriteHandoffConfig,
    /// Whether lines are taken out of the buffer before they are sent, or sent from where they lie.
    pub owned: bool,
    /// How streams are ended that have no reason to be aborted.
    pub parting: Parting,
    /// How long the connection may last; then everything is aborted.
    pub session: Duration,
    /// How long a stream may take to end.
    pub closing: Duration,
}

/// What became of a connection. A stream that was not opened is `None`.
#[derive(Debug, Default)]
pub struct Routed {
    /// The first upstream, for lines that begin with `a`, and the tunnel.
    pub a: Option<Outcome>,
    /// The second upstream, for all other lines.
    pub b: Option<Outcome>,
    /// The client.
    pub client: Option<Outcome>,
    /// Whether the client was read to its end.
    pub forward_ended: bool,
    /// Whether the first upstream was read to its end.
    pub backward_ended: bool,
    /// Whether the connection lasted longer than it may.
    pub expired: bool,
    /// Why it could not be served, if that is so.
    pub refused: Option<io::Error>,
}

/// Serves one client: opens the upstreams once a byte has come, and passes on until all directions have ended.
///
/// `watch` is given something to ask each stream how much is pending there.
///
/// # Errors
///
/// A promise of the library that was not kept.
pub async fn route<R: Runtime>(
    mut client: R::Tcp,
    upstream: SocketAddr,
    terms: Terms,
    watch: impl Fn(Box<dyn Fn() -> usize + Send>) + Send,
) -> Result<Routed, String> {
    let began = Instant::now();
    let mut buffer = HandoffBuffer::new(LINE).map_err(|error| error.to_string())?;
    let opened = within::<R, _>(terms.session, async {
        // Whoever goes away before the first byte wants nothing, and may say so by a reset.
        if buffer.read_available(&mut client).await.unwrap_or(0) == 0 {
            return Ok(None);
        }
        let (a, b) = (R::connect(upstream).await?, R::connect(upstream).await?);
        Ok::<_, io::Error>(Some((R::halves(client)?, R::halves(a)?, R::halves(b)?)))
    });
    let ((mut from_client, to_client), (mut from_a, to_a), (from_b, to_b)) = match opened.await {
        Some(Ok(Some(opened))) => opened,
        Some(Ok(None)) => return Ok(Routed::default()),
        Some(Err(error)) => return Ok(Routed { refused: Some(error), ..Routed::default() }),
        None => return Ok(Routed { expired: true, ..Routed::default() }),
    };
    let mut to_a = Way::new(Outlet::new::<R>(to_a, terms.config));
    let mut to_b = Way::new(Outlet::new::<R>(to_b, terms.config));
    let mut to_client = Way::new(Outlet::new::<R>(to_client, terms.config));
    watch(Box::new(to_a.open().pending()));
    watch(Box::new(to_b.open().pending()));
    watch(Box::new(to_client.open().pending()));

    let (mut forward_ended, mut backward_ended) = (false, false);
    let Terms { parting, closing, owned, .. } = terms;
    let forward = async {
        forward_ended = lines(&mut buffer, &mut from_client, to_a.open(), to_b.open(), owned).await;
        to_a.part::<R>(parting, closing);
        to_b.part::<R>(parting, closing);
    };
    let backward = async {
        backward_ended = answers(&mut from_a, to_client.open()).await;
        to_client.part::<R>(parting, closing);
    };
    let left = terms.session.saturating_sub(began.elapsed());
    let expired = within::<R, _>(left, join(forward, backward)).await.is_none();
    // What was cut short; nothing happens to what has ended.
    to_a.part::<R>(Parting::Abort, closing);
    to_b.part::<R>(Parting::Abort, closing);
    to_client.part::<R>(Parting::Abort, closing);
    let (a, b, client) = (to_a.outcome().await?, to_b.outcome().await?, to_client.outcome().await?);
    drop(from_b);
    Ok(Routed {
        a: Some(a),
        b: Some(b),
        client: Some(client),
        forward_ended,
        backward_ended,
        expired,
        refused: None,
    })
}

/// Routes the lines, and then the tunnel; whether the client was read to its end. A line that was cut off goes nowhere.
async fn lines<I, A, B>(
    buffer: &mut HandoffBuffer,
    reader: &mut I,
    a: &mut Outlet<A>,
    b: &mut Outlet<B>,
    owned: bool,
) -> bool
where
    I: AsyncRead + Unpin,
    A: AsyncWrite + Unpin + Send + 'static,
    B: AsyncWrite + Unpin + Send + 'static,
{
    let mut tunnel = false;
    let mut then = Then::Limit;
    loop {
        while !tunnel {
            let Some(end) = buffer.find(b"\n") else { break };
            let n = end + 1;
            if &buffer.peek()[..n] == MARK {
                buffer.advance(n).expect("the mark is there");
                tunnel = true;
                break;
            }
            let to_a = buffer.peek()[0] == b'a';
            let sent = if to_a { pass(buffer, n, a, owned).await } else { pass(buffer, n, b, owned).await };
            if !sent {
                return false;
            }
        }
        if tunnel && !tunnelled(buffer, a).await {
            return false;
        }
        match then {
            Then::End => return true,
            Then::Error(_) => return false,
            Then::Pending | Then::Limit | Then::Full => {}
        }
        // It also fails if a line is longer than any: the buffer is full of it then.
        match buffer.read_ready(reader, READ).await {
            Ok(filled) => then = filled.then,
            Err(_) => return false,
        }
    }
}

/// Passes on one line; whether that was possible.
async fn pass<W>(buffer: &mut HandoffBuffer, n: usize, outlet: &mut Outlet<W>, owned: bool) -> bool
where
    W: AsyncWrite + Unpin + Send + 'static,
{
    if !owned {
        return outlet.write_prefix(buffer, n).await.is_ok();
    }
    let line = buffer.split_prefix(n).expect("the line is there");
    outlet.write(line).await.is_ok()
}

/// Passes on all that is buffered; whether that was possible.
async fn tunnelled<W>(buffer: &mut HandoffBuffer, outlet: &mut Outlet<W>) -> bool
where
    W: AsyncWrite + Unpin + Send + 'static,
{
    while !buffer.is_empty() {
        let n = buffer.len().min(outlet.handoff().config().max_pending_bytes());
        if outlet.write_prefix(buffer, n).await.is_err() {
            return false;
        }
    }
    true
}

/// Passes on the answers; whether the upstream was read to its end.
async fn answers<I, W>(reader: &mut I, client: &mut Outlet<W>) -> bool
where
    I: AsyncRead + Unpin,
    W: AsyncWrite + Unpin + Send + 'static,
{
    let mut buffer = HandoffBuffer::new(LINE).expect("the limit is in bounds");
    loop {
        let Ok(filled) = buffer.read_ready(reader, READ).await else { return false };
        if !tunnelled(&mut buffer, client).await {
            return false;
        }
        match filled.then {
            Then::End => return true,
            Then::Error(_) => return false,
            Then::Pending | Then::Limit | Then::Full => {}
        }
    }
}
