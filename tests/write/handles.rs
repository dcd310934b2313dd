//! The kinds of handles: clones, senders, weak ones, and looking at the writer.

use super::support::*;
use futures_handoff::executor_fn;
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
    task::{Context, Waker},
};

runtimes::tests! {
    /// Its chunks are large, and it is on the task's thread: even so it does not poll the writer.
    async fn a_sender_never_polls_the_writer<R: Runtime>() {
        let (handoff, mut task, log) = willing(limits(8, 20_000).with_inline(Inline::Always));
        let sender = handoff.sender();
        let (large, mut buffer) = (filled(0, 20_000), holding(&[0; 40_000]));
        let mut written = 0;
        for verb in ["try_write", "write_slice", "write_prefix", "write_chunks", "send"] {
            match verb {
                "try_write" => drop(sender.try_write(large.clone()).unwrap()),
                "write_slice" => drop(sender.write_slice(&large).await.unwrap()),
                "write_prefix" => drop(sender.write_prefix(&mut buffer, 20_000).await.unwrap()),
                "write_chunks" => drop(sender.write_chunks(&mut [large.clone()]).await.unwrap()),
                _ => drop(sender.reserve(20_000).await.unwrap().send(large.clone()).unwrap()),
            }
            let mut write = Hand::waiting(sender.write(large.clone()));
            drop(Hand::waiting(sender.flush()));
            drop(sender.written());
            sender.dispatch();
            assert_eq!(log.len(), written, "{verb}");
            task.run();
            assert!(write.run().unwrap().is_ok());
            task.run();
            written += 40_000;
            assert_eq!(log.len(), written, "{verb}");
        }
        assert_eq!(handoff.stats().inline_write_calls, 0);
    }

    async fn a_sender_tells_what_the_handle_tells<R: Runtime>() {
        let (handoff, mut task, log, gate) = gated(ungathered(8, 64));
        let sender = handoff.sender();
        for items in 0..3 {
            assert_eq!((sender.stats().pending_items, sender.pending_bytes()), (items, 3 * items));
            assert_eq!((sender.available(), sender.is_closed()), (64 - 3 * items, false));
            assert_eq!((sender.stats(), sender.available()), (handoff.stats(), handoff.available()));
            put(&sender, "abc");
        }
        let mut closed = Hand::waiting(sender.closed());
        sender.close();
        assert_eq!((sender.available(), sender.is_closed(), handoff.is_closed()), (0, true, true));
        assert!(matches!(sender.close_reason(), Some(CloseReason::Closed)));
        gate.open();
        assert!(task.run().unwrap().is_ok());
        assert!(closed.run().unwrap().is_ok());
        assert!(log.is_closed());
    }

    /// A visit is not the first poll of the task, and a producer may still send after it.
    async fn after_a_visit_large_chunks_leave_at_once<R: Runtime>() {
        let (handoff, mut task, log) = willing(direct());
        put(&handoff, "small ");
        assert!(task.is_due());
        assert!(handoff.with_writer(|_| ()).is_some());
        handoff.try_write_fire_and_forget(filled(b'L', 20_000)).unwrap();
        assert_eq!(log.len(), 20_006);
        task.run();
    }

    /// Clones and senders keep the stream open; tickets and weak handles do not.
    async fn the_stream_is_open_until_the_last_handle_of_any_kind_is_dropped<R: Runtime>() {
        let (handoff, task) = WriteHandoff::new(ScriptWriter::willing(), defaults());
        let mut task = Hand::waiting(task);
        let (weak, ticket) = (handoff.downgrade(), handoff.try_write(text("a")).unwrap());
        let upgraded = weak.clone().upgrade().expect("there is a handle");
        drop(handoff);
        put(&upgraded, "b");
        assert!(task.run().is_none(), "the upgraded one keeps the stream open");
        let (clone, sender) = (upgraded.clone(), upgraded.sender());
        drop((upgraded, clone));
        drop(weak.upgrade().expect("a sender is a handle"));
        let another = sender.clone();
        drop(sender);
        assert!(task.run().is_none());
        put(&another, "c");
        drop(another);
        assert!(weak.upgrade().is_none(), "the stream is closing");
        let writer = task.run().expect("the task ends").unwrap();
        assert_eq!(writer.log().written(), b"abc");
        drop((task, ticket));
        assert!(weak.upgrade().is_none());
    }

    async fn the_writer_can_be_looked_at_while_it_is_home<R: Runtime>() {
        let (handoff, task) = WriteHandoff::new(ScriptWriter::willing(), defaults());
        let (handoff, mut task) = (Settled(handoff), Hand::new(task));
        let log = handoff.with_writer(|writer| writer.log()).expect("also before the task begins");
        put(&handoff, "a");
        assert!(handoff.with_writer(|_| ()).is_some());
        task.run();
        assert_eq!(log.written(), b"a");
        assert!(handoff.with_writer(|_| ()).is_some());
        let nested = handoff.with_writer(|_| handoff.with_writer(|_| ()));
        assert_eq!(nested, Some(None));
        let close = closing(&handoff);
        assert!(task.run().unwrap().is_ok());
        assert!(close.await.is_ok());
        assert!(handoff.with_writer(|_| ()).is_none());
    }

    /// It closes the handoff for the other producers too, and leaves the writer open, for the task
    /// or a handle that gets it.
    async fn a_sender_does_not_find_the_writer<R: Runtime>() {
        let (handoff, mut task, log) = willing(defaults());
        let sender = handoff.sender();
        assert!(sender.with_writer(|_| ()).is_none());
        put(&sender, "a");
        let mut parts = Hand::waiting(sender.into_parts());
        assert!(handoff.is_closed());
        let writer = task.run().unwrap().unwrap();
        let failure = parts.run().unwrap().err().unwrap();
        assert!(failure.reason().is_closed() && failure.into_parts().0.is_none());
        assert_eq!((log.written(), log.closes()), (b"a".to_vec(), 0));
        drop(writer);
    }

    /// Until the last handle is dropped; a failed writer is dropped at once.
    async fn a_spawned_stream_keeps_its_writer<R: Runtime>() {
        for fails in [false, true] {
            let writer = ScriptWriter::new(fails.then_some(WriteStep::Zero));
            let log = writer.log();
            let executor = executor_fn(R::spawn);
            let handoff: WriteHandoff = WriteHandoff::spawn(writer, defaults(), &executor);
            let ticket = handoff.write(text("a")).await.unwrap();
            assert_eq!(ticket.await.is_err(), fails);
            handoff.close();
            assert_eq!(handoff.closed().await.is_err(), fails);
            if fails {
                log.wait_until(WriteLog::is_dropped).await;
            } else {
                assert!(log.is_closed() && !log.is_dropped());
                assert!(handoff.into_parts().await.is_ok());
                assert!(log.is_dropped());
            }
        }
    }

    /// Changes of the stream during the visit take effect after it.
    async fn a_visit_to_the_writer_delays_and_loses_nothing<R: Runtime>() {
        let (handoff, mut task, log) = willing(defaults());
        handoff.with_writer(|_| put(&handoff, "a"));
        assert!(task.is_due());
        task.run();
        let mut flush = None;
        handoff.with_writer(|_| flush = Some(Hand::waiting(handoff.flush())));
        task.run();
        assert!(flush.unwrap().run().unwrap().is_ok());
        handoff.with_writer(|_| assert!(task.run().is_none()));
        handoff.with_writer(|_| handoff.close());
        assert!(task.run().unwrap().is_ok());
        assert_eq!((log.written(), log.is_closed()), (b"a".to_vec(), true));
    }

    async fn a_visit_to_a_stalled_writer_does_not_wake_it_for_good<R: Runtime>() {
        let (handoff, mut task, log, gate) = gated(defaults());
        put(&handoff, "a");
        task.run();
        handoff.with_writer(|_| ()).unwrap();
        task.run();
        assert!(!task.is_due());
        gate.open();
        task.run();
        assert_eq!(log.written(), b"a");
    }

    async fn a_visit_that_panics_is_no_fault_of_the_writer<R: Runtime>() {
        let (handoff, mut task, log) = willing(defaults());
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            handoff.with_writer(|_| {
                put(&handoff, "a");
                panic!("the visitor panics as planned");
            })
        }));
        assert!(panicked.is_err());
        assert!(!handoff.is_closed());
        task.run();
        assert_eq!(log.written(), b"a");
    }

    async fn aborts_and_drops_during_a_visit_end_the_stream<R: Runtime>() {
        let (handoff, mut task, _log) = willing(defaults());
        put(&handoff, "a");
        handoff.with_writer(|_| handoff.downgrade().abort());
        assert!(matches!(handoff.closed().await, Err(CloseReason::Aborted)));
        assert_eq!(task.run().unwrap().unwrap_err().unwritten().concat(), b"a");

        let (handoff, task, log) = willing(defaults());
        handoff.with_writer(|_| drop(task));
        assert!(matches!(handoff.closed().await, Err(CloseReason::TaskDropped)));
        assert!(log.is_dropped());
    }

    /// The writer holds an `Rc`: the task is joined with a producer that waits for a producer on
    /// another thread.
    async fn a_writer_that_is_not_send_works_without_an_executor<R: Runtime>() {
        let shared = Rc::new(std::cell::RefCell::new(Vec::new()));
        let in_writer = Rc::clone(&shared);
        let writer = FnWriter(move |op: Op<'_>, _: &mut Context<'_>| {
            if let Op::Write(slices) = &op {
                slices.iter().for_each(|slice| in_writer.borrow_mut().extend_from_slice(slice));
            }
            op.all()
        });
        let (handoff, task) = WriteHandoff::new(writer, limits(8, 8));
        let sender = handoff.sender();
        let elsewhere = R::task(async move {
            for _ in 0..20 {
                sender.write(text("abcdefg")).await.unwrap().await.unwrap();
            }
        });
        let here = async {
            elsewhere.await;
            handoff.flush().await.unwrap();
            drop(handoff);
        };
        let (written, ()) = futures_util::future::join(task, here).await;
        assert!(written.is_ok());
        assert_eq!(*shared.borrow(), b"abcdefg".repeat(20));
    }

    /// There is no second result, and waiting for one would never end.
    async fn futures_panic_when_they_are_polled_after_they_have_completed<R: Runtime>() {
        fn panics<F: Future>(what: &str, future: F) {
            let mut future = Box::pin(future);
            let mut poll = || future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready();
            assert!(poll(), "{what} is ready");
            let again = catch_unwind(AssertUnwindSafe(poll)).unwrap_err();
            let message = again
                .downcast_ref::<String>()
                .map_or_else(|| again.downcast_ref::<&str>().copied().unwrap_or_default(), String::as_str);
            assert!(
                message.contains("polled after completion") || message.contains("resumed after completion"),
                "{what}: {message}"
            );
        }

        let (handoff, mut task, _log) = willing(direct());
        let sender = handoff.sender();
        let (mut buffer, mut rest) = (holding(b"prefix"), holding(b"prefix"));
        panics("write", handoff.write(text("a")));
        panics("a refused write", handoff.write(filled(0, 1 << 20)));
        panics("write of a sender", sender.write(text("a")));
        panics("write_fire_and_forget", handoff.write_fire_and_forget(text("a")));
        panics("write_chunks", handoff.write_chunks(&mut [text("a"), text("b")]));
        panics("reserve", handoff.reserve(1));
        panics("a refused reserve", handoff.reserve(1 << 20));
        panics("write_prefix", handoff.write_prefix(&mut buffer, 3));
        panics("write_prefix out of bounds", handoff.write_prefix(&mut buffer, 30));
        panics("write_prefix", handoff.write_prefix(&mut rest, 3));
        panics("flush", handoff.flush());
        panics("flushed", handoff.written().flushed());
        handoff.close();
        assert!(task.run().unwrap().is_ok());
        panics("flush of a stream that has ended", handoff.flush());
        panics("closed", handoff.closed());
        panics("into_parts", (*handoff).clone().into_parts());
    }

    async fn debug_output_shows_no_payload<R: Runtime>() {
        let (handoff, mut task, _log, _gate) = gated(limits(8, 16));
        let secret = || text("SECRET");
        let ticket = handoff.try_write(secret()).unwrap();
        let permit = handoff.try_reserve(6).unwrap();
        let mut buffer = holding(&secret());
        let shown = [
            ("WriteHandoff", format!("{:?}", *handoff)),
            ("WriteHandoff", format!("{:?}", handoff.sender())),
            ("WeakWriteHandoff", format!("{:?}", handoff.downgrade())),
            ("Ok(Accepted", format!("{:?}", handoff.try_write_prefix(&mut buffer, 0))),
            ("Permit { bytes: Some(6) }", format!("{permit:?}")),
            ("WriteTicket", format!("{ticket:?}")),
            ("OwnedPermit", format!("{:?}", handoff.try_reserve(1).unwrap().into_owned())),
            ("Err(WriteError { reason: Full", format!("{:?}", handoff.try_write(filled(b'S', 12)))),
            ("Err(WriteError { reason: TooLarge", format!("{:?}", handoff.try_write(filled(b'S', 20)))),
        ];
        for (name, shown) in &shown {
            assert!(shown.starts_with(name), "{shown} does not begin with {name}");
        }
        let shown = shown.map(|(_, shown)| shown).join(" ");
        assert!(!shown.contains("SECRET") && !shown.contains("SS"), "{shown}");
        assert!(!shown.contains("83, 69"), "{shown}");
        assert!(shown.contains("pending_bytes: 6"), "{shown}");
        drop(permit);
        handoff.downgrade().abort();
        let failure = task.run().unwrap().unwrap_err();
        assert!(format!("{failure:?}").contains("unwritten: 6"));
        let (_, task) = WriteHandoff::new(ScriptWriter::willing(), defaults());
        assert!(format!("{task:?}").starts_with("WriteTask {"));
        assert!(format!("{:?}", task.detach()).starts_with("WriteTask {"));
    }
}
