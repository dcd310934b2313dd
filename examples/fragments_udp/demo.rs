//! Both sides in one process, over loopback, on each enabled runtime.

use std::{io, net::SocketAddr, time::Duration};

use fastrand::Rng;
use futures_handoff::{
    bytes::Bytes,
    fragment::{OpenPacket, Plain, SealPacket, Stride},
};
use futures_handoff_runtimes::{Runtime, for_each};
use futures_util::future::try_join;

use crate::{
    faults::{Faults, Network},
    net::Udp,
    receiver::receive,
    sender::{Pace, send},
};

/// The first id. Ids wrap around.
const FIRST: u32 = u32::MAX - 1;

struct Case {
    name: &'static str,
    packet_len: usize,
    messages: usize,
    /// The length of each message, in bytes.
    len: usize,
    faults: Faults,
    /// The receiver gets nothing at first: the whole message is lost, and two packets that ask for
    /// a report.
    silence: bool,
}

const CASES: [Case; 2] = [
    Case {
        name: "a bad network",
        packet_len: 1_200,
        messages: 4,
        len: 1_000_000,
        faults: Faults { loss: 0.1, reorder: 0.05, duplicate: 0.05, lose_first: 0, seed: 1 },
        silence: false,
    },
    // Short packets: the missing ranges do not fit in one report.
    Case {
        name: "silence, and a worse network",
        packet_len: 400,
        messages: 1,
        len: 300_000,
        faults: Faults { loss: 0.3, reorder: 0.2, duplicate: 0.2, lose_first: 0, seed: 2 },
        silence: true,
    },
];

pub(crate) fn run() -> io::Result<()> {
    for_each!(R => {
        for case in &CASES {
            R::block_on(both::<R, _, _>("plain", case, async || Ok(((Plain, Plain), (Plain, Plain)))))?;
            #[cfg(any(feature = "secure", feature = "secure-rustcrypto"))]
            R::block_on(both::<R, _, _>("sealed", case, keys::<R>))?;
        }
    });
    Ok(())
}

#[cfg(any(feature = "secure", feature = "secure-rustcrypto"))]
async fn keys<R: Udp>() -> io::Result<(crate::keys::Pair, crate::keys::Pair)> {
    use futures_handoff::secure::StaticKey;

    let mut listener = R::bind(loopback()).await?;
    let (address, key) = (R::local_addr(&listener)?, StaticKey::generate());
    let connect = crate::keys::connect::<R>(address, key.public());
    try_join(connect, crate::keys::accept::<R>(&mut listener, key)).await
}

async fn both<R: Udp, S: SealPacket, O: OpenPacket>(
    sealing: &str,
    case: &Case,
    keys: impl AsyncFnOnce() -> io::Result<((S, O), (S, O))>,
) -> io::Result<()> {
    let mut random = Rng::with_seed(case.faults.seed);
    let messages: Vec<_> =
        (0..case.messages).map(|_| Bytes::from_iter((0..case.len).map(|_| random.u8(..)))).collect();
    let fragments = case.len.div_ceil(Stride::for_packets::<S>(case.packet_len)?.get());
    let lose_first = if case.silence { fragments as u64 + 2 } else { 0 };
    let faults = Faults { lose_first, ..case.faults };
    let sending = Network::<R>::open(loopback(), faults).await?;
    let receiving = Network::<R>::open(loopback(), Faults { seed: faults.seed + 100, ..case.faults }).await?;
    let to = receiving.address()?;
    let (of_sender, of_receiver) = keys().await?;

    let pace = Pace { packet_len: case.packet_len, rate: 20_000_000, deadline: Duration::from_secs(30) };
    let mut arrived = Vec::new();
    let deliver = |id, message| arrived.push((id, message));
    let (sent, got) = try_join(
        send(sending, to, of_sender, messages.clone(), FIRST, pace),
        receive(receiving, of_receiver, case.packet_len, pace.deadline, deliver),
    )
    .await?;
    println!("{}, {sealing}, {}: {sent}; {got}", R::NAME, case.name);

    // The messages may be completed in another order than they were sent.
    arrived.sort_by_key(|(id, _)| id.wrapping_sub(FIRST));
    let ids = std::iter::successors(Some(FIRST), |id| Some(id.wrapping_add(1)));
    assert!(
        arrived.into_iter().eq(ids.zip(messages)),
        "the messages have arrived as they were sent, once each"
    );
    Ok(())
}

fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}
