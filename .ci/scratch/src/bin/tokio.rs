use std::io;

use futures_handoff::{Tokio, TokioIo, WriteHandoff, WriteHandoffConfig};
use tokio::net::{TcpListener, TcpStream};

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let client = TcpStream::connect(listener.local_addr()?).await?;
    let (reader, writer) = listener.accept().await?.0.into_split();
    let out = WriteHandoff::spawn(TokioIo::new(writer), WriteHandoffConfig::default(), &Tokio);
    scratch::echo(TokioIo::new(reader), out, TokioIo::new(client)).await
}
