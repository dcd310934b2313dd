//! One direction ends, the other goes on.

use super::support::*;
use futures_handoff::{Delimiter, FrameError};
use futures_util::AsyncReadExt;

runtimes::tests! {
    async fn after_the_peer_has_ended_its_direction_ours_delivers_everything<R: Runtime>() {
        let (near, peer) = connected::<R>().await;
        let (mut reader, writer) = R::halves(near).unwrap();
        let (handoff, task) = stream::<R, _>(writer, WriteHandoffConfig::default());
        peer.write_all(b"all I have to say").await.unwrap();
        peer.end().unwrap();
        let mut buffer = HandoffBuffer::new(1000);
        while buffer.read_available(&mut reader).await.unwrap() > 0 {}
        assert_eq!(buffer.peek(), b"all I have to say");

        let sent = payload(6 << 20);
        let writing = R::task({
            let sent = Bytes::from(sent.clone());
            async move {
                send(&handoff, sent, 50_021).await;
                handoff.flush().await.unwrap();
                handoff.close();
                handoff.closed().await.unwrap();
            }
        });
        assert!(rest(&peer).await == sent);
        writing.await;
        assert!(task.await.is_ok());
        assert_eq!(buffer.read_available(&mut reader).await.unwrap(), 0, "the end stays the end");
    }

    async fn after_our_close_the_peer_gets_everything_and_may_go_on<R: Runtime>() {
        let (near, peer) = accepted::<R>().await;
        let (mut reader, writer) = R::halves(near).unwrap();
        let (handoff, task) = stream::<R, _>(writer, WriteHandoffConfig::default());
        let (sent, answer) = (payload(3 << 20), payload(2 << 20));
        let talking = R::task({
            let (sent, answer) = (sent.clone(), answer.clone());
            async move {
                assert!(rest(&peer).await == sent);
                peer.write_all(&answer).await.unwrap();
                peer.end().unwrap();
            }
        });
        send(&handoff, sent.into(), 100_003).await;
        handoff.close();
        handoff.closed().await.unwrap();
        assert!(handoff.try_write(Bytes::from_static(b"more")).unwrap_err().is_closed());
        assert!(task.await.is_ok());
        let mut received = Vec::new();
        reader.read_to_end(&mut received).await.unwrap();
        assert!(received == answer, "{} of {} bytes", received.len(), answer.len());
        talking.await;
    }

    async fn an_end_in_the_middle_of_a_frame_is_told_and_the_tail_is_kept<R: Runtime>() {
        let (mut near, peer) = connected::<R>().await;
        for piece in ["first\nsec", "ond\nthe ", "tail"] {
            peer.write_all(piece.as_bytes()).await.unwrap();
        }
        peer.end().unwrap();
        let mut buffer = HandoffBuffer::new(1000);
        let mut lines = Delimiter::new(b"\n");
        assert_eq!(buffer.next_frame(&mut near, &mut lines).await.unwrap().unwrap(), "first\n");
        assert_eq!(buffer.next_frame(&mut near, &mut lines).await.unwrap().unwrap(), "second\n");
        match buffer.next_frame(&mut near, &mut lines).await {
            Err(FrameError::Truncated { buffered: 8 }) => {}
            other => panic!("{other:?}"),
        }
        assert_eq!(buffer.take_tail(), "the tail");
    }

    async fn a_proxy_carries_the_end_of_either_direction_by_itself<R: Runtime>() {
        let (upload, expected_a, expected_b) = upload(3000, 500_000);
        let answer = payload(700_000);
        for client_first in [true, false] {
            let parting = if client_first { Parting::Close } else { Parting::Drop };
            let terms = Terms { parting, owned: client_first, ..terms() };
            let Routing { client, a, b, proxy } = routing::<R>(&upload[..1], terms).await;
            let (client, a) = (Arc::new(client), Arc::new(a));
            let sends = |peer: &Arc<Peer>, bytes: &[u8]| {
                let (peer, bytes) = (Arc::clone(peer), bytes.to_vec());
                R::task(async move {
                    peer.write_all(&bytes).await.unwrap();
                    peer.end().unwrap();
                })
            };
            let receives = |peer: &Arc<Peer>| {
                let peer = Arc::clone(peer);
                R::task(async move { rest(&peer).await })
            };
            let at_b = receives(&Arc::new(b));
            // Whoever is second begins when the other direction has ended and all of it has come.
            if client_first {
                let at_a = receives(&a);
                sends(&client, &upload[1..]).await;
                assert!(at_a.await == expected_a);
                let at_client = receives(&client);
                sends(&a, &answer).await;
                assert!(at_client.await == answer);
            } else {
                let at_client = receives(&client);
                sends(&a, &answer).await;
                assert!(at_client.await == answer);
                let at_a = receives(&a);
                sends(&client, &upload[1..]).await;
                assert!(at_a.await == expected_a);
            }
            assert!(at_b.await == expected_b);
            let routed = proxy.await;
            assert!(routed.forward_ended && routed.backward_ended && !routed.expired);
            for outcome in [routed.a, routed.b, routed.client] {
                let outcome = outcome.unwrap();
                assert!(outcome.reason.is_closed() && outcome.unwritten.is_empty(), "{outcome:?}");
            }
        }
    }
}
