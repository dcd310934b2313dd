//! A proxy that switches from lines to a tunnel without losing what came behind the last line.
//!
//! ```text
//! cargo run --example tcp_proxy --features tokio -- tokio 127.0.0.1:7000
//! ```
//!
//! A client connects to the proxy and sends `CONNECT <address>\n`. The proxy opens a connection there, answers `OK\n`
//! and is a tunnel from then on, in both directions. Bytes for the tunnel may come in one go with the line.
//!
//! The runtime is `local`, which is none at all, or one whose feature is on. Without arguments the proxy tries itself
//! out on each of them, over loopback, and ends.

use std::{env, io, net::SocketAddr, process::ExitCode};

use futures_handoff::{Delimiter, HandoffBuffer, Then, WriteHandoff, WriteHandoffConfig, bytes::Bytes};
use futures_handoff_runtimes::{Runtime, for_each};
use futures_util::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, future::try_join};

/// The longest line, and how much a tunnel reads at a time.
const READ: usize = 64 * 1024;

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
        let client = R::accept(&mut listener).await?;
        R::spawn(async {
            if let Err(error) = serve::<R>(client).await {
                eprintln!("a connection failed: {error}");
            }
        });
    }
}

/// Serves one client to its end.
pub(crate) async fn serve<R: Runtime>(client: R::Tcp) -> io::Result<()> {
    let (mut from_client, to_client) = client.split();
    let to_client = handoff::<R, _>(to_client);
    let mut buffer = HandoffBuffer::new(READ)?;

    let Some(line) = buffer.next_frame(&mut from_client, &mut Delimiter::new(b"\n")).await? else {
        return Ok(to_client.close().await?);
    };
    let Some(address) = parse(&line) else {
        to_client.write(Bytes::from_static(b"ERR expected CONNECT <address>\n")).await?;
        return Ok(to_client.close().await?);
    };
    let (from_server, to_server) = R::connect(address).await?.split();
    let to_server = handoff::<R, _>(to_server);
    to_client.write(Bytes::from_static(b"OK\n")).await?;

    // What came behind the line is still in the buffer: it is the first that the tunnel carries.
    let answers = HandoffBuffer::new(READ)?;
    try_join(tunnel(buffer, from_client, to_server), tunnel(answers, from_server, to_client)).await?;
    Ok(())
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

/// Passes on what is in `buffer` and then what `reader` gives, and closes when it ends.
async fn tunnel<I, O>(mut buffer: HandoffBuffer, mut reader: I, handoff: WriteHandoff<O>) -> io::Result<()>
where
    I: AsyncRead + Unpin,
    O: AsyncWrite + Unpin,
{
    // Sends whenever this loop is about to wait for more.
    handoff
        .batching(async {
            let mut then = Then::Limit;
            loop {
                let n = buffer.len();
                if n > 0 {
                    // Dropping the ticket does not undo the write.
                    handoff.write_prefix(&mut buffer, n).await?;
                }
                // What came before the end, or before an error, has been passed on.
                match then {
                    Then::End => return Ok(()),
                    Then::Error(error) => return Err(io::Error::from(error)),
                    Then::Pending | Then::Limit | Then::Full => {}
                }
                then = buffer.read_ready(&mut reader, READ).await?.then;
            }
        })
        .await?;
    Ok(handoff.close().await?)
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
