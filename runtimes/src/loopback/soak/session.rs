//! One session, and whether what came of it is right.

use std::{
    io::{self, ErrorKind},
    sync::{Arc, atomic::Ordering},
};

use futures_handoff::CloseReason;
use futures_util::future::join;

use super::{
    gauge::Gauges,
    peers::{End, Received, Scene, talk},
    plan::{Fault, Plan},
};
use crate::{
    Runtime, Task,
    loopback::{Outcome, Peer, Peers, Routed, route},
};

/// Makes a session over a listener that nobody else uses.
///
/// # Errors
///
/// What is not as it should be.
pub(super) async fn session<R: Runtime>(
    listener: &mut R::Listener,
    plan: &Plan,
    gauges: &Arc<Gauges>,
) -> Result<(), String> {
    let failed = |what: &'static str| move |error| format!("{what}: {error}");
    let front = R::local_addr(listener).map_err(failed("the proxy has no address"))?;
    // It stays until the session is over: nobody else may get the port while somebody here may connect to it.
    let upstreams = Arc::new(Peers::new().map_err(failed("the upstreams cannot listen"))?);
    if plan.a.narrow || plan.b.narrow {
        upstreams.narrow().map_err(failed("the upstreams cannot be made narrow"))?;
    }
    let back = upstreams.address().map_err(failed("the upstreams have no address"))?;
    let scene = Arc::new(Scene { compared: Arc::clone(&gauges.compared), ..Scene::default() });

    let (peer, client) = join(Peer::connect(front), R::accept(listener)).await;
    let peer = peer.map_err(failed("the client cannot connect"))?;
    let client = client.map_err(failed("the proxy cannot accept"))?;
    let watching = Arc::clone(gauges);
    let (seed, terms) = (plan.seed, plan.terms);
    let watch = move |pending| watching.watch(seed, pending);
    let proxy = R::task(route::<R>(client, back, terms, watch));
    let (upload, answer) = (Arc::clone(&plan.upload), Arc::clone(&plan.answer));
    let client = R::task(talk::<R>(peer, plan.client.clone(), upload, answer, Arc::clone(&scene)));
    let ups = R::task(serve::<R>(Arc::clone(&upstreams), plan.clone(), Arc::clone(&scene)));

    let routed = proxy.outcome().await.ok_or("the proxy panicked")??;
    scene.over.store(true, Ordering::Release);
    if routed.a.is_none() {
        // Nobody else connects to the upstreams any more, which may wait for it, and may reset it at once.
        for _ in 0..2 {
            drop(Peer::connect(back).await);
        }
    }
    let client = outcome("the client", client).await?;
    let (a, b) = ups.outcome().await.ok_or("the upstreams panicked")?.map_err(failed("accepting"))?;
    let (a, b) = (outcome("the first upstream", a).await?, outcome("the second upstream", b).await?);
    drop(upstreams);
    check(plan, &routed, [a, b, client])
}

type Talk = Task<Result<Received, String>>;

/// The two upstreams, the first of which is connected to first.
async fn serve<R: Runtime>(upstreams: Arc<Peers>, plan: Plan, scene: Arc<Scene>) -> io::Result<(Talk, Talk)> {
    let a = upstreams.accept().await?;
    let (answer, to_a) = (Arc::clone(&plan.answer), Arc::clone(&plan.to_a));
    let a = R::task(talk::<R>(a, plan.a, answer, to_a, Arc::clone(&scene)));
    let b = upstreams.accept().await?;
    let b = R::task(talk::<R>(b, plan.b, Arc::new([]), plan.to_b, scene));
    Ok((a, b))
}

async fn outcome(who: &str, talk: Talk) -> Result<Received, String> {
    let talked = talk.outcome().await.unwrap_or_else(|| Err("it panicked".to_owned()));
    talked.map_err(|how| format!("{who}: {how}"))
}

/// Whether all that is known of the session fits together.
fn check(plan: &Plan, routed: &Routed, received: [Received; 3]) -> Result<(), String> {
    let ends_by_itself = !plan.faults.contains(&Fault::Expire) && !plan.faults.contains(&Fault::Hang);
    if ends_by_itself && routed.expired {
        return Err(format!("the proxy hangs: it is not done after {:?}", plan.terms.session));
    }
    if let Some(error) = &routed.refused
        && !(plan.loses_bytes() && is_gone(error.kind()))
    {
        return Err(format!("the proxy cannot open the connections: {error}"));
    }
    let Routed { a, b, client, forward_ended, backward_ended, .. } = routed;
    // An end in the other direction may throw away what is on the way: that is what TCP does with what nobody reads.
    let streams = [
        ("the first upstream", a, &plan.to_a, *backward_ended),
        ("the second upstream", b, &plan.to_b, true),
        ("the client", client, &plan.answer, *forward_ended),
    ];
    for ((who, outcome, sent, kept), received) in streams.into_iter().zip(received) {
        let arrived = match outcome {
            Some(outcome) => stream(outcome, sent, kept, received, ends_by_itself),
            None if received.len > 0 => Err("something arrived on a stream that was never opened".to_owned()),
            None => Ok(()),
        };
        arrived.map_err(|how| format!("{who}: {how}"))?;
        let whole = received.len == sent.len() && received.end == End::Clean;
        if !plan.loses_bytes() && !whole {
            let outcome = outcome.as_ref().map(|outcome| &outcome.reason);
            return Err(format!(
                "{who}: {received:?} of {} bytes, and nothing went wrong there; its stream: {outcome:?}",
                sent.len()
            ));
        }
    }
    Ok(())
}

/// Whether that is what an upstream looks like that goes away while it is connected to.
fn is_gone(kind: ErrorKind) -> bool {
    use ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected};
    matches!(kind, BrokenPipe | ConnectionAborted | ConnectionReset | NotConnected)
}

/// Whether what the handoff says of a stream fits with what was sent and with what arrived.
fn stream(
    outcome: &Outcome,
    sent: &[u8],
    kept: bool,
    received: Received,
    ends_by_itself: bool,
) -> Result<(), String> {
    let Outcome { reason, accepted, written, unwritten, .. } = outcome;
    let bytes = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
    if sent.get(bytes(*written)..bytes(*accepted)) != Some(unwritten) {
        return Err(format!("what is handed back is not what was accepted at {written}..{accepted}"));
    }
    if received.len > bytes(*written) {
        return Err(format!("{} bytes arrived of {written} written", received.len));
    }
    if ends_by_itself && matches!(reason, CloseReason::Aborted) {
        return Err(format!("its end hangs: it is not there after {:?}", outcome.took));
    }
    if reason.is_closed() && kept && received.end != End::Own && received.len < bytes(*written) {
        return Err(format!("{received:?} of {written} bytes, all of which were written: {reason}"));
    }
    Ok(())
}
