//! Answers lines on Tokio, while another task writes to the same connections. It is the program of
//! the README.
//!
//! ```text
//! cargo run --example line_server --features tokio
//! nc 127.0.0.1 7000
//! ```

use std::{io, time::Duration};

use futures_handoff::{
    Delimiter, HandoffBuffer, Tokio, TokioIo, WriteHandoff, WriteHandoffConfig, bytes::Bytes,
};
use tokio::net::{TcpListener, TcpStream};

/// Sends each line back, and a tick every second: two tasks write to one connection.
async fn serve(stream: TcpStream) -> io::Result<()> {
    let (reader, writer) = stream.into_split();
    let mut reader = TokioIo::new(reader);
    let out = WriteHandoff::spawn(TokioIo::new(writer), WriteHandoffConfig::default(), &Tokio);

    let clock = out.downgrade();
    tokio::spawn(async move {
        while let Some(out) = clock.upgrade() {
            // Never waits. A client that reads too slowly misses a tick, and delays no other.
            let _ = out.try_write_fire_and_forget(Bytes::from_static(b"tick\n"));
            drop(out);
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    });

    // Holds at most 64 KiB of unconsumed bytes: a longer line is an error.
    let mut buffer = HandoffBuffer::new(64 * 1024);
    let mut lines = Delimiter::new(b"\n");
    while let Some(line) = buffer.next_frame(&mut reader, &mut lines).await? {
        // Waits for room in the budget, not for the socket. Short lines leave together.
        out.write_fire_and_forget(line).await?;
    }
    // All that was accepted is written before the connection is closed.
    out.close();
    Ok(out.closed().await?)
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:7000").await?;
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(async move {
            if let Err(error) = serve(stream).await {
                eprintln!("a connection failed: {error}");
            }
        });
    }
}
