//! A proxy that switches from lines to a tunnel without losing what came behind the last line.
//!
//! ```text
//! cargo run --example tcp_proxy --features tokio -- tokio 127.0.0.1:7000
//! ```
//!
//! A client connects to the proxy and sends `CONNECT <address>\n`. The proxy opens a connection there, answers `OK\n`
//! and is a tunnel from then on, in both directions. Bytes for the tunnel may come in one go with the line.
//!
//! What to learn:
//! - what was read is passed on before the end, or the error, that came behind it;
//! - the two directions end apart: when one of them ends or fails, the other goes on, so that an
//!   answer arrives although the question was refused, and an end travels through although the
//!   answer is still to come;
//! - an `accept` that fails is no reason to stop: descriptors run out, and come back.
//!
//! It has no timeouts. A proxy that is not among friends ends connections that move nothing for too
//! long. And where a server takes no more of a question, it reads on for a while and discards that:
//! a connection that is closed with bytes unread is reset, and a reset may overtake the answer.
//!
//! The runtime is `local`, which is none at all, or one whose feature is on. Without arguments the proxy tries itself
//! out on each of them, over loopback, and ends.

use std::{env, future::Future, io, net::SocketAddr, process::ExitCode, time::Duration};

use futures_handoff::{Delimiter, HandoffBuffer, Then, WriteHandoff, WriteHandoffConfig, bytes::Bytes};
use futures_handoff_runtimes::{Runtime, for_each};
use futures_util::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, future::join};

/// The longest line, and how much a tunnel reads at a time.
const READ: usize = 64 * 1024;

/// How long to wait after the first `accept` that fails, and after any number of them.
const PAUSES: (Duration, Duration) = (Duration::from_millis(5), Duration::from_secs(1));

fn main() -> ExitCode {
    let mut args = env::args().skip(1);
    if args.len() == 0 {
        return try_all();
    }
    let (Some(name), Some(address)) = (args.next(), args.next()) else {
        eprintln!("usage: tcp_proxy [<runtime> <address>]");
        return ExitCode::from(2);
    };
    let Ok(address) = address.parse() else {
        eprintln!("tcp_proxy: {address} is not an address such as 127.0.0.1:7000");
        return ExitCode::from(2);
    };
    for_each!(R => {
        if R::NAME == name {
            return match R::block_on(listen::<R>(address)) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => {
                    eprintln!("tcp_proxy: {error}");
                    ExitCode::FAILURE
                }
            };
        }
    });
    eprintln!(
        "tcp_proxy: there is no runtime {name}; enable the feature `tokio`, `smol` or `async-std`, or use local"
    );
    ExitCode::from(2)
}

async fn listen<R: Runtime>(address: SocketAddr) -> io::Result<()> {
    let mut listener = R::bind(address).await?;
    eprintln!("listening at {} on {}", R::local_addr(&listener)?, R::NAME);
    loop {
        let client = accepted(async || R::accept(&mut listener).await, R::sleep).await;
        R::spawn(async {
            if let Err(error) = serve::<R>(client).await {
                eprintln!("a connection failed: {error}");
            }
        });
    }
}

/// The next client.
///
/// An `accept` that fails says little about the listener: the process has no descriptor to spare
/// just now, or the client has gone already. So this waits, longer each time, and tries again.
pub(crate) async fn accepted<C>(
    mut accept: impl AsyncFnMut() -> io::Result<C>,
    pause: impl AsyncFn(Duration),
) -> C {
    let (mut wait, longest) = PAUSES;
    loop {
        match accept().await {
            Ok(client) => return client,
            Err(error) => {
                eprintln!("no connection accepted, trying again after {wait:?}: {error}");
                pause(wait).await;
                wait = longest.min(2 * wait);
            }
        }
    }
}

/// Serves one client to its end.
pub(crate) async fn serve<R: Runtime>(client: R::Tcp) -> io::Result<()> {
    let (from_client, to_client) = client.split();
    let connect = async |address| {
        let (from_server, to_server) = R::connect(address).await?.split();
        Ok((from_server, handoff::<R, _>(to_server)))
    };
    proxy(from_client, handoff::<R, _>(to_client), connect).await
}

