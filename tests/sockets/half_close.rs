//! One direction ends, the other goes on.

use super::support::*;

runtimes::tests! {
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
            // The second side begins when the other direction has ended and all of it has arrived.
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
