//! One connection, from its first byte to its line in the log.

use std::{net::SocketAddr, pin::pin};

use futures_handoff::{
    BufferError, HandoffBuffer, HandoffBufferConfig,
    bytes::Bytes,
    tunnel::Tunnel,
};
use futures_rustls::TlsAcceptor;
use futures_util::{
    AsyncRead, AsyncWrite, AsyncWriteExt,
    future::select,
};

use crate::{
    announce,
    config::AcceptProxy,
    detect::{Answer, LIMIT, proxy_header},
    listener::{Listener, Route, Seat, Settings},
    net::{Runtime, within},
    reason::Reason,
    record::{Announced, Outcome, Record},
    reset,
    rule::{Seen, Verdict, decide},
};
#[cfg(target_os = "linux")]
use crate::splice;

/// Serves a client to its end.
pub async fn serve<R: Runtime>(client: R::Tcp, peer: SocketAddr, seat: Seat) {
    let settings = seat.listener.settings();
    let mut record = Record::new(&settings, peer, &seat);
    if let Err((reason, error)) = route::<R>(client, &settings, &mut record).await {
        record.end(reason, error);
    }
}

/// Why a connection was refused, with a message.
type Refused = (Reason, String);

fn cut() -> Refused {
    (Reason::Cut, String::new())
}

async fn route<'a, R: Runtime>(
    mut client: R::Tcp,
    settings: &'a Settings,
    record: &mut Record<'a>,
) -> Result<(), Refused> {
    // On the heap, so that it takes no memory while bytes are carried.
    let (route, first) = Box::pin(verdict::<R>(&mut client, settings, record)).await?;
    match &route.config.terminate {
        None => plain::<R>(client, first, route, record).await,
        // A TLS session is so large that another allocation does not matter.
        Some(acceptor) => Box::pin(terminated::<R>(client, first, acceptor, settings, route, record)).await,
    }
}

/// The route that takes the connection, and the bytes that were read.
async fn verdict<'a, R: Runtime>(
    client: &mut R::Tcp,
    settings: &'a Settings,
    record: &mut Record<'a>,
) -> Result<(&'a Route, Bytes), Refused> {
    let mut buffer = HandoffBuffer::new(LIMIT);
    let listener = record.listener();
    let detected = detect(client, &mut buffer, settings, record);
    let place = match listener.unless_cut(within::<R, _>(settings.detect_timeout, detected)).await.ok_or_else(cut)? {
        Some(place) => place?,
        None => {
            record.undetected();
            if settings.accept_proxy == AcceptProxy::Always && record.announced.is_none() {
                return Err((Reason::BadProxyHeader, "the PROXY header did not arrive in time".into()));
            }
            choose(&buffer, settings, record)?
        }
    };
    let route = &settings.routes[place];
    record.route = Some(route);
    Ok((route, buffer.freeze_all()))
}

/// Reads until it is clear which route takes the connection.
async fn detect<S: AsyncRead + Unpin>(
    client: &mut S,
    buffer: &mut HandoffBuffer,
    settings: &Settings,
    record: &mut Record<'_>,
) -> Result<usize, Refused> {
    if settings.accept_proxy != AcceptProxy::Never {
        record.announced = take_proxy_header(client, buffer, settings.accept_proxy).await?;
    }
    loop {
        match decide(settings.rules(), buffer.peek(), false) {
            Verdict::Need(more) => {
                if !fill(client, buffer, more).await? {
                    if buffer.is_empty() {
                        return Err((Reason::ClientLeft, String::new()));
                    }
                    return choose(buffer, settings, record);
                }
            }
            Verdict::Decided(place, seen) => return decided(place, seen, buffer, record),
        }
    }
}

/// The route for the bytes that have arrived, when no more will come.
fn choose(buffer: &HandoffBuffer, settings: &Settings, record: &mut Record<'_>) -> Result<usize, Refused> {
    match decide(settings.rules(), buffer.peek(), true) {
        Verdict::Decided(place, seen) => decided(place, seen, buffer, record),
        Verdict::Need(_) => unreachable!("nothing is needed where no more can come"),
    }
}

/// How many of the first bytes the log shows.
const SHOWN: usize = 32;

fn decided(
    place: Option<usize>,
    seen: Seen,
    buffer: &HandoffBuffer,
    record: &mut Record<'_>,
) -> Result<usize, Refused> {
    record.seen = seen;
    place.ok_or_else(|| {
        let bytes = buffer.peek();
        let shown = bytes[..bytes.len().min(SHOWN)].escape_ascii();
        (Reason::NoRoute, format!("no route takes what begins with \"{shown}\" ({} bytes)", bytes.len()))
    })
}

/// Reads this many more bytes. `false`: the client has closed.
async fn fill<S: AsyncRead + Unpin>(
    client: &mut S,
    buffer: &mut HandoffBuffer,
    more: usize,
) -> Result<bool, Refused> {
    match buffer.fill_to(client, buffer.len() + more).await {
        Ok(filled) => Ok(filled),
        Err(BufferError::Io(error)) => Err((Reason::ClientError, error.to_string())),
        Err(error) => Err((Reason::NoRoute, error.to_string())),
    }
}

