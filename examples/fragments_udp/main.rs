//! Long messages over UDP, through a network that loses, reorders and duplicates packets.
//!
//! ```text
//! cargo run --example fragments_udp --features fragment,secure,tokio,smol -- receive --runtime tokio 127.0.0.1:7000
//! cargo run --example fragments_udp --features fragment,secure,tokio,smol -- send --runtime smol \
//!     --peer <the key that the receiver prints> --loss 0.1 --reorder 0.05 --duplicate 0.05 127.0.0.1:7000
//! ```
//!
//! Without `secure` the packets are sent as they are, and there is no `--peer`. The runtime is
//! `local`, which is none at all, or one whose feature is on.
//!
//! What to learn:
//! - the sender keeps a message until the receiver confirms it, and can make any packet of it
//!   again. It frees a confirmed message at once;
//! - only the receiver knows what is missing. It reports this when nothing has arrived for a while,
//!   and repeats the report at growing intervals, as a report can be lost too;
//! - ranges that do not fit in a report are left to the next one;
//! - the sender asks for reports too: a receiver cannot report a message of which nothing has
//!   arrived, and the report that confirms a message can be lost. Any packet asks for one;
//! - the last packet is never confirmed. The receiver stays a while in case its last report was
//!   lost. Once everything else is confirmed, the sender takes silence as success;
//! - a refused packet changes nothing and gets no answer;
//! - everything has a deadline.
//!
//! It has no congestion control: it sends at the rate that it is given. On a shared network, lower
//! the rate when reports show that much is lost.
//!
//! `demo` (also without arguments) sends to itself over loopback, on each enabled runtime, with and
//! without encryption. It exits with status 0 if everything arrived as it was sent.

mod demo;
mod faults;
#[cfg(any(feature = "secure", feature = "secure-rustcrypto"))]
mod keys;
mod net;
mod options;
mod receiver;
mod report;
mod sender;

use std::{
    env, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    process::ExitCode,
};

use futures_handoff::bytes::Bytes;
#[cfg(not(any(feature = "secure", feature = "secure-rustcrypto")))]
use futures_handoff::fragment::Plain;
use futures_handoff_runtimes::{Runtime, for_each};

use crate::{
    faults::Network,
    net::Udp,
    options::{Command, Options},
    report::digest,
};

fn main() -> ExitCode {
    let done = match Command::parse(env::args().skip(1)) {
        Ok(Command::Receive(options)) => on_runtime(&options, true),
        Ok(Command::Send(options)) => on_runtime(&options, false),
        Ok(Command::Demo) => demo::run(),
        Err(error) => {
            eprintln!("fragments_udp: {error}\n{}", options::USAGE);
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fragments_udp: {error}");
            ExitCode::FAILURE
        }
    }
}

fn on_runtime(options: &Options, receives: bool) -> io::Result<()> {
    for_each!(R => {
        if R::NAME == options.runtime {
            return if receives { R::block_on(receive::<R>(options)) } else { R::block_on(send::<R>(options)) };
        }
    });
    Err(io::Error::other(format!(
        "there is no runtime {}; enable the feature `tokio`, `smol` or `async-std`, or use local",
        options.runtime
    )))
}

async fn receive<R: Udp>(options: &Options) -> io::Result<()> {
    let network = Network::<R>::open(options.address, options.faults).await?;
    #[cfg(any(feature = "secure", feature = "secure-rustcrypto"))]
    let keys = {
        let mut listener = R::bind(network.address()?).await?;
        let key = futures_handoff::secure::StaticKey::generate();
        println!("waiting at {}; the key of this side is {}", network.address()?, key.public());
        keys::accept::<R>(&mut listener, key).await?
    };
    #[cfg(not(any(feature = "secure", feature = "secure-rustcrypto")))]
    let keys = {
        println!("waiting at {}", network.address()?);
        (Plain, Plain)
    };
    let print = |id, message: Bytes| {
        let digest: String = digest(&message).iter().map(|byte| format!("{byte:02x}")).collect();
        println!("message {id}: {} bytes, {digest}", message.len());
    };
    let Options { pace, .. } = options;
    let got = receiver::receive(network, keys, pace.packet_len, pace.deadline, print).await?;
    println!("{got}");
    Ok(())
}

async fn send<R: Udp>(options: &Options) -> io::Result<()> {
    let any = match options.address {
        SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    let network = Network::<R>::open(SocketAddr::new(any, 0), options.faults).await?;
    #[cfg(any(feature = "secure", feature = "secure-rustcrypto"))]
    let keys = {
        let peer = options.peer.as_deref().ok_or_else(|| io::Error::other("--peer is missing"))?;
        let peer = peer.parse().map_err(|error| io::Error::other(format!("--peer: {error}")))?;
        keys::connect::<R>(options.address, peer).await?
    };
    #[cfg(not(any(feature = "secure", feature = "secure-rustcrypto")))]
    let keys = {
        if options.peer.is_some() {
            return Err(io::Error::other("--peer needs the feature `secure`"));
        }
        (Plain, Plain)
    };
    let mut random = fastrand::Rng::with_seed(options.faults.seed);
    let mut message = || Bytes::from_iter((0..options.length).map(|_| random.u8(..)));
    let messages = (0..options.messages).map(|_| message()).collect();
    let sent = sender::send(network, options.address, keys, messages, 0, options.pace).await?;
    println!("{sent}");
    Ok(())
}
