//! The client and the upstreams of a plan.

use std::{
    io,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_handoff_runtimes::Runtime;
use futures_util::future::{Either, select};

use super::plan::{Conduct, Fault, Manner};
use crate::peer::Peer;

/// What peers share with the rest of a session.
#[derive(Debug, Default)]
pub(super) struct Scene {
    /// Whether the proxy has gone.
    pub(super) over: AtomicBool,
    /// What has arrived and was compared, of all sessions.
    pub(super) compared: Arc<AtomicU64>,
}

/// How receiving came to an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// Nothing more comes.
    Clean,
    /// The connection failed.
    Failed(io::ErrorKind),
    /// The peer ended as planned.
    Own,
}

/// What a peer received.
#[derive(Debug, Clone, Copy)]
pub(super) struct Received {
    pub(super) len: usize,
    pub(super) end: End,
}

/// Sends and receives as planned; returns what arrived. Panics at a wrong or an extra byte.
pub(super) async fn talk<R: Runtime>(
    peer: Peer,
    conduct: Conduct,
    sends: Arc<[u8]>,
    expects: Arc<[u8]>,
    scene: Arc<Scene>,
) -> Received {
    if conduct.narrow {
        peer.narrow();
    }
    let mut len = 0;
    let stopped = {
        let sending = pin!(send::<R>(&peer, &conduct.sending, &sends));
        let receiving = pin!(receive::<R>(&peer, &conduct.receiving, &expects, &scene, &mut len));
        match select(sending, receiving).await {
            Either::Left((Ok(()), receiving)) => receiving.await,
            Either::Right((Ok(end), sending)) => sending.await.map(|()| end),
            Either::Left((Err(fault), _)) | Either::Right((Err(fault), _)) => Err(fault),
        }
    };
    let end = stopped.unwrap_or(End::Own);
    match stopped {
        // The other side may have ended the connection first.
        Err(Fault::Reset) => drop(peer.reset()),
        Err(Fault::Hang) => {
            while !scene.over.load(Ordering::Acquire) {
                R::sleep(Duration::from_millis(5)).await;
            }
        }
        _ => {}
    }
    Received { len, end }
}

/// Sends and then ends, unless the connection fails: the other side notices lost bytes.
async fn send<R: Runtime>(peer: &Peer, manner: &Manner, bytes: &[u8]) -> Result<(), Fault> {
    let mut stall = manner.stall;
    let mut sent = 0;
    loop {
        let n = step::<R>(manner, &mut stall, sent, bytes.len() - sent).await?;
        if n == 0 {
            break;
        }
        if peer.write_all(&bytes[sent..sent + n]).await.is_err() {
            return Ok(());
        }
        sent += n;
    }
    // It fails if the connection has.
    let _ = peer.end();
    Ok(())
}

async fn receive<R: Runtime>(
    peer: &Peer,
    manner: &Manner,
    expects: &[u8],
    scene: &Scene,
    len: &mut usize,
) -> Result<End, Fault> {
    let mut stall = manner.stall;
    let mut buffer = vec![0; manner.piece];
    loop {
        // One more byte than expected, to detect extra bytes.
        let n = step::<R>(manner, &mut stall, *len, expects.len() + 1 - *len).await?;
        let n = match peer.read(&mut buffer[..n]).await {
            Ok(0) => return Ok(End::Clean),
            Ok(n) => n,
            Err(error) => return Ok(End::Failed(error.kind())),
        };
        let (start, end, all) = (*len, *len + n, expects.len());
        assert!(
            expects.get(start..end) == Some(&buffer[..n]),
            "{start}..{end} of {all} is not what was sent"
        );
        *len = end;
        scene.compared.fetch_add(n as u64, Ordering::Relaxed);
    }
}

/// How much to do at a time at this position, after the events planned for it.
async fn step<R: Runtime>(
    manner: &Manner,
    stall: &mut Option<(usize, Duration)>,
    at: usize,
    left: usize,
) -> Result<usize, Fault> {
    let mut n = manner.piece.min(left);
    if let Some((place, time)) = *stall {
        if place <= at {
            *stall = None;
            R::sleep(time).await;
        } else {
            n = n.min(place - at);
        }
    }
    match manner.fault {
        Some((place, fault)) if place <= at => Err(fault),
        Some((place, _)) => Ok(n.min(place - at)),
        None => Ok(n),
    }
}
