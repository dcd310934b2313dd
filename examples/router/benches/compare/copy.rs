//! The minimum that a proxy on Tokio does: `copy_bidirectional` for each connection.

use std::{io, net::SocketAddr, process::ExitCode};

use tokio::net::{TcpListener, TcpStream};

/// With this argument, this program is the proxy.
pub const COMMAND: &str = "copy-bidirectional";

/// Carries from the first address to the second one.
pub fn serve(addresses: impl Iterator<Item = String>) -> ExitCode {
    let addresses: Vec<SocketAddr> = addresses.map(|address| address.parse().expect("an address")).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
    let Err(error) = runtime.and_then(|runtime| runtime.block_on(carry(addresses[0], addresses[1])));
    eprintln!("{error}");
    ExitCode::FAILURE
}

async fn carry(from: SocketAddr, to: SocketAddr) -> io::Result<std::convert::Infallible> {
    let listener = TcpListener::bind(from).await?;
    loop {
        let (mut client, _) = listener.accept().await?;
        tokio::spawn(async move {
            let mut server = TcpStream::connect(to).await?;
            client.set_nodelay(true)?;
            server.set_nodelay(true)?;
            tokio::io::copy_bidirectional(&mut client, &mut server).await
        });
    }
}
