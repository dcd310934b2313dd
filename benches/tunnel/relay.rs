//! The process in the middle.

use std::{
    env,
    future::Future,
    io::{self, BufRead, BufReader, Write},
    net::SocketAddr,
    process::{Child, ChildStdout, Command, Stdio},
    time::Duration,
};

use futures_handoff::tunnel::Tunnel;
use futures_handoff_runtimes::{self as runtimes, Runtime, set_workers};
use futures_util::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, future::join};

use crate::load;

/// A way to carry bytes between two connections.
pub struct Relay {
    pub runtime: &'static str,
    pub name: &'static str,
    serve: fn(),
}

pub const RELAYS: &[Relay] = &[
    #[cfg(feature = "tokio")]
    Relay { runtime: "tokio", name: "tunnel", serve: || serve_on::<runtimes::TokioCurrent, _>(tunnel) },
    #[cfg(feature = "tokio")]
    Relay {
        runtime: "tokio",
        name: "copy_bidirectional",
        serve: || serve_on::<runtimes::TokioCurrent, _>(tokio_copy::<8>),
    },
    #[cfg(feature = "tokio")]
    Relay {
        runtime: "tokio",
        name: "with_sizes 16 KiB",
        serve: || serve_on::<runtimes::TokioCurrent, _>(tokio_copy::<16>),
    },
    #[cfg(feature = "tokio")]
    Relay {
        runtime: "tokio",
        name: "with_sizes 64 KiB",
        serve: || serve_on::<runtimes::TokioCurrent, _>(tokio_copy::<64>),
    },
    #[cfg(feature = "tokio")]
    Relay {
        runtime: "tokio",
        name: "with_sizes 256 KiB",
        serve: || serve_on::<runtimes::TokioCurrent, _>(tokio_copy::<256>),
    },
    #[cfg(feature = "tokio")]
    Relay {
        runtime: "tokio",
        name: "futures::io::copy",
        serve: || serve_on::<runtimes::TokioCurrent, _>(futures_copy),
    },
    #[cfg(feature = "smol")]
    Relay { runtime: "smol", name: "tunnel", serve: || serve_on::<runtimes::Smol, _>(tunnel) },
    #[cfg(feature = "smol")]
    Relay { runtime: "smol", name: "smol::io::copy", serve: || serve_on::<runtimes::Smol, _>(smol_copy) },
    #[cfg(feature = "smol")]
    Relay {
        runtime: "smol",
        name: "futures::io::copy",
        serve: || serve_on::<runtimes::Smol, _>(futures_copy),
    },
    #[cfg(feature = "async-std")]
    Relay { runtime: "async-std", name: "tunnel", serve: || serve_on::<runtimes::AsyncStd, _>(tunnel) },
    #[cfg(feature = "async-std")]
    Relay {
        runtime: "async-std",
        name: "async_std::io::copy",
        serve: || serve_on::<runtimes::AsyncStd, _>(async_std_copy),
    },
    #[cfg(feature = "async-std")]
    Relay {
        runtime: "async-std",
        name: "futures::io::copy",
        serve: || serve_on::<runtimes::AsyncStd, _>(futures_copy),
    },
];

async fn tunnel<S: AsyncRead + AsyncWrite + Unpin>(client: S, server: S) -> io::Result<()> {
    Tunnel::new(client, server).run().await.into_result().map(drop)
}

async fn futures_copy<S: AsyncRead + AsyncWrite + Unpin>(client: S, server: S) -> io::Result<()> {
    let (from_client, mut to_client) = client.split();
    let (from_server, mut to_server) = server.split();
    let there = async {
        futures_util::io::copy(from_client, &mut to_server).await?;
        to_server.close().await
    };
    let back = async {
        futures_util::io::copy(from_server, &mut to_client).await?;
        to_client.close().await
    };
    let (there, back) = join(there, back).await;
    there.and(back)
}

