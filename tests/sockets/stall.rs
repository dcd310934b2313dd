//! The peer reads nothing, and the sockets are full.

use super::support::*;
use futures_handoff::{Inline, WriteTicket};
use std::sync::atomic::{AtomicUsize, Ordering};

/// More than the buffers of all sockets on the way.
const MUCH: usize = 32 << 20;

/// A stream that is stuck in the middle of one write, with the ticket of that, its peer, and what
/// is written.
async fn stuck<R: Runtime>() -> (Stream<R::Tcp>, WriteTicket, Peer, Bytes) {
    let (near, peer) = connected::<R>().await;
    peer.narrow();
    let config = WriteHandoffConfig::default().with_max_pending_bytes(2 * MUCH);
    let (handoff, task) = stream::<R, _>(near, config);
    let sent = Bytes::from(payload(MUCH));
    let ticket = handoff.write(sent.clone()).await.unwrap();
    stalled::<R, _>(&handoff).await;
    ((handoff, task), ticket, peer, sent)
}

runtimes::tests! {
    async fn a_peer_that_stalls_holds_up_its_producers_within_the_budget_and_later_gets_everything<R: Runtime>() {
        for inline in [Inline::SameThread, Inline::Never] {
            let (near, peer) = connected::<R>().await;
            peer.narrow();
            let config = WriteHandoffConfig::default().with_inline(inline);
            let (handoff, task) = stream::<R, _>(near, config);
            let sent = Bytes::from(payload(MUCH));
            let producing = R::task({
                let (handoff, mut left) = (handoff.clone(), sent.clone());
                async move {
                    let (mut len, mut most) = (1, 0);
                    while !left.is_empty() {
                        len = len * 11 % 70_001 + 1;
                        let chunk = left.split_to(len.min(left.len()));
                        handoff.write_fire_and_forget(chunk).await.unwrap();
                        most = most.max(handoff.pending_bytes());
                    }
                    handoff.close();
                    handoff.closed().await.unwrap();
                    most
                }
            });
            stalled::<R, _>(&handoff).await;
            let stats = handoff.stats();
            assert!(stats.accepted < MUCH as u64, "the producer waits");
            assert!(stats.accepted - stats.written <= config.max_pending_bytes() as u64);
            assert!(handoff.try_write(sent.slice(..config.max_pending_bytes())).unwrap_err().is_full());
            assert!(within::<R, _>(Duration::from_millis(20), handoff.flush()).await.is_none());

            assert!(rest(&peer).await == sent);
            let most = producing.await;
            assert!(most <= config.max_pending_bytes(), "{most} bytes were pending");
            assert!(task.await.is_ok());
        }
    }

    async fn a_close_that_stalls_can_be_given_up_and_the_rest_comes_back<R: Runtime>() {
        let ((handoff, task), ticket, peer, sent) = stuck::<R>().await;
        handoff.close();
        assert!(within::<R, _>(Duration::from_millis(20), handoff.closed()).await.is_none());
        assert!(handoff.try_write(Bytes::from_static(b"more")).unwrap_err().is_closed());
        handoff.downgrade().abort();
        assert!(matches!(handoff.closed().await, Err(CloseReason::Aborted)));
        let failure = task.await.err().expect("it was aborted");
        let written = failure.written();
        assert_eq!(ticket.await.unwrap_err().written(), written);
        let (writer, unwritten) = failure.into_parts();
        assert!(unwritten.concat() == sent[written as usize..]);
        // The writer was not closed; dropping it ends the connection, with all that was written.
        drop((writer, handoff));
        assert!(rest(&peer).await == sent[..written as usize]);
    }

    async fn a_stream_whose_handles_are_gone_stalls_and_goes_on<R: Runtime>() {
        let ((handoff, task), ticket, peer, sent) = stuck::<R>().await;
        drop(handoff);
        assert!(ticket.try_result().is_none());
        assert!(rest(&peer).await == sent);
        ticket.await.unwrap();
        assert!(task.await.is_ok());
    }

    async fn a_proxy_whose_upstream_stalls_reads_no_more_of_its_client<R: Runtime>() {
        let (upload, expected_a, expected_b) = upload(100, MUCH);
        let Routing { client, a, b, proxy } = routing::<R>(&upload[..1], terms()).await;
        a.narrow();
        let (client, upload) = (Arc::new(client), Arc::new(upload));
        let at_b = R::task(async move { rest(&b).await });
        let sent = Arc::new(AtomicUsize::new(1));
        let sending = R::task({
            let (client, upload, sent) = (Arc::clone(&client), Arc::clone(&upload), Arc::clone(&sent));
            async move {
                for piece in upload[1..].chunks(10_000) {
                    client.write_all(piece).await.unwrap();
                    sent.fetch_add(piece.len(), Ordering::Relaxed);
                }
                client.end().unwrap();
            }
        });
        let mut before = 0;
        while sent.load(Ordering::Relaxed) != before {
            before = sent.load(Ordering::Relaxed);
            R::sleep(Duration::from_millis(100)).await;
        }
        assert!(before < upload.len(), "the client is held up");
        // The other direction is not.
        a.write_all(b"answer").await.unwrap();
        let mut answer = [0; 6];
        client.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"answer");

        assert!(rest(&a).await == expected_a);
        a.end().unwrap();
        sending.await;
        assert!(at_b.await == expected_b);
        assert!(rest(&client).await.is_empty());
        let to_a = proxy.await.a.unwrap();
        assert!(to_a.reason.is_closed());
        assert!(to_a.most_pending <= WriteHandoffConfig::default().max_pending_bytes(), "{}", to_a.most_pending);
    }
}
