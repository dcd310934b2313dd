use std::io;

use futures_handoff::{Smol, WriteHandoff, WriteHandoffConfig};
use smol::net::{TcpListener, TcpStream};

fn main() -> io::Result<()> {
    smol::block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let client = TcpStream::connect(listener.local_addr()?).await?;
        let (stream, _) = listener.accept().await?;
        let out = WriteHandoff::spawn(stream.clone(), WriteHandoffConfig::default(), &Smol);
        scratch::echo(stream, out, client).await
    })
}
