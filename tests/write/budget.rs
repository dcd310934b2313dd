//! What is accepted and not yet taken stays within the limits, and room is free as soon as it can be.

use super::support::*;

runtimes::tests! {
    async fn full_gives_the_bytes_back<R: Runtime>() {
        let (handoff, mut task, log) = willing(limits(8, 5));
        let ticket = handoff.try_write(text("abc")).unwrap();
        let error = handoff.try_write(text("def")).unwrap_err();
        assert!(error.is_full() && !is_too_large(error.reason()) && !error.is_closed());
        assert_eq!(error.into_bytes(), "def");
        assert_eq!(handoff.pending_bytes(), 3, "a rejected write takes no room");
        let error = handoff.try_write_fire_and_forget(text("def")).unwrap_err();
        assert!(error.is_full() && error.into_bytes() == "def");
        let mut parts = [text("d"), text("ef")];
        assert!(handoff.try_write_chunks(&mut parts).unwrap_err().is_full());
        assert_eq!(parts, [text("d"), text("ef")]);
        assert!(matches!(handoff.try_reserve(3).unwrap_err(), RejectReason::Full { .. }));
        assert_eq!(handoff.available(), 2);
        put(&handoff, "de");
        task.run();
        assert!(ticket.await.is_ok());
        assert_eq!(log.written(), b"abcde");
    }

    async fn the_byte_budget_is_exact<R: Runtime>() {
        for budget in [1, 2, 7, 1024, 20_000] {
            let (handoff, mut task, log) = willing(limits(8, budget).with_inline(Inline::Never));
            assert_eq!(handoff.available(), budget);
            handoff.try_write_fire_and_forget(filled(1, budget)).unwrap();
            assert_eq!((handoff.pending_bytes(), handoff.available()), (budget, 0));
            assert!(handoff.try_write(filled(2, 1)).unwrap_err().is_full());
            task.run();
            assert_eq!(log.len(), budget);
            handoff.try_write_fire_and_forget(filled(1, budget - 1)).unwrap();
            handoff.try_write_fire_and_forget(filled(2, 1)).unwrap();
            assert!(handoff.try_write(filled(3, 1)).unwrap_err().is_full());
            task.run();
        }
    }

    async fn the_item_limit_is_exact<R: Runtime>() {
        for items in [1, 2, 100] {
            let (handoff, mut task, log) = willing(ungathered(items, 1000));
            for i in 0..items {
                assert_eq!(handoff.stats().pending_items, i);
                handoff.try_write_fire_and_forget(text("a")).unwrap();
            }
            assert_eq!(handoff.available(), 0);
            assert!(handoff.try_write(text("a")).unwrap_err().is_full());
            task.run();
            assert_eq!(log.len(), items);
            put(&handoff, "a");
            task.run();
        }
    }

    /// An item limit of one still lets small writes gather.
    async fn gathered_chunks_are_one_item<R: Runtime>() {
        let (handoff, mut task, log) = willing(limits(1, 4096));
        for _ in 0..50 {
            put(&handoff, "0123456789");
        }
        assert_eq!(handoff.stats().pending_items, 1);
        assert!(handoff.try_write(filled(0, 2000)).unwrap_err().is_full(), "this needs an entry of its own");
        task.run();
        assert_eq!(log.len(), 500);
    }

    async fn write_waits_for_room<R: Runtime>() {
        let (handoff, mut task, log, gate) = gated(limits(8, 5));
        handoff.write_fire_and_forget(text("abc")).await.unwrap();
        let mut write = Hand::waiting(handoff.write(text("def")));
        let mut forget = Hand::waiting(handoff.write_fire_and_forget(text("ghi")));
        let mut parts = [text("j"), text("klm")];
        let mut all = Hand::waiting(handoff.write_chunks(&mut parts));
        assert_eq!((handoff.pending_bytes(), handoff.available()), (3, 0));
        gate.open();
        while task.is_due() || write.is_due() || forget.is_due() || all.is_due() {
            task.run();
            assert!(handoff.pending_bytes() <= 5);
            if write.is_due() {
                assert!(write.run().unwrap().is_ok());
            }
            if forget.is_due() {
                assert!(forget.run().unwrap().is_ok());
            }
            if all.is_due() {
                assert!(all.run().unwrap().is_ok());
            }
        }
        assert_eq!(log.written(), b"abcdefghijklm");
        assert!([write.polls(), forget.polls(), all.polls()].iter().all(|polls| *polls == 2));
    }

    async fn room_is_free_as_bytes_are_taken<R: Runtime>() {
        let gate = Gate::new();
        let steps = [WriteStep::Accept(100_000), WriteStep::Wait(gate.clone())];
        let (handoff, mut task, _log) = scripted(steps, defaults().with_inline(Inline::Never));
        let budget = handoff.config().max_pending_bytes();
        handoff.try_write_fire_and_forget(filled(0, budget)).unwrap();
        assert!(handoff.try_write(filled(1, 100_000)).unwrap_err().is_full());
        task.run();
        assert_eq!(handoff.pending_bytes(), budget - 100_000, "the chunk is not written whole");
        handoff.try_write_fire_and_forget(filled(1, 100_000)).unwrap();
        gate.open();
        task.run();
    }

    async fn a_chunk_above_the_budget_is_too_large_at_the_first_try<R: Runtime>() {
        let (handoff, mut task, _log) = willing(limits(8, 8));
        for pending in [0, 8] {
            // Whether there is room at the moment makes no difference.
            handoff.try_write_fire_and_forget(filled(0, pending)).unwrap();
            let error = handoff.try_write(filled(7, 9)).unwrap_err();
            assert!(is_too_large(error.reason()) && !error.is_full());
            assert!(matches!(error.reason(), RejectReason::TooLarge { len: 9, limit: 8 }), "{error}");
            assert_eq!(error.into_bytes(), filled(7, 9));
            let error = handoff.write(filled(7, 9)).now_or_never().expect("it never waits").unwrap_err();
            assert!(matches!(error.reason(), RejectReason::TooLarge { len: 9, limit: 8 }), "{error}");
            assert_eq!(error.into_bytes(), filled(7, 9));
            let error = handoff.try_write_fire_and_forget(filled(7, 9)).unwrap_err();
            assert!(is_too_large(error.reason()));
            let error = handoff.write_fire_and_forget(filled(7, 9)).now_or_never().unwrap().unwrap_err();
            assert!(is_too_large(error.reason()));
        }
        task.run();
        handoff.try_write_fire_and_forget(filled(0, 8)).unwrap();
        task.run();
    }

    async fn a_writer_that_never_is_ready_keeps_memory_within_the_budget<R: Runtime>() {
        let never = Gate::new();
        let (handoff, task, log) = background::<R>(ScriptWriter::new([WriteStep::Wait(never.clone())]), limits(100, 1000));
        let mut accepted = 0;
        while handoff.try_write_fire_and_forget(filled(0, 30)).is_ok() {
            accepted += 30;
        }
        assert_eq!((accepted, handoff.pending_bytes()), (990, 990));
        never.reached().await;
        let mut write = handoff.write(filled(0, 30));
        assert!((&mut write).now_or_never().is_none());
        assert!(handoff.try_write_fire_and_forget(filled(0, 1)).unwrap_err().is_full());
        handoff.downgrade().abort();
        let error = write.await.unwrap_err();
        assert!(matches!(error.close_reason(), Some(CloseReason::Aborted)));
        assert_eq!(error.into_bytes().len(), 30);
        let failure = task.await.unwrap_err();
        assert_eq!(failure.unwritten().iter().map(Bytes::len).sum::<usize>(), 990);
        assert!(log.is_empty());
    }

    async fn the_budget_holds_before_the_task_begins<R: Runtime>() {
        let (handoff, task) = WriteHandoff::new(ScriptWriter::willing(), limits(8, 8));
        let (handoff, mut task) = (Settled(handoff), Hand::new(task));
        handoff.try_write_fire_and_forget(filled(0, 8)).unwrap();
        assert!(handoff.try_write(text("a")).unwrap_err().is_full());
        let mut write = Hand::waiting(handoff.write(text("a")));
        task.run();
        assert!(write.run().unwrap().is_ok());
        task.run();
    }

    async fn counters_add_up<R: Runtime>() {
        let (handoff, mut task, _log) = scripted([WriteStep::Accept(3)], ungathered(8, 64));
        put(&handoff, "abcd");
        handoff.try_write_fire_and_forget(Bytes::new()).unwrap();
        task.run();
        let mut flush = Hand::waiting(handoff.flush());
        task.run();
        assert!(flush.run().unwrap().is_ok());
        put(&handoff, "efg");
        let stats = handoff.stats();
        assert_eq!((stats.chunks, stats.accepted, stats.written, stats.flushed), (3, 7, 4, 4));
        assert_eq!((stats.write_calls, stats.inline_write_calls, stats.flush_calls), (2, 0, 1));
        task.run();
        assert_eq!(handoff.stats(), handoff.sender().stats());
    }
}
