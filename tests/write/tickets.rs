//! A ticket reports when its bytes are taken, to every task that asks, and costs nothing to drop.

use super::support::*;

runtimes::tests! {
    /// The first chunk is taken, the rest of the same write stalls.
    async fn a_ticket_is_done_as_soon_as_its_bytes_are_taken<R: Runtime>() {
        // As chunks of their own, and gathered into one block.
        for (config, taken) in [(ungathered(8, 64), 5), (defaults(), 7)] {
            let (handoff, mut task, log, gate) = gated_after(taken, config);
            let mut tickets =
                ["aaaaa", "bbbbb"].map(|part| Hand::waiting(handoff.try_write(text(part)).unwrap()));
            task.run();
            assert_eq!(log.written(), &b"aaaaabb"[..taken]);
            assert!(matches!(tickets[0].run(), Some(Ok(()))));
            assert!(tickets[1].run().is_none());
            assert_eq!(
                (handoff.pending_bytes(), handoff.stats().pending_items),
                (10 - taken, 1),
                "and its room is free"
            );
            gate.open();
            task.run();
            assert!(matches!(tickets[1].run(), Some(Ok(()))));
        }
    }

    async fn a_ticket_can_be_polled_again_before_and_after_it_is_done<R: Runtime>() {
        let (handoff, mut task, _log, gate) = gated(defaults());
        let mut ticket = handoff.try_write(text("a")).unwrap();
        task.run();
        assert!((0..3).all(|_| (&mut ticket).now_or_never().is_none()), "giving up waiting loses nothing");
        gate.open();
        task.run();
        assert!((0..3).all(|_| (&mut ticket).now_or_never().is_some_and(|result| result.is_ok())));
        assert!(ticket.wait().await.is_ok());
    }

    async fn what_is_empty_is_a_barrier_and_takes_no_room<R: Runtime>() {
        let (handoff, mut task, log, gate) = gated(limits(1, 4));
        let idle = handoff.try_write(Bytes::new()).unwrap();
        assert!(matches!(idle.try_result(), Some(Ok(()))), "nothing is pending");
        assert!(!task.is_due(), "and there is nothing to wake the task for");
        put(&handoff, "full");
        let room = Hand::waiting(handoff.write(text("more")));
        let mut buffer = holding(b"");
        let tickets = [
            handoff.try_write(Bytes::new()).unwrap(),
            handoff.write(Bytes::new()).await.unwrap(),
            handoff.try_write_chunks(&mut [Bytes::new(), Bytes::new()]).unwrap().ticket(),
            handoff.try_write_prefix(&mut buffer, 0).unwrap().ticket(),
            handoff.write_all_buf(&mut buffer).await.unwrap().ticket(),
        ];
        assert_eq!((handoff.pending_bytes(), handoff.stats().pending_items), (4, 1));
        task.run();
        let mut waits = tickets.map(Hand::waiting);
        drop(room);
        gate.open();
        task.run();
        for wait in &mut waits {
            assert!(wait.run().unwrap().is_ok());
        }
        assert_eq!(log.calls().iter().filter(|call| **call == Call::Write { offered: 0 }).count(), 0);
    }

    /// Awaited from the first to the last and in reverse, with some dropped.
    async fn each_ticket_is_woken_once<R: Runtime>() {
        for (reversed, given_up) in [(false, 0), (true, 0), (true, 3)] {
            let (handoff, mut task, _log, gate) = gated(defaults());
            let mut tickets: Vec<_> = (0..100).map(|i| handoff.try_write(filled(i, 10)).unwrap()).collect();
            if reversed {
                tickets.reverse();
            }
            let waits = tickets.into_iter().map(Hand::waiting).collect::<Vec<_>>().into_iter().enumerate();
            let mut waits: Vec<_> = waits.filter(|(n, _)| given_up == 0 || n % given_up > 0).collect();
            task.run();
            assert!(waits.iter().all(|(_, wait)| !wait.is_due()));
            gate.open();
            task.run();
            for (n, wait) in &mut waits {
                assert!(wait.run().unwrap().is_ok());
                assert_eq!(wait.polls(), 2, "{n}, reversed: {reversed}");
            }
        }
    }

    async fn flushed_asks_for_a_flush_and_waits_for_it<R: Runtime>() {
        let (handoff, mut task, log, gate) = flush_gated(defaults());
        let ticket = handoff.try_write(text("a")).unwrap();
        task.run();
        assert!(matches!(ticket.try_result(), Some(Ok(()))), "taken, which is not flushed");
        let mut flushed = Hand::waiting(ticket.flushed());
        task.run();
        assert!(gate.is_reached());
        assert!(flushed.run().is_none());
        gate.open();
        task.run();
        assert!(flushed.run().unwrap().is_ok());
        assert_eq!(log.flushed(), 1);
        let flushes = log.flushes();
        assert!(ticket.flushed().await.is_ok(), "it is flushed already");
        assert_eq!(log.flushes(), flushes);
    }
}