/// Serves one client to its end. `connect` opens the connection that the client asks for.
pub(crate) async fn proxy<I, O, FI, FO, C>(
    mut from_client: I,
    to_client: WriteHandoff<O>,
    connect: impl FnOnce(SocketAddr) -> C,
) -> io::Result<()>
where
    I: AsyncRead + Unpin,
    O: AsyncWrite + Unpin,
    FI: AsyncRead + Unpin,
    FO: AsyncWrite + Unpin,
    C: Future<Output = io::Result<(FI, WriteHandoff<FO>)>>,
{
    let mut buffer = HandoffBuffer::new(READ);
    let Some(line) = buffer.next_frame(&mut from_client, &mut Delimiter::new(b"\n")).await? else {
        to_client.close();
        return Ok(to_client.closed().await?);
    };
    let Some(address) = parse(&line) else {
        to_client.write(Bytes::from_static(b"ERR expected CONNECT <address>\n")).await?;
        to_client.close();
        return Ok(to_client.closed().await?);
    };
    let (from_server, to_server) = match connect(address).await {
        Ok(connected) => connected,
        Err(error) => {
            to_client.write(Bytes::from_static(b"ERR cannot connect\n")).await?;
            to_client.close();
            to_client.closed().await?;
            return Err(error);
        }
    };
    to_client.write(Bytes::from_static(b"OK\n")).await?;

    // What came behind the line is still in the buffer: it is the first that the tunnel carries.
    let sent = tunnel(buffer, from_client, to_server);
    let answered = tunnel(HandoffBuffer::new(READ), from_server, to_client);
    // Not `try_join`, which would drop the answer as soon as the server takes no more of the
    // question.
    let (sent, answered) = join(sent, answered).await;
    sent.and(answered)
}

fn parse(line: &[u8]) -> Option<SocketAddr> {
    let line = std::str::from_utf8(line).ok()?;
    line.strip_prefix("CONNECT ")?.trim_end().parse().ok()
}

/// A handoff whose task runs in the background.
fn handoff<R, W>(writer: W) -> WriteHandoff<W>
where
    R: Runtime,
    W: AsyncWrite + Unpin + Send + 'static,
{
    let (handoff, task) = WriteHandoff::new(writer, WriteHandoffConfig::default());
    R::spawn(task.detach());
    handoff
}

/// Passes on what is in `buffer` and then what `reader` gives, and closes when that ends or fails.
async fn tunnel<I, O>(mut buffer: HandoffBuffer, mut reader: I, handoff: WriteHandoff<O>) -> io::Result<()>
where
    I: AsyncRead + Unpin,
    O: AsyncWrite + Unpin,
{
    // Sends whenever the loop is about to wait for more.
    let passed = handoff.batching(pass_on(&mut buffer, &mut reader, &handoff)).await;
    // After an error, too, what came before it is written first. The other end then sees its stream
    // end. Where a stream that was cut short must not look whole, `flush` it here instead, and `abort`
    // it.
    handoff.close();
    let closed = handoff.closed().await;
    passed?;
    Ok(closed?)
}

async fn pass_on<I, O>(
    buffer: &mut HandoffBuffer,
    reader: &mut I,
    handoff: &WriteHandoff<O>,
) -> io::Result<()>
where
    I: AsyncRead + Unpin,
    O: AsyncWrite + Unpin,
{
    let mut then = Then::Limit;
    loop {
        // However much it is. Dropping the ticket does not undo the write.
        handoff.write_all_buf(buffer).await?;
        // What came before the end, or before an error, has been passed on.
        match then {
            Then::End => return Ok(()),
            Then::Error(error) => return Err(error.into()),
            // All that was full is empty now.
            Then::Pending | Then::Limit | Then::Full => {}
        }
        then = buffer.read_ready(reader, READ).await?.then;
    }
}

/// Tries the proxy out on every runtime there is.
fn try_all() -> ExitCode {
    let mut runtimes = 0;
    for_each!(R => {
        match R::block_on(try_out::<R>()) {
            Ok(len) => println!("{}: {len} bytes went through the proxy and came back", R::NAME),
            Err(error) => {
                eprintln!("tcp_proxy: {}: {error}", R::NAME);
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

/// A server that sends back what it receives, the proxy before it, and a client.
async fn try_out<R: Runtime>() -> io::Result<usize> {
    let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
    let mut listener = R::bind(loopback).await?;
    let address = R::local_addr(&listener)?;
    let server = R::task(async move {
        let mut connection = R::accept(&mut listener).await?;
        let mut received = Vec::new();
        connection.read_to_end(&mut received).await?;
        connection.write_all(&received).await?;
        connection.close().await
    });
    let mut listener = R::bind(loopback).await?;
    let (mut client, accepted) = R::tcp_pair(&mut listener).await?;
    let proxy = R::task(serve::<R>(accepted));

    // The line and the beginning of the tunnel leave together.
    let payload: Vec<u8> = (0..1_000_000_u32).map(|i| (i % 251) as u8).collect();
    client.write_all(&[format!("CONNECT {address}\n").as_bytes(), &payload].concat()).await?;
    client.close().await?;
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).await?;
    assert!(answer.strip_prefix(b"OK\n") == Some(&payload[..]), "what came back is what was sent");
    server.await?;
    proxy.await?;
    Ok(payload.len())
}
