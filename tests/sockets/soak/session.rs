//! One session, and the check of its result.

use std::{
    io::ErrorKind,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use futures_handoff::CloseReason;
use futures_handoff_runtimes::{Runtime, Task};
use futures_util::future::join;

use super::{
    peers::{End, Received, Scene, talk},
    plan::{Fault, Plan},
};
use crate::{
    outlet::Outcome,
    peer::{Peer, Peers},
    router::{Routed, route},
};

/// Runs a session; panics if something is wrong.
pub(super) async fn session<R: Runtime>(plan: Plan, compared: Arc<AtomicU64>) {
    // Both stay until the session is over: no other test may get the ports while something here may
    // connect to them.
    let mut listener = R::bind(([127, 0, 0, 1], 0).into()).await.unwrap();
    let upstreams = Arc::new(Peers::new().unwrap());
    if plan.a.narrow || plan.b.narrow {
        upstreams.narrow();
    }
    let back = upstreams.address();
    let scene = Arc::new(Scene { compared, ..Scene::default() });

    let front = R::local_addr(&listener).unwrap();
    let (peer, client) = join(Peer::connect(front), R::accept(&mut listener)).await;
    let proxy = R::task(route::<R>(client.unwrap(), back, plan.terms));
    let (upload, answer) = (Arc::clone(&plan.upload), Arc::clone(&plan.answer));
    let client = R::task(talk::<R>(peer.unwrap(), plan.client.clone(), upload, answer, Arc::clone(&scene)));
    let served = R::task(serve::<R>(Arc::clone(&upstreams), plan.clone(), Arc::clone(&scene)));

    let routed = proxy.await;
    scene.over.store(true, Ordering::Release);
    if routed.a.is_none() {
        // The proxy does not connect to the upstreams any more, which may wait for it, and may
        // reset it at once.
        for _ in 0..2 {
            drop(Peer::connect(back).await);
        }
    }
    let client = client.await;
    let (a, b) = served.await;
    check(&plan, &routed, [a.await, b.await, client]);
}

/// The two upstreams, the first of which is connected to first.
async fn serve<R: Runtime>(
    upstreams: Arc<Peers>,
    plan: Plan,
    scene: Arc<Scene>,
) -> (Task<Received>, Task<Received>) {
    let a = upstreams.accept().await;
    let a = R::task(talk::<R>(a, plan.a, plan.answer, plan.to_a, Arc::clone(&scene)));
    let b = upstreams.accept().await;
    (a, R::task(talk::<R>(b, plan.b, Arc::new([]), plan.to_b, scene)))
}

/// Checks that everything known about the session is consistent.
fn check(plan: &Plan, routed: &Routed, received: [Received; 3]) {
    let ends_by_itself = !plan.faults.contains(&Fault::Expire) && !plan.faults.contains(&Fault::Hang);
    assert!(!(ends_by_itself && routed.expired), "the proxy hangs");
    if let Some(error) = &routed.refused {
        // This is how an upstream looks that closes during the connect.
        use ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected};
        let is_gone = matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | NotConnected);
        assert!(plan.loses_bytes() && is_gone, "the proxy cannot open the connections: {error}");
    }
    let Routed { a, b, client, forward_ended, backward_ended, .. } = routed;
    // An end in the other direction may drop bytes on the way: TCP does this with unread bytes.
    let streams = [
        ("the first upstream", a, &plan.to_a, *backward_ended),
        ("the second upstream", b, &plan.to_b, true),
        ("the client", client, &plan.answer, *forward_ended),
    ];
    for ((who, outcome, sent, kept), received) in streams.into_iter().zip(received) {
        match outcome {
            Some(outcome) => stream(who, outcome, sent, kept, received, ends_by_itself),
            None => assert_eq!(received.len, 0, "{who}: something arrived on a stream that was never opened"),
        }
        let whole = received.len == sent.len() && received.end == End::Clean;
        let reason = outcome.as_ref().map(|outcome| &outcome.reason);
        assert!(plan.loses_bytes() || whole, "{who}: {received:?} of {} bytes: {reason:?}", sent.len());
    }
}

/// Checks that the counters of the handoff match what was sent and what arrived.
fn stream(who: &str, outcome: &Outcome, sent: &[u8], kept: bool, received: Received, ends_by_itself: bool) {
    let Outcome { reason, accepted, written, unwritten, took, .. } = outcome;
    let bytes = |at: u64| usize::try_from(at).unwrap();
    let back = sent.get(bytes(*written)..bytes(*accepted));
    assert!(
        back == Some(unwritten),
        "{who}: what comes back is not what was accepted at {written}..{accepted}"
    );
    assert!(received.len <= bytes(*written), "{who}: {received:?} of {written} written");
    let is_given_up = matches!(reason, CloseReason::Aborted);
    assert!(!(ends_by_itself && is_given_up), "{who}: its end hangs: it is not there after {took:?}");
    if reason.is_closed() && kept && received.end != End::Own {
        assert_eq!(received.len, bytes(*written), "{who}: {received:?} of {written} written: {reason}");
    }
}