async fn take_proxy_header<S: AsyncRead + Unpin>(
    client: &mut S,
    buffer: &mut HandoffBuffer,
    accept: AcceptProxy,
) -> Result<Option<Announced>, Refused> {
    loop {
        let more = match proxy_header::header(buffer.peek()) {
            Answer::Yes(header) => {
                let (len, addresses) = (header.len, header.addresses);
                let header = buffer.split_prefix(len).expect("the header is in the buffer");
                return Ok(Some(Announced { addresses, header }));
            }
            Answer::No(proxy_header::ABSENT) if accept == AcceptProxy::Optional => return Ok(None),
            Answer::No(reason) => return Err((Reason::BadProxyHeader, reason.to_owned())),
            Answer::Need(more) => more,
        };
        if !fill(client, buffer, more).await? {
            return match accept {
                AcceptProxy::Optional => Ok(None),
                _ if buffer.is_empty() => Err((Reason::ClientLeft, String::new())),
                _ => Err((Reason::BadProxyHeader, "the client closed within its PROXY header".into())),
            };
        }
    }
}

/// Carries bytes as they are.
async fn plain<R: Runtime>(
    mut client: R::Tcp,
    first: Bytes,
    route: &Route,
    record: &mut Record<'_>,
) -> Result<(), Refused> {
    let (mut server, lease) = Box::pin(connect::<R>(route, record)).await?;
    let announced = announce::header(route.group.send_proxy, record, &client);
    #[cfg(target_os = "linux")]
    if route.config.splice {
        let first = [announced.unwrap_or_default(), first];
        let quiet = || quiet::<R>(route, record.listener());
        let outcome = splice::carry::<R, _>(&mut client, &mut server, first, quiet).await;
        drop(lease);
        return finish::<R>(client, server, outcome, record).await;
    }
    let outcome = tunnel::<R, _, _>(&mut client, &mut server, [announced, Some(first)], route, record.listener()).await;
    drop(lease);
    finish::<R>(client, server, outcome, record).await
}

/// Terminates TLS and carries the plaintext.
async fn terminated<R: Runtime>(
    client: R::Tcp,
    first: Bytes,
    acceptor: &TlsAcceptor,
    settings: &Settings,
    route: &Route,
    record: &mut Record<'_>,
) -> Result<(), Refused> {
    let announced = announce::header(route.group.send_proxy, record, &client);
    let buffer = HandoffBuffer::from_tail(first.into(), HandoffBufferConfig::new(LIMIT));
    let buffer = buffer.expect("it was in a buffer with the same limit");
    let handshake = acceptor.accept(buffer.into_reader(client));
    let handshake = within::<R, _>(settings.detect_timeout, handshake);
    let mut client = match record.listener().unless_cut(handshake).await.ok_or_else(cut)? {
        Some(Ok(client)) => client,
        Some(Err(error)) => return Err((Reason::TlsFailed, error.to_string())),
        None => return Err((Reason::TlsFailed, format!("no handshake in {:?}", settings.detect_timeout))),
    };
    let (mut server, lease) = match connect::<R>(route, record).await {
        Ok(connected) => connected,
        Err(refused) => {
            // An error of the close does not matter: the connection has failed anyway.
            let _ = client.close().await;
            return Err(refused);
        }
    };
    let outcome = tunnel::<R, _, _>(&mut client, &mut server, [announced, None], route, record.listener()).await;
    drop(lease);
    // Without `close_notify` a truncated stream does not look complete.
    let (client, _) = client.into_inner();
    let (_, client) = client.into_parts();
    finish::<R>(client, server, outcome, record).await
}

async fn connect<'r, R: Runtime>(
    route: &'r Route,
    record: &mut Record<'_>,
) -> Result<(R::Tcp, crate::upstream::Lease<'r>), Refused> {
    match record.listener().unless_cut(route.group.connect::<R>()).await.ok_or_else(cut)? {
        Ok((server, lease)) => {
            record.server = Some(lease.server.address);
            Ok((server, lease))
        }
        Err(failures) => Err((Reason::Unreachable, failures)),
    }
}

async fn tunnel<R, C, S>(
    client: &mut C,
    server: &mut S,
    first: [Option<Bytes>; 2],
    route: &Route,
    listener: &Listener,
) -> Outcome
where
    R: Runtime,
    C: AsyncRead + AsyncWrite + Unpin,
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut tunnel = Tunnel::new(client, server);
    for bytes in first.into_iter().flatten() {
        tunnel = tunnel.with_first_to_b(bytes);
    }
    tunnel.run_with_idle(|| quiet::<R>(route, listener)).await.into()
}

/// The idle period. It is over at once when connections are cut.
async fn quiet<R: Runtime>(route: &Route, listener: &Listener) {
    select(pin!(R::sleep(route.config.idle_timeout)), pin!(listener.until_cut())).await;
}

/// Records how the connection ended. If one side failed, the other one is reset, unless it has got
/// all that was sent to it.
async fn finish<R: Runtime>(
    client: R::Tcp,
    server: R::Tcp,
    outcome: Outcome,
    record: &mut Record<'_>,
) -> Result<(), Refused> {
    let (reason, answered) = (outcome.reason, outcome.answered);
    record.carried(outcome);
    match reason {
        Reason::UpstreamError if answered => {
            drop(server);
            let uploaded = Box::pin(reset::after_upload::<R>(client));
            let _ = record.listener().unless_cut(uploaded).await;
        }
        Reason::ClientError => reset::after_delivery::<R>(server).await,
        Reason::UpstreamError => reset::after_delivery::<R>(client).await,
        _ => {}
    }
    Ok(())
}
