//! When bytes leave, and in how many calls.

use super::support::*;

runtimes::tests! {
    async fn small_writes_are_held_and_leave_as_one<R: Runtime>() {
        let (handoff, mut task, log) = willing(unflushed());
        for i in 0..10 {
            handoff.try_write_fire_and_forget(filled(i, 10)).unwrap();
        }
        assert_eq!(log.calls(), [], "they are held until the producer waits");
        assert_eq!((handoff.pending_bytes(), handoff.pending_items()), (100, 1));
        task.run();
        assert_eq!(log.calls(), [Call::Write { offered: 100 }]);
    }

    async fn tickets_do_not_break_up_a_gathered_write<R: Runtime>() {
        let (handoff, mut task, log) = willing(unflushed());
        let tickets: Vec<WriteTicket> = (0..10).map(|i| handoff.try_write(filled(i, 10)).unwrap()).collect();
        task.run();
        assert_eq!(log.calls(), [Call::Write { offered: 100 }]);
        assert!(tickets.iter().all(|ticket| matches!(ticket.try_result(), Some(Ok(())))));
    }

    async fn large_chunks_share_a_vectored_write<R: Runtime>() {
        let (handoff, mut task, log) = willing(unflushed());
        for byte in *b"abc" {
            handoff.try_write_fire_and_forget(filled(byte, 2000)).unwrap();
        }
        assert_eq!(handoff.pending_items(), 3);
        task.run();
        assert_eq!(log.calls(), [Call::WriteVectored { slices: 3, offered: 6000 }]);
        assert_eq!(log.written(), [[b'a'; 2000], [b'b'; 2000], [b'c'; 2000]].concat());
    }

    /// More chunks than one vectored write may have.
    async fn many_chunks_take_few_calls<R: Runtime>() {
        let (handoff, mut task, log) = willing(ungathered(1000, 10_000));
        let sent = pattern(200);
        for byte in &sent {
            handoff.try_write_fire_and_forget(Bytes::copy_from_slice(&[*byte])).unwrap();
        }
        task.run();
        assert_eq!(log.written(), sent);
        assert!(log.calls().len() <= 4, "{:?}", log.calls());
    }

    async fn held_bytes_leave_at_the_threshold<R: Runtime>() {
        let (handoff, mut task, log) = willing(direct_limits(64, 64).with_send_at(4).unwrap());
        put(&handoff, "abc");
        assert!(log.is_empty());
        put(&handoff, "d");
        assert_eq!(log.calls(), [Call::Write { offered: 4 }], "one write, by the producer");
        put(&handoff, "e");
        assert_eq!(log.written(), b"abcd", "and holding starts anew");
        task.run();
        assert_eq!(log.written(), b"abcde");
        let stats = handoff.stats();
        assert_eq!((stats.chunks, stats.write_calls, stats.inline_write_calls), (3, 2, 1));
    }

    async fn a_large_chunk_takes_the_held_ones_along<R: Runtime>() {
        let (handoff, _task, log) = willing(direct_limits(64, 64).with_send_at(16).unwrap().with_copy_max(8).unwrap());
        put(&handoff, "held ");
        put(&handoff, "large enough to be sent");
        assert_eq!(log.calls(), [Call::WriteVectored { slices: 2, offered: 28 }]);
        assert_eq!(log.written(), b"held large enough to be sent");
    }

    async fn a_threshold_of_zero_sends_every_chunk_at_once<R: Runtime>() {
        let (handoff, _task, log) = willing(direct().with_send_at(0).unwrap());
        for part in ["a", "bb", "ccc"] {
            handoff.try_write_fire_and_forget(text(part)).unwrap();
        }
        let calls = [1, 2, 3].map(|offered| Call::Write { offered });
        assert_eq!(log.calls(), calls);
    }

    async fn a_copy_limit_of_zero_copies_nothing<R: Runtime>() {
        let (handoff, mut task, log) = willing(unflushed().with_copy_max(0).unwrap());
        for part in ["a", "bb", "ccc"] {
            handoff.try_write_fire_and_forget(text(part)).unwrap();
        }
        assert_eq!(handoff.pending_items(), 3);
        task.run();
        assert_eq!(log.calls(), [Call::WriteVectored { slices: 3, offered: 6 }]);
    }

    async fn a_chunk_of_the_copy_limit_is_copied_and_a_longer_one_is_not<R: Runtime>() {
        let (handoff, mut task, _log) = willing(unflushed().with_copy_max(10).unwrap());
        let ((copied, copied_freed), (kept, kept_freed)) =
            (Block::bytes(vec![1; 10]), Block::bytes(vec![2; 11]));
        handoff.try_write_fire_and_forget(copied).unwrap();
        handoff.try_write_fire_and_forget(kept).unwrap();
        assert_eq!((copied_freed.get(), kept_freed.get()), (true, false));
        task.run();
        assert!(kept_freed.get());
    }

    /// A burst of small writes larger than any gather block keeps its order and stays in few calls.
    async fn a_long_burst_of_small_writes_stays_in_order<R: Runtime>() {
        let config = limits(1024, 1 << 20).with_inline(Inline::Never).with_flush_when_idle(false);
        let (handoff, mut task, log) = willing(config);
        let sent = pattern(100_000);
        for round in 1..4 {
            for part in sent.chunks(37) {
                handoff.try_write_fire_and_forget(Bytes::copy_from_slice(part)).unwrap();
            }
            assert!(handoff.pending_items() < 20, "{} items", handoff.pending_items());
            task.run();
            assert_eq!(log.calls().len(), round, "one vectored call each");
        }
        assert!(log.written() == sent.repeat(3));
    }

    /// Nothing is to be written then, and so there is nothing to wake the task for.
    async fn a_barrier_on_an_idle_stream_wakes_nobody<R: Runtime>() {
        let (handoff, task, _log) = willing(unflushed());
        let barrier = handoff.try_write(Bytes::new()).unwrap();
        assert!(matches!(barrier.try_result(), Some(Ok(()))));
        assert!(!task.is_due());
    }

    /// A burst that fills blocks of 1 KiB gets larger ones. One chunk that is longer than a block is no burst.
    async fn blocks_grow_once_a_burst_fills_them<R: Runtime>() {
        let config = || unflushed().with_copy_max(4096).unwrap().with_inline(Inline::Never);
        for (before, items) in [(vec![2000], 2), (vec![600; 7], 1)] {
            let (handoff, mut task, _log) = willing(config());
            put_each(&handoff, 0, before.clone());
            task.run();
            put_each(&handoff, 1, [600; 2]);
            assert_eq!(handoff.pending_items(), items);
            task.run();
        }
    }

    /// What a task that comes back to a stalled writer takes joins the block that is there already, if it fits.
    async fn what_comes_while_the_writer_stalls_joins_the_last_block<R: Runtime>() {
        for (more, items) in [(1000, 1), (1001, 2)] {
            let (handoff, mut task, log, gate) = gated(unflushed().with_inline(Inline::Never));
            handoff.try_write_fire_and_forget(filled(0, 24)).unwrap();
            task.run();
            handoff.try_write_fire_and_forget(filled(1, more)).unwrap();
            assert_eq!(handoff.pending_items(), 2);
            task.wake();
            task.run();
            assert_eq!(handoff.pending_items(), items, "{more}");
            gate.open();
            task.run();
            assert_eq!(log.written(), [vec![0; 24], vec![1; more]].concat());
        }
    }

    async fn a_writer_without_vectored_writes_gets_few_calls<R: Runtime>() {
        let writer = ScriptWriter::willing().not_vectored();
        let log = writer.log();
        let (handoff, mut task) = stream(writer, unflushed().with_inline(Inline::Never));
        let sent = pattern(64 * 1100);
        for part in sent.chunks(1100) {
            handoff.try_write_fire_and_forget(Bytes::copy_from_slice(part)).unwrap();
        }
        task.run();
        assert!(log.written() == sent);
        assert!(log.calls().len() <= 10, "64 chunks took {} calls", log.calls().len());
        assert_eq!(handoff.pending_items(), 0);

        // Having been found out, it is given single slices.
        let vectored = log.vectored_writes();
        for part in sent.chunks(1100) {
            handoff.try_write_fire_and_forget(Bytes::copy_from_slice(part)).unwrap();
        }
        task.run();
        assert_eq!(log.vectored_writes(), vectored);
        assert!(log.written() == sent.repeat(2));
    }

    /// It has taken more than the first slice once. Short writes that end at a border by chance make no difference then.
    async fn a_vectored_writer_is_not_mistaken<R: Runtime>() {
        let steps = [12, 10, 11, 11, 11, 11].map(WriteStep::Accept);
        let (handoff, mut task, log) = scripted(steps, ungathered(64, 1024));
        for byte in b'a'..=b'j' {
            handoff.try_write_fire_and_forget(filled(byte, 11)).unwrap();
        }
        task.run();
        assert_eq!(log.writes(), 0, "{:?}", log.calls());
        assert_eq!(log.len(), 110);
    }

    /// Nor does one short write or two of them before it has shown what it can do.
    async fn a_vectored_writer_is_given_some_chances<R: Runtime>() {
        let (handoff, mut task, log) = scripted([11, 11].map(WriteStep::Accept), ungathered(64, 1024));
        for byte in b'a'..=b'j' {
            handoff.try_write_fire_and_forget(filled(byte, 11)).unwrap();
        }
        task.run();
        assert_eq!(log.calls()[2..], [Call::WriteVectored { slices: 8, offered: 88 }]);
    }

    /// A short write that ends inside a slice says nothing, and so does one that takes all that was offered.
    async fn only_takes_of_exactly_the_first_slice_count<R: Runtime>() {
        // Of chunks of 11 bytes, two at a time: inside the first, to its end, the second.
        let (handoff, mut task, log) =
            scripted([5, 6, 11, 5, 6, 11, 3, 2, 1].map(WriteStep::Accept), ungathered(64, 1024));
        for _ in 0..2 {
            put_each(&handoff, 0, [11; 2]);
            task.run();
        }
        put_each(&handoff, 0, [11; 3]);
        task.run();
        assert_eq!(log.calls()[6..], [33, 30, 28, 27].map(|offered| Call::WriteVectored { slices: 3, offered }));
    }

    async fn a_take_counts_as_exact_by_what_was_left_of_the_first_slice<R: Runtime>() {
        let (handoff, mut task, log) = scripted([5, 6, 11, 11].map(WriteStep::Accept), ungathered(64, 1024));
        put_each(&handoff, 0, [11; 6]);
        task.run();
        assert_eq!(log.calls()[4..], [Call::Write { offered: 33 }], "three takes of it were exact");
    }

    /// For a writer that was found out, up to 16 KiB are copied together, unless there is much of the first chunk.
    async fn without_vectored_writes_small_chunks_are_merged<R: Runtime>() {
        const MAX: usize = 16 * 1024;
        // The first four find it out.
        let short = |n| [1, 1, 1, 1, n].map(WriteStep::Accept);
        let all = || short(usize::MAX);
        for (steps, chunks, calls) in [
            (all(), vec![10, 10], vec![20]),
            (all(), vec![MAX / 2, MAX / 2], vec![MAX]),
            (all(), vec![MAX / 2, MAX / 2 + 1], vec![MAX / 2, MAX / 2 + 1]),
            (all(), vec![MAX / 2 + 1, 10], vec![MAX / 2 + 1, 10]),
            (all(), vec![8000, 8000, 8000], vec![16_000, 8000]),
            // What is written of the first one counts no more.
            (short(101), vec![MAX / 2 + 1, MAX / 2 + 100], vec![MAX / 2 + 1, MAX]),
        ] {
            let (handoff, mut task, log) = scripted(steps, ungathered(64, 1 << 20));
            put_each(&handoff, 0, [1; 4]);
            task.run();
            let before = log.calls().len();
            put_each(&handoff, 1, chunks.clone());
            task.run();
            let offered: Vec<_> = calls.into_iter().map(|offered| Call::Write { offered }).collect();
            assert_eq!(log.calls()[before..], offered, "{chunks:?}");
            assert_eq!((log.len(), handoff.pending_items()), (4 + chunks.iter().sum::<usize>(), 0));
        }
    }

    async fn a_producer_sends_before_it_waits_for_room<R: Runtime>() {
        let (handoff, task, log) = willing(limits(8, 8));
        put(&handoff, "held5");
        assert!(handoff.try_write(text("fills")).unwrap_err().is_full(), "a write that never waits does not");
        handoff.write(text("fills")).now_or_never().expect("it makes the room itself").unwrap();
        assert_eq!(log.written(), b"held5");
        let permit = handoff.reserve(8).now_or_never().expect("and so does a reservation").unwrap();
        assert_eq!(log.written(), b"held5fills");
        drop((permit, task));
    }

    /// Where it may poll the writer; elsewhere it tells whether the peer is slow or the task just had no turn.
    async fn a_write_that_never_waits_makes_room_first<R: Runtime>() {
        let (handoff, _task, log) = willing(direct_limits(8, 8));
        put(&handoff, "held5");
        put(&handoff, "fills");
        assert_eq!(log.written(), b"held5");
        drop(handoff.try_write_all([text("parts"), text("...")]).unwrap());
        handoff.try_write_prefix(&mut holding(b"prefix"), 6).unwrap();
        drop(handoff.try_reserve(8).unwrap());
        assert_eq!(log.written(), b"held5fillsparts...prefix");

        let is_stalled = |handoff: &WriteHandoff<ScriptWriter>| match handoff.try_write(text("fills")) {
            Err(TryWriteError::Full { bytes, stalled }) if bytes == "fills" => {
                assert!(matches!(handoff.try_reserve(5), Err(PermitError::Full { stalled: same }) if same == stalled));
                stalled
            }
            other => panic!("{other:?}"),
        };
        let (handoff, mut task, log, gate) = gated(limits(8, 8));
        put(&handoff, "held5");
        assert!(!is_stalled(&handoff), "the task has had no turn");
        assert_eq!(log.calls(), []);
        task.run();
        assert!(is_stalled(&handoff), "the writer was asked, and took nothing");
        gate.open();
        task.run();
        put(&handoff, "fills");
        assert!(!is_stalled(&handoff), "it has taken something since");
        task.run();

        let (handoff, mut task, _log, gate) = gated(direct_limits(8, 8));
        put(&handoff, "held5");
        assert!(is_stalled(&handoff), "this producer has asked it");
        gate.open();
        task.run();
    }

    async fn dispatch_sends_what_is_held_now<R: Runtime>() {
        let (handoff, task, log) = willing(direct());
        handoff.dispatch();
        assert_eq!(log.calls(), [], "there is nothing to send");
        put(&handoff, "now");
        handoff.dispatch();
        assert_eq!(log.written(), b"now");
        drop(task);

        // Where the producer may not poll the writer, the task does it.
        let (handoff, mut task, log) = willing(unflushed());
        put(&handoff, "then");
        handoff.dispatch();
        assert_eq!((log.calls(), task.is_due()), (vec![], true));
        task.run();
        assert_eq!(log.written(), b"then");
    }

    async fn written_is_a_barrier_that_sends<R: Runtime>() {
        let (handoff, mut task, log, gate) = gated(direct());
        assert!(matches!(handoff.written().try_result(), Some(Ok(()))), "nothing is pending");
        put(&handoff, "a");
        let written = handoff.written();
        assert!(gate.is_reached(), "the producer tried to send");
        let mut written = Hand::waiting(written);
        put(&handoff, "later");
        gate.open();
        task.run();
        assert!(written.run().unwrap().is_ok());
        assert_eq!(log.flushes(), 0, "it does not flush");
    }

    /// Also one that is moved to another stream's task, woken late, or polled too often, sends each byte once.
    async fn spurious_polls_of_the_task_do_no_harm<R: Runtime>() {
        let (handoff, task) = WriteHandoff::new(ScriptWriter::seeded(7), unflushed());
        let (handoff, mut task) = (Settled(handoff), Box::pin(task));
        let log = handoff.with_writer(|writer| writer.log()).unwrap();
        let sent = pattern(5000);
        let mut context = futures_test::task::noop_context();
        for part in sent.chunks(100) {
            handoff.try_write_fire_and_forget(Bytes::copy_from_slice(part)).unwrap();
            assert!(task.as_mut().poll(&mut context).is_pending());
        }
        while handoff.pending_bytes() > 0 {
            assert!(task.as_mut().poll(&mut context).is_pending());
        }
        assert!(log.written() == sent);
    }
}
