//! A ticket tells when its bytes are taken, to whoever asks, and costs nothing to drop.

use super::support::*;
use futures_util::future::join_all;

runtimes::tests! {
    /// The first chunk is taken, the rest of the same write stalls.
    async fn a_ticket_is_done_as_soon_as_its_bytes_are_taken<R: Runtime>() {
        // As chunks of their own, and gathered into one block.
        for (config, taken) in [(ungathered(8, 64), 5), (defaults(), 7)] {
            let (handoff, mut task, log, gate) = gated_after(taken, config);
            let mut tickets = ["aaaaa", "bbbbb"].map(|part| Hand::waiting(handoff.try_write(text(part)).unwrap()));
            task.run();
            assert_eq!(log.written(), &b"aaaaabb"[..taken]);
            assert!(matches!(tickets[0].run(), Some(Ok(()))));
            assert!(tickets[1].run().is_none());
            assert_eq!((handoff.pending_bytes(), handoff.stats().pending_items), (10 - taken, 1), "and its room is free");
            gate.open();
            task.run();
            assert!(matches!(tickets[1].run(), Some(Ok(()))));
        }
    }

    async fn a_dropped_ticket_changes_nothing<R: Runtime>() {
        let (handoff, mut task, log) = willing(defaults());
        drop(handoff.try_write(text("dropped at once, ")).unwrap());
        drop(Hand::waiting(handoff.try_write(text("dropped while it waits")).unwrap()));
        assert_eq!(handoff.pending_bytes(), 39);
        task.run();
        assert_eq!(log.written(), b"dropped at once, dropped while it waits");
    }

    async fn a_ticket_can_be_polled_by_reference_and_again_after_it_is_done<R: Runtime>() {
        let (handoff, mut task, _log, gate) = gated(defaults());
        let mut ticket = handoff.try_write(text("a")).unwrap();
        task.run();
        for _ in 0..3 {
            assert!((&mut ticket).now_or_never().is_none(), "giving up waiting loses nothing");
        }
        gate.open();
        task.run();
        for _ in 0..3 {
            assert!((&mut ticket).await.is_ok());
            assert!(matches!(ticket.try_result(), Some(Ok(()))));
        }
        assert!(ticket.wait().await.is_ok());
    }

    async fn a_failed_ticket_gives_the_same_answer_every_time<R: Runtime>() {
        let steps = [WriteStep::Error(std::io::ErrorKind::BrokenPipe)];
        let (handoff, mut task, _log) = scripted(steps, defaults());
        let mut ticket = handoff.try_write(text("a")).unwrap();
        assert!(task.run().unwrap().is_err());
        for _ in 0..3 {
            assert!(matches!((&mut ticket).await.unwrap_err().reason(), CloseReason::Io(_)));
            assert!(matches!(ticket.try_result(), Some(Err(_))));
        }
    }

    async fn an_empty_chunk_is_a_barrier_and_takes_no_room<R: Runtime>() {
        let (handoff, mut task, log, gate) = gated(limits(1, 4));
        let idle = handoff.try_write(Bytes::new()).unwrap();
        assert!(matches!(idle.try_result(), Some(Ok(()))), "nothing is pending");
        put(&handoff, "full");
        let room = Hand::waiting(handoff.write(text("more")));
        let tickets = [
            handoff.try_write(Bytes::new()).unwrap(),
            handoff.write(Bytes::new()).await.unwrap(),
            handoff.try_write_chunks(&mut [Bytes::new(), Bytes::new()]).unwrap().ticket(),
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

    async fn each_ticket_is_woken_once<R: Runtime>() {
        let (handoff, mut task, _log, gate) = gated(defaults());
        let mut waits: Vec<_> =
            (0..100).map(|i| Hand::waiting(handoff.try_write(filled(i, 10)).unwrap())).collect();
        task.run();
        assert!(waits.iter().all(|wait| !wait.is_due()));
        gate.open();
        task.run();
        for wait in &mut waits {
            assert!(wait.run().unwrap().is_ok());
            assert_eq!(wait.polls(), 2);
        }
    }

    /// Waited for from the last to the first, every third given up.
    async fn tickets_may_be_waited_for_in_any_order<R: Runtime>() {
        let gate = Gate::new();
        let mut steps = vec![WriteStep::Wait(gate.clone())];
        steps.extend(vec![WriteStep::Accept(7); 500]);
        let (handoff, mut task, _log) = scripted(steps, defaults());
        let tickets: Vec<WriteTicket> = (0..100).map(|i| handoff.try_write(filled(i, 10)).unwrap()).collect();
        let mut waits: Vec<_> = tickets.into_iter().rev().map(Hand::waiting).collect();
        let mut number = 0;
        waits.retain(|_| {
            number += 1;
            number % 3 > 0
        });
        gate.open();
        task.run();
        for wait in &mut waits {
            assert!(wait.run().unwrap().is_ok());
        }
    }

    async fn only_the_latest_waker_of_a_ticket_is_woken<R: Runtime>() {
        let (handoff, mut task, _log, gate) = gated(defaults());
        let mut ticket = handoff.try_write(text("a")).unwrap();
        let mut first = Hand::waiting(futures_util::future::poll_fn(|cx| ticket.poll_unpin(cx)));
        let polls_by_first = {
            first.run();
            first.polls()
        };
        drop(first);
        let mut second = Hand::waiting(&mut ticket);
        gate.open();
        task.run();
        assert!(second.run().unwrap().is_ok());
        assert_eq!((polls_by_first, second.polls()), (1, 2));
    }

    async fn a_ticket_outlives_handles_and_task<R: Runtime>() {
        let (handoff, task) = WriteHandoff::new(ScriptWriter::willing(), defaults());
        let ticket = handoff.try_write(text("a")).unwrap();
        drop(handoff);
        let writer = R::task(task).await.unwrap();
        assert_eq!(writer.log().written(), b"a");
        drop(writer);
        assert!(ticket.await.is_ok());
    }

    async fn tickets_may_be_awaited_elsewhere<R: Runtime>() {
        let writer = ScriptWriter::seeded(3);
        let log = writer.log();
        let (handoff, task) = WriteHandoff::new(writer, limits(16, 64));
        let task = R::task(task);
        let mut elsewhere = Vec::new();
        for byte in 0..50 {
            let ticket = handoff.write(filled(byte, 9)).await.unwrap();
            let log = log.clone();
            elsewhere.push(R::task(async move {
                let end = ticket.positions().end as usize;
                ticket.await.unwrap();
                assert!(log.len() >= end, "done before its bytes were taken");
            }));
        }
        join_all(elsewhere).await;
        drop(Settled(handoff));
        task.await.unwrap();
    }

    async fn positions_count_the_bytes_of_the_stream<R: Runtime>() {
        let (handoff, mut task, _log) = willing(defaults());
        let ranges = [3, 0, 2000].map(|len| handoff.try_write(filled(0, len)).unwrap().positions());
        assert_eq!(ranges, [0..3, 3..3, 3..2003]);
        assert_eq!(handoff.try_write_chunks(&mut [text("ab"), text("c")]).unwrap().positions(), 2003..2006);
        task.run();
    }

    async fn flushed_asks_for_a_flush_and_waits_for_it<R: Runtime>() {
        let gate = Gate::new();
        let writer = ScriptWriter::willing().with_flush([EndStep::Wait(gate.clone())]);
        let log = writer.log();
        let (handoff, mut task) = stream(writer, defaults());
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