#[cfg(feature = "tokio")]
async fn tokio_copy<const KIB: usize>(
    client: futures_handoff::TokioIo<tokio::net::TcpStream>,
    server: futures_handoff::TokioIo<tokio::net::TcpStream>,
) -> io::Result<()> {
    let (mut client, mut server) = (client.into_inner(), server.into_inner());
    match KIB {
        // Its default size.
        8 => tokio::io::copy_bidirectional(&mut client, &mut server).await,
        _ => tokio::io::copy_bidirectional_with_sizes(&mut client, &mut server, KIB * 1024, KIB * 1024).await,
    }
    .map(drop)
}

#[cfg(feature = "smol")]
async fn smol_copy(client: smol::net::TcpStream, server: smol::net::TcpStream) -> io::Result<()> {
    let there = async {
        smol::io::copy(client.clone(), server.clone()).await?;
        server.shutdown(std::net::Shutdown::Write)
    };
    let back = async {
        smol::io::copy(server.clone(), client.clone()).await?;
        client.shutdown(std::net::Shutdown::Write)
    };
    let (there, back) = join(there, back).await;
    there.and(back)
}

#[cfg(feature = "async-std")]
async fn async_std_copy<S>(client: S, server: S) -> io::Result<()>
where
    S: std::borrow::Borrow<runtimes::Socket<async_std::net::TcpStream>>,
{
    let (client, server) = (client.borrow().get_ref(), server.borrow().get_ref());
    let there = async {
        async_std::io::copy(&mut { client }, &mut { server }).await?;
        server.shutdown(std::net::Shutdown::Write)
    };
    let back = async {
        async_std::io::copy(&mut { server }, &mut { client }).await?;
        client.shutdown(std::net::Shutdown::Write)
    };
    let (there, back) = join(there, back).await;
    there.and(back)
}

/// The relay process: serves as many connections as each line of its input says, then prints its
/// CPU time.
pub fn serve(args: &[String]) {
    load::pin(0);
    set_workers(1);
    let relay = RELAYS.iter().find(|relay| args == [relay.runtime, relay.name]).expect("the relay is there");
    (relay.serve)();
}

fn serve_on<R: Runtime, F>(carry: fn(R::Tcp, R::Tcp) -> F)
where
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    R::block_on(async {
        let mut listener = R::bind(([127, 0, 0, 1], 0).into()).await.expect("there is a free port");
        println!("{}", R::local_addr(&listener).expect("it is bound"));
        for line in io::stdin().lock().lines() {
            let line = line.expect("the input is text");
            let (count, upstream) = line.split_once(' ').expect("a count and an address");
            let upstream: SocketAddr = upstream.parse().expect("an address");
            let before = load::cpu_time();
            let mut tasks = Vec::new();
            for _ in 0..count.parse().expect("a count") {
                let client = R::accept(&mut listener).await.expect("a connection comes");
                let server = R::connect(upstream).await.expect("the server listens");
                tasks.push(R::task(carry(client, server)));
            }
            for task in tasks {
                task.await.expect("nothing fails");
            }
            println!("{}", (load::cpu_time() - before).as_nanos());
        }
    });
}

/// A relay process, seen from the other one.
pub struct Process {
    child: Child,
    output: BufReader<ChildStdout>,
    pub address: SocketAddr,
}

impl Process {
    pub fn start(relay: &Relay) -> Self {
        let program = env::current_exe().expect("this program has a name");
        let mut child = Command::new(program)
            .args(["relay", relay.runtime, relay.name])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program can be started");
        let mut output = BufReader::new(child.stdout.take().expect("it has an output"));
        let address = line(&mut output).parse().expect("it says where it listens");
        Self { child, output, address }
    }

    /// Makes it carry this many connections to `upstream`.
    pub fn begin(&mut self, connections: usize, upstream: SocketAddr) {
        let input = self.child.stdin.as_mut().expect("it has an input");
        writeln!(input, "{connections} {upstream}").expect("it listens");
    }

    /// Its CPU time for them, once all have ended.
    pub fn end(&mut self) -> Duration {
        Duration::from_nanos(line(&mut self.output).parse().expect("it tells its CPU time"))
    }
}

fn line(output: &mut BufReader<ChildStdout>) -> String {
    let mut line = String::new();
    output.read_line(&mut line).expect("its output can be read");
    line.trim().to_owned()
}

impl Drop for Process {
    fn drop(&mut self) {
        // The end of its input ends it.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
