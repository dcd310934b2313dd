//! A proxy that switches from lines to a tunnel without losing the bytes after the last line.
//!
//! ```text
//! cargo run --example tcp_proxy --features tunnel,tokio -- tokio 127.0.0.1:7000
//! ```
//!
//! A client connects to the proxy and sends `CONNECT <address>\n`. The proxy opens a connection
//! there, answers `OK\n` and is a tunnel from then on, in both directions. Bytes for the tunnel may
//! arrive together with the line.
//!
//! What to learn:
//! - the tunnel first sends the bytes after the line to the server, and `OK` to the client;
//! - the two directions end separately: the end of the request is passed on before the answer
//!   comes, and the answer arrives even if the server stops reading the request;
//! - bytes read before an error are passed on. Then the tunnel closes no side. A dropped TCP socket
//!   sends an orderly end all the same: the guide's page on tunnels shows how to pass on a reset;
//! - a failed `accept` is no reason to stop: the process may be out of descriptors for a while.
//!
//! It has no timeouts. A proxy on a public network should limit the time for the line, and end idle
//! connections with `run_with_idle`.
//!
//! The runtime is `local`, which is none at all, or one whose feature is on. Without arguments the
//! proxy runs a demonstration on each of them, over loopback.

use std::{env, future::Future, io, net::SocketAddr, process::ExitCode, time::Duration};

use futures_handoff::{Delimiter, HandoffBuffer, bytes::Bytes, tunnel::Tunnel};
use futures_handoff_runtimes::{Runtime, for_each};
use futures_util::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// The longest line.
const LINE: usize = 1024;

/// The first and the longest pause after a failed `accept`.
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
/// A failed `accept` says little about the listener: the process may be out of descriptors, or the
/// client may have gone. So this waits, longer each time, and tries again.
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
    proxy(client, async |address| R::connect(address).await).await
}

/// Serves one client to its end. `connect` opens the connection that the client asks for.
pub(crate) async fn proxy<C, S, F>(mut client: C, connect: impl FnOnce(SocketAddr) -> F) -> io::Result<()>
where
    C: AsyncRead + AsyncWrite + Unpin,
    S: AsyncRead + AsyncWrite + Unpin,
    F: Future<Output = io::Result<S>>,
{
    let mut buffer = HandoffBuffer::new(LINE);
    let Some(line) = buffer.next_frame(&mut client, &mut Delimiter::new(b"\n")).await? else {
        return client.close().await;
    };
    let Some(address) = parse(&line) else {
        client.write_all(b"ERR expected CONNECT <address>\n").await?;
        return client.close().await;
    };
    let server = match connect(address).await {
        Ok(server) => server,
        Err(error) => {
            client.write_all(b"ERR cannot connect\n").await?;
            client.close().await?;
            return Err(error);
        }
    };
    // The bytes after the line are still in the buffer.
    let mut tunnel = Tunnel::new(client, server)
        .with_first_to_a(Bytes::from_static(b"OK\n"))
        .with_first_to_b(buffer.freeze_all());
    tunnel.run().await.into_result().map(drop)
}

fn parse(line: &[u8]) -> Option<SocketAddr> {
    let line = std::str::from_utf8(line).ok()?;
    line.strip_prefix("CONNECT ")?.trim_end().parse().ok()
}

/// Runs the proxy on every enabled runtime.
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

/// An echo server, the proxy in front of it, and a client.
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

    // The line and the first bytes for the tunnel are sent together.
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
