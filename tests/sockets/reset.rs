//! The peer resets the connection.

use super::support::*;
use futures_handoff::{Delimiter, FrameError, RejectReason, WriteTicket};
use futures_util::future::join_all;

/// Writes chunks of all lengths until the stream ends: the tickets, and how much was accepted.
async fn write_until_it_ends<W>(handoff: &WriteHandoff<W>, bytes: &Bytes) -> (Vec<WriteTicket>, u64)
where
    W: futures_util::AsyncWrite + Unpin,
{
    let mut tickets = Vec::new();
    let (mut accepted, mut len) = (0, 1);
    loop {
        len = len * 7 % 39_989 + 1;
        let at = accepted as usize % (bytes.len() - len);
        let chunk = bytes.slice(at..at + len);
        match handoff.write(chunk.clone()).await {
            Ok(ticket) => tickets.push(ticket),
            Err(error) => {
                assert!(is_reset(error.close_reason().unwrap()), "{error}");
                assert!(error.into_bytes() == chunk, "a refused chunk comes back");
                return (tickets, accepted);
            }
        }
        accepted += len as u64;
    }
}

runtimes::tests! {
    async fn after_a_reset_every_ticket_knows_its_fate_and_every_byte_is_accounted_for<R: Runtime>() {
        for at in [0, 1, 1000, 65_537, 1_000_000] {
            let (near, peer) = connected::<R>().await;
            let (handoff, task) = stream::<R, _>(near, WriteHandoffConfig::default());
            let bytes = Bytes::from(payload(1 << 20));
            let producing = R::task({
                let (handoff, bytes) = (handoff.clone(), bytes.clone());
                async move { write_until_it_ends(&handoff, &bytes).await }
            });
            let mut received = vec![0; at];
            peer.read_exact(&mut received).await.unwrap();
            peer.reset().unwrap();

            let (tickets, accepted) = producing.await;
            assert!(is_reset(&handoff.closed().await.unwrap_err()));
            assert!(is_reset(&handoff.flush().await.unwrap_err()));
            assert_eq!((handoff.pending_bytes(), handoff.stats().pending_items), (0, 0));

            let failure = task.await.err().expect("the connection was reset");
            let written = failure.written();
            assert!(failure.in_doubt().is_empty());
            assert!(written >= at as u64, "{at} bytes arrived of {written}");
            // The chunks one after the other are what was accepted: the first arrived, the last
            // come back.
            let mut stream = Vec::new();
            for ticket in tickets {
                let positions = ticket.positions();
                assert_eq!(positions.start, stream.len() as u64);
                let from = stream.len() % (bytes.len() - (positions.end - positions.start) as usize);
                stream.extend_from_slice(&bytes[from..from + (positions.end - positions.start) as usize]);
                match ticket.await {
                    Ok(()) => assert!(positions.end <= written),
                    Err(error) => {
                        assert!(is_reset(error.reason()) && error.in_doubt() == 0, "{error}");
                        assert_eq!(error.written(), written.clamp(positions.start, positions.end) - positions.start);
                        assert!(positions.end > written);
                    }
                }
            }
            assert_eq!(stream.len() as u64, accepted);
            assert!(stream[..at] == received);
            assert!(failure.into_parts().1.concat() == stream[written as usize..], "what was not written comes back");
        }
    }

    async fn everybody_who_waits_for_room_is_told_of_a_reset<R: Runtime>() {
        let (near, peer) = connected::<R>().await;
        peer.narrow();
        let (handoff, task) = stream::<R, _>(near, WriteHandoffConfig::default());
        let filling = R::task({
            let handoff = handoff.clone();
            async move { write_until_it_ends(&handoff, &Bytes::from(payload(1 << 20))).await.1 }
        });
        stalled::<R, _>(&handoff).await;
        let waiting: Vec<_> = (0..12).map(|number| {
            let handoff = handoff.clone();
            R::task(async move {
                let chunk = Bytes::from(vec![number; 100_000]);
                // None of them has room until the peer reads, and it does not.
                loop {
                    let refused = match number % 4 {
                        0 => handoff.write(chunk.clone()).await.err().map(|error| {
                            let reason = error.close_reason().cloned();
                            assert!(error.into_bytes() == chunk);
                            reason.unwrap()
                        }),
                        1 => {
                            let mut chunks = [chunk.slice(..10), chunk.slice(10..)];
                            let refused = handoff.write_chunks(&mut chunks).await.err();
                            refused.map(|reason| {
                                assert!(chunks.concat() == chunk);
                                reason.close_reason().cloned().unwrap()
                            })
                        }
                        2 => match handoff.reserve(chunk.len()).await {
                            Ok(permit) => permit.send(chunk.clone()).err().map(|error| error.close_reason().cloned().unwrap()),
                            Err(RejectReason::Closed(reason)) => Some(reason),
                            Err(error) => panic!("{error}"),
                        },
                        _ => handoff.flush().await.err(),
                    };
                    if let Some(reason) = refused {
                        return reason;
                    }
                }
            })
        }).collect();
        while handoff.available() > 0 {
            R::sleep(Duration::from_millis(10)).await;
        }
        let closing = handoff.clone();
        peer.reset().unwrap();
        for reason in join_all(waiting).await {
            assert!(is_reset(&reason), "{reason}");
        }
        filling.await;
        closing.close();
        assert!(is_reset(&closing.closed().await.unwrap_err()));
        let failure = task.await.err().expect("the connection was reset");
        let unwritten: usize = failure.unwritten().iter().map(Bytes::len).sum();
        assert_eq!(failure.written() + unwritten as u64, handoff.stats().accepted);
    }

    async fn a_flush_and_a_close_that_wait_fail_with_the_cause<R: Runtime>() {
        for closes in [false, true] {
            let (near, peer) = connected::<R>().await;
            peer.narrow();
            let config = WriteHandoffConfig::default().with_max_pending_bytes(64 << 20);
            let (handoff, task) = stream::<R, _>(near, config);
            // More than the sockets take.
            handoff.try_write_fire_and_forget(Bytes::from(payload(32 << 20))).unwrap();
            let waiting = R::task({
                let handoff = handoff.clone();
                async move {
                    if closes {
                        handoff.close();
                        handoff.closed().await
                    } else {
                        handoff.flush().await
                    }
                }
            });
            let mut first = [0; 1000];
            peer.read_exact(&mut first).await.unwrap();
            peer.reset().unwrap();
            assert!(is_reset(&waiting.await.unwrap_err()));
            assert!(is_reset(&handoff.closed().await.unwrap_err()));
            let failure = task.await.err().expect("the connection was reset");
            let unwritten: usize = failure.unwritten().iter().map(Bytes::len).sum();
            assert_eq!(failure.written() + unwritten as u64, 32 << 20);
        }
    }

    async fn a_reader_is_told_of_a_reset_and_keeps_what_came_before<R: Runtime>() {
        let (mut near, peer) = connected::<R>().await;
        let mut buffer = HandoffBuffer::new(1000);
        peer.write_all(b"whole\npart").await.unwrap();
        read_to(&mut buffer, &mut near, 10).await;
        peer.reset().unwrap();
        let mut lines = Delimiter::new(b"\n");
        assert_eq!(buffer.next_frame(&mut near, &mut lines).await.unwrap().unwrap(), "whole\n");
        match buffer.next_frame(&mut near, &mut lines).await {
            Err(FrameError::Io(error)) => {
                assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(buffer.peek(), b"part");
    }
}
