use std::io;

use async_std::{
    net::{TcpListener, TcpStream},
    task::block_on,
};
use futures_handoff::{AsyncStd, WriteHandoff, WriteHandoffConfig};

fn main() -> io::Result<()> {
    block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let client = TcpStream::connect(listener.local_addr()?).await?;
        let (stream, _) = listener.accept().await?;
        let out = WriteHandoff::spawn(stream.clone(), WriteHandoffConfig::default(), &AsyncStd);
        scratch::echo(stream, out, client).await
    })
}
