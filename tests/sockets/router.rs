//! A proxy that routes lines to two upstreams and lets the answers of the first one through.

use std::{
    io,
    net::SocketAddr,
    time::{Duration, Instant},
};

use futures_handoff::{HandoffBuffer, Then, WriteHandoffConfig};
use futures_handoff_runtimes::Runtime;
use futures_util::{AsyncRead, AsyncWrite, future::join};

use crate::{
    outlet::{Outcome, Outlet, Parting, Way},
    support::within,
};

/// The line after which everything goes to the first upstream as it is.
pub(crate) const MARK: &[u8] = b"TUNNEL\n";

/// The longest line, and the most that is buffered.
const LINE: usize = 64 * 1024;

/// The most that one turn reads.
const READ: usize = 16 * 1024;

/// How a connection is served.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Terms {
    /// What each of the three streams out of the proxy is configured with. A line has to fit.
    pub(crate) config: WriteHandoffConfig,
    /// Whether lines are taken out of the buffer before they are sent, or sent from where they lie.
    pub(crate) owned: bool,
    /// How streams are ended that have no reason to be aborted.
    pub(crate) parting: Parting,
    /// How long the connection may last; then everything is aborted.
    pub(crate) session: Duration,
    /// How long a stream may take to end.
    pub(crate) closing: Duration,
}

/// What became of a connection. A stream that was not opened is `None`.
#[derive(Debug, Default)]
pub(crate) struct Routed {
    /// The first upstream, for lines that begin with `a`, and the tunnel.
    pub(crate) a: Option<Outcome>,
    /// The second upstream, for all other lines.
    pub(crate) b: Option<Outcome>,
    pub(crate) client: Option<Outcome>,
    /// Whether the client and the first upstream were read to their ends.
    pub(crate) forward_ended: bool,
    pub(crate) backward_ended: bool,
    /// Whether the connection lasted longer than it may.
    pub(crate) expired: bool,
    /// Why it could not be served, if so.
    pub(crate) refused: Option<io::Error>,
}

/// Serves one client: opens the upstreams once a byte has come, and passes on until all directions
/// have ended.
pub(crate) async fn route<R: Runtime>(mut client: R::Tcp, upstream: SocketAddr, terms: Terms) -> Routed {
    let began = Instant::now();
    let mut buffer = HandoffBuffer::new(LINE);
    let opened = within::<R, _>(terms.session, async {
        // A client that leaves before the first byte wants nothing, even if it leaves with a reset.
        if buffer.read_available(&mut client).await.unwrap_or(0) == 0 {
            return Ok(None);
        }
        let (a, b) = (R::connect(upstream).await?, R::connect(upstream).await?);
        Ok::<_, io::Error>(Some((R::halves(client)?, R::halves(a)?, R::halves(b)?)))
    });
    let ((mut from_client, to_client), (mut from_a, to_a), (from_b, to_b)) = match opened.await {
        Some(Ok(Some(opened))) => opened,
        Some(Ok(None)) => return Routed::default(),
        Some(Err(error)) => return Routed { refused: Some(error), ..Routed::default() },
        None => return Routed { expired: true, ..Routed::default() },
    };
    let Terms { config, parting, closing, owned, session } = terms;
    let mut to_a = Way::new::<R>(to_a, config);
    let mut to_b = Way::new::<R>(to_b, config);
    let mut to_client = Way::new::<R>(to_client, config);
    let (mut forward_ended, mut backward_ended) = (false, false);
    let forward = async {
        let (a, b) = (to_a.open(), to_b.open());
        forward_ended = lines(&mut buffer, &mut from_client, a, b, owned).await.unwrap_or(false);
        to_a.part::<R>(parting, closing);
        to_b.part::<R>(parting, closing);
    };
    let backward = async {
        backward_ended = answers(&mut from_a, to_client.open()).await.unwrap_or(false);
        to_client.part::<R>(parting, closing);
    };
    let left = session.saturating_sub(began.elapsed());
    let expired = within::<R, _>(left, join(forward, backward)).await.is_none();
    // A truncated stream is aborted.
    let ends = (to_a.outcome::<R>(), to_b.outcome::<R>(), to_client.outcome::<R>());
    let (a, b, client) = futures_util::join!(ends.0, ends.1, ends.2);
    drop(from_b);
    let (a, b, client) = (Some(a), Some(b), Some(client));
    Routed { a, b, client, forward_ended, backward_ended, expired, refused: None }
}

/// Routes the lines, and then the tunnel; whether the client was read to its end, or `None` if a
/// stream has ended. A line that was cut off is not routed.
async fn lines<I, A, B>(
    buffer: &mut HandoffBuffer,
    reader: &mut I,
    a: &mut Outlet<A>,
    b: &mut Outlet<B>,
    owned: bool,
) -> Option<bool>
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
                buffer.advance(n).unwrap();
                tunnel = true;
            } else if buffer.peek()[0] == b'a' {
                pass(buffer, n, a, owned).await?;
            } else {
                pass(buffer, n, b, owned).await?;
            }
        }
        if tunnel {
            pass_all(buffer, a).await?;
        }
        match then {
            Then::End => return Some(true),
            Then::Error(_) => return Some(false),
            Then::Pending | Then::Limit | Then::Full => {}
        }
        // It also fails if a line is too long: it fills the buffer then.
        then = buffer.read_ready(reader, READ).await.ok()?.then;
    }
}

/// Passes on one line, if that is possible.
async fn pass<W>(buffer: &mut HandoffBuffer, n: usize, outlet: &mut Outlet<W>, owned: bool) -> Option<()>
where
    W: AsyncWrite + Unpin + Send + 'static,
{
    if !owned {
        return outlet.write_prefix(buffer, n).await.ok();
    }
    let line = buffer.split_prefix(n).unwrap();
    outlet.write(line).await.ok()
}

/// Passes on all that is buffered, if that is possible.
async fn pass_all<W>(buffer: &mut HandoffBuffer, outlet: &mut Outlet<W>) -> Option<()>
where
    W: AsyncWrite + Unpin + Send + 'static,
{
    while !buffer.is_empty() {
        let n = buffer.len().min(outlet.budget());
        outlet.write_prefix(buffer, n).await.ok()?;
    }
    Some(())
}

/// Passes on the answers; whether the upstream was read to its end, or `None` if the stream has
/// ended.
async fn answers<I, W>(reader: &mut I, client: &mut Outlet<W>) -> Option<bool>
where
    I: AsyncRead + Unpin,
    W: AsyncWrite + Unpin + Send + 'static,
{
    let mut buffer = HandoffBuffer::new(LINE);
    loop {
        let filled = buffer.read_ready(reader, READ).await.ok()?;
        pass_all(&mut buffer, client).await?;
        match filled.then {
            Then::End => return Some(true),
            Then::Error(_) => return Some(false),
            Then::Pending | Then::Limit | Then::Full => {}
        }
    }
}
