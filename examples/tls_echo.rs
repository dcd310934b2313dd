//! An echo over TLS on smol that distinguishes how a connection ended.
//!
//! ```text
//! cargo run --example tls_echo --features smol
//! ```
//!
//! What to learn:
//! - both halves work over a TLS stream as over any other. You need not flush: the writer task
//!   flushes when it has nothing more to write;
//! - closing sends `close_notify`, and shuts down the write direction;
//! - an end with `close_notify`, an end inside a line, and a connection that was cut off are three
//!   different results. Only the first one means that everything has arrived.
//!
//! It makes its own certificate, and runs all three over loopback.

use std::{io, sync::Arc};

use futures_handoff::{Delimiter, FrameError, HandoffBuffer, Inline, WriteHandoff, WriteHandoffConfig};
use futures_rustls::{
    TlsAcceptor, TlsConnector, client, pki_types,
    rustls::{ClientConfig, RootCertStore, ServerConfig, crypto::ring::default_provider},
    server,
};
use rcgen::generate_simple_self_signed;
use smol::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// The longest line. It fits in the writer's budget.
const LINE: usize = 256 * 1024;

#[derive(Debug, PartialEq)]
enum End {
    /// After a whole line, with `close_notify`.
    Orderly,
    /// With `close_notify`, inside a line of which this many bytes have arrived.
    InsideALine(usize),
    /// Without `close_notify`: the network has failed, or an attacker has cut it.
    CutOff,
}

/// Echoes lines. All lines that have arrived are answered, however the connection ends.
async fn echo(stream: server::TlsStream<TcpStream>) -> io::Result<End> {
    let (mut reader, writer) = smol::io::split(stream);
    // Encryption takes CPU time: only the task spends it.
    let config = WriteHandoffConfig::default().with_max_pending_bytes(LINE).with_inline(Inline::Never);
    let (out, mut task) = WriteHandoff::new(writer, config);
    let echo = async move {
        let (mut buffer, mut lines) = (HandoffBuffer::new(LINE), Delimiter::new(b"\n"));
        loop {
            match buffer.next_frame(&mut reader, &mut lines).await {
                Ok(Some(line)) => out.write_fire_and_forget(line).await?,
                Ok(None) => return Ok(End::Orderly),
                Err(FrameError::Truncated { buffered }) => return Ok(End::InsideALine(buffered)),
                Err(FrameError::Io(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    return Ok(End::CutOff);
                }
                Err(error) => return Err(error.into()),
            }
        }
    };
    let end: io::Result<End> = task.run_until(echo).await;
    // The handle is gone: the task writes the rest, sends `close_notify` and closes.
    let written = task.await;
    // A peer that has cut the connection takes no answer.
    if !matches!(end, Ok(End::CutOff)) {
        written?;
    }
    end
}

/// Sends lines and reads as many back, then ends the connection in the given way. Returns what the
/// server saw.
async fn exchange(
    (acceptor, connector): &(TlsAcceptor, TlsConnector),
    leave: impl AsyncFnOnce(&mut client::TlsStream<TcpStream>) -> io::Result<()>,
) -> io::Result<End> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let acceptor = acceptor.clone();
    let server = smol::spawn(async move { echo(acceptor.accept(listener.accept().await?.0).await?).await });

    let name = pki_types::ServerName::try_from("localhost").map_err(io::Error::other)?;
    let mut stream = connector.connect(name, TcpStream::connect(address).await?).await?;
    // Longer than a TLS record, and than what a socket takes at a time.
    for len in [0, 100, 20_000, LINE - 1] {
        let line = [&vec![b'x'; len][..], b"\n"].concat();
        stream.write_all(&line).await?;
        stream.flush().await?;
        let mut echoed = vec![0; line.len()];
        stream.read_exact(&mut echoed).await?;
        assert!(echoed == line);
    }
    leave(&mut stream).await?;
    server.await
}

/// Both ends, with a certificate for this process only.
fn ends() -> Result<(TlsAcceptor, TlsConnector), Box<dyn std::error::Error>> {
    let made = generate_simple_self_signed(["localhost".to_owned()])?;
    let (cert, key) = (made.cert.der().clone(), made.signing_key.serialize_der());
    let provider = Arc::new(default_provider());
    let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![cert.clone()], pki_types::PrivatePkcs8KeyDer::from(key).into())?;
    let mut roots = RootCertStore::empty();
    roots.add(cert)?;
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok((Arc::new(server).into(), Arc::new(client).into()))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let ends = ends()?;
    smol::block_on(async {
        let orderly = exchange(&ends, async |stream| stream.close().await).await?;
        let inside = exchange(&ends, async |stream| {
            stream.write_all(b"half a l").await?;
            stream.close().await
        });
        let inside = inside.await?;
        // The socket is closed without `close_notify`.
        let cut = exchange(&ends, async |stream| stream.get_mut().0.close().await).await?;
        assert_eq!((&orderly, &inside, &cut), (&End::Orderly, &End::InsideALine(8), &End::CutOff));
        println!("the server saw {orderly:?}, {inside:?} and {cut:?}");
        Ok(())
    })
}
