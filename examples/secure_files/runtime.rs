//! Sockets, tasks and timers of two runtimes. A program for one runtime does not need this file.

use std::{future::Future, io, net::SocketAddr, time::Duration};

use futures_handoff::{BoxWriter, TokioIo};
use futures_util::AsyncRead;

#[derive(Clone, Copy)]
pub(crate) enum Runtime {
    Tokio,
    Smol,
}

pub(crate) type Reader = Box<dyn AsyncRead + Send + Unpin>;

/// The two halves of a TCP connection.
pub(crate) type Connection = (Reader, BoxWriter);

pub(crate) enum Listener {
    Tokio(tokio::net::TcpListener),
    Smol(smol::net::TcpListener),
}

impl Runtime {
    pub(crate) fn named(name: &str) -> Result<Self, String> {
        match name {
            "tokio" => Ok(Self::Tokio),
            "smol" => Ok(Self::Smol),
            _ => Err(format!("there is no runtime {name}, only tokio and smol")),
        }
    }

    pub(crate) fn run<F: Future<Output = io::Result<()>>>(self, future: F) -> io::Result<()> {
        match self {
            Self::Tokio => tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(future),
            Self::Smol => smol::block_on(future),
        }
    }

    pub(crate) fn spawn(self, future: impl Future<Output = ()> + Send + 'static) {
        match self {
            Self::Tokio => drop(tokio::spawn(future)),
            Self::Smol => smol::spawn(future).detach(),
        }
    }

    pub(crate) async fn sleep(self, duration: Duration) {
        match self {
            Self::Tokio => tokio::time::sleep(duration).await,
            Self::Smol => drop(smol::Timer::after(duration).await),
        }
    }

    pub(crate) async fn connect(self, address: SocketAddr) -> io::Result<Connection> {
        match self {
            Self::Tokio => tokio_halves(tokio::net::TcpStream::connect(address).await?),
            Self::Smol => smol_halves(smol::net::TcpStream::connect(address).await?),
        }
    }

    pub(crate) async fn bind(self, address: SocketAddr) -> io::Result<Listener> {
        Ok(match self {
            Self::Tokio => Listener::Tokio(tokio::net::TcpListener::bind(address).await?),
            Self::Smol => Listener::Smol(smol::net::TcpListener::bind(address).await?),
        })
    }
}

impl Listener {
    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Tokio(listener) => listener.local_addr(),
            Self::Smol(listener) => listener.local_addr(),
        }
    }

    pub(crate) async fn accept(&self) -> io::Result<Connection> {
        match self {
            Self::Tokio(listener) => tokio_halves(listener.accept().await?.0),
            Self::Smol(listener) => smol_halves(listener.accept().await?.0),
        }
    }
}

// The handoff already sends records together. Nagle's algorithm would only delay the last one.
fn tokio_halves(connection: tokio::net::TcpStream) -> io::Result<Connection> {
    connection.set_nodelay(true)?;
    let (reader, writer) = connection.into_split();
    Ok((Box::new(TokioIo::new(reader)), Box::new(TokioIo::new(writer))))
}

fn smol_halves(connection: smol::net::TcpStream) -> io::Result<Connection> {
    connection.set_nodelay(true)?;
    Ok((Box::new(connection.clone()), Box::new(connection)))
}
