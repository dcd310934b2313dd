//! The process has no descriptors left.

use super::support::*;
use crate::peer::{limit_descriptors, open_descriptors};
use std::{error::Error, fs::File, io};

/// How many descriptors more than are open there may be: the highest of them need not be the last.
const MORE: usize = 50;

/// Holds all descriptors but a few.
fn exhaust(spare: usize) -> Vec<File> {
    let mut kept = Vec::new();
    loop {
        match File::open("/dev/null") {
            Ok(file) => kept.push(file),
            Err(error) => {
                assert!(tells_why(&error), "{error}");
                kept.truncate(kept.len() - spare);
                return kept;
            }
        }
    }
}

/// Whether an error says, by itself or by its source, that there are too many open files.
fn tells_why(error: &io::Error) -> bool {
    let mut causes = std::iter::successors(Some(error as &dyn Error), |&error| error.source());
    causes.any(|cause| cause.to_string().contains("Too many open files"))
}

runtimes::tests_alone! {
    async fn without_descriptors_connections_fail_clearly_and_those_that_stand_go_on<R: Runtime>() {
        let (near, peer) = connected::<R>().await;
        let (handoff, task) = stream::<R, _>(near, WriteHandoffConfig::default());
        handoff.write(Bytes::from_static(b"before")).await.unwrap().await.unwrap();
        let mut listener = R::bind(([127, 0, 0, 1], 0).into()).await.unwrap();
        let address = R::local_addr(&listener).unwrap();
        let waiting = Peer::connect(address).await.unwrap();

        limit_descriptors(open_descriptors() + MORE);
        let kept = exhaust(0);
        for _ in 0..3 {
            let error = R::connect(address).await.err().expect("there is no descriptor");
            assert!(tells_why(&error), "{error}");
            let error = R::accept(&mut listener).await.err().expect("there is no descriptor");
            assert!(tells_why(&error), "{error}");
        }
        let sent = payload(1 << 20);
        let reading = R::task(async move {
            let mut received = vec![0; 6 + (1 << 20)];
            peer.read_exact(&mut received).await.unwrap();
            (peer, received)
        });
        send(&handoff, sent.clone().into(), 30_011).await;
        handoff.flush().await.unwrap();
        let (peer, received) = reading.await;
        assert!(received[6..] == sent);

        drop(kept);
        // The connection that waited is not lost.
        let mut accepted = R::accept(&mut listener).await.unwrap();
        waiting.write_all(b"still here").await.unwrap();
        let mut buffer = HandoffBuffer::new(100);
        read_to(&mut buffer, &mut accepted, 10).await;
        assert_eq!(buffer.peek(), b"still here");
        let (another, far) = connected::<R>().await;
        let (other, other_task) = stream::<R, _>(another, WriteHandoffConfig::default());
        other.write_fire_and_forget(Bytes::from_static(b"as before")).await.unwrap();
        other.close();
        other.closed().await.unwrap();
        assert_eq!(rest(&far).await, b"as before");
        assert!(other_task.await.is_ok());
        handoff.close();
        handoff.closed().await.unwrap();
        assert!(rest(&peer).await.is_empty());
        assert!(task.await.is_ok());
    }

    async fn a_proxy_without_descriptors_refuses_and_serves_again_later<R: Runtime>() {
        let (upload, expected_a, expected_b) = upload(200, 10_000);
        // After the first connection, the descriptors that the runtime opens once are open.
        for spare in [None, Some(0), Some(1), None] {
            let upstreams = Peers::new().unwrap();
            let (near, client) = accepted::<R>().await;
            let before = open_descriptors();
            let kept = spare.map(|spare| {
                limit_descriptors(before + MORE);
                exhaust(spare)
            });
            let proxy = R::task(route::<R>(near, upstreams.address(), terms()));
            let asked = client.write_all(&upload).await.and_then(|()| client.end());
            if let Some(kept) = kept {
                // Connections that come after the refusal are reset.
                let _ = asked;
                let routed = proxy.await;
                let error = routed.refused.expect("there are no descriptors for the upstreams");
                assert!(tells_why(&error), "{error}");
                assert!(routed.a.is_none() && routed.b.is_none() && routed.client.is_none());
                // The end, or a reset, as not all was read.
                let mut answer = Vec::new();
                let _ = client.read_to_end(&mut answer).await;
                assert!(answer.is_empty());
                drop(kept);
            } else {
                asked.unwrap();
                let (a, b) = (upstreams.accept().await, upstreams.accept().await);
                assert!(rest(&a).await == expected_a);
                assert!(rest(&b).await == expected_b);
                drop((a, b));
                assert!(rest(&client).await.is_empty());
                let routed = proxy.await;
                assert!(routed.forward_ended && routed.backward_ended);
            }
        }
    }
}
