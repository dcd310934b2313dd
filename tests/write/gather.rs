//! When bytes are sent, and in how many calls.

use super::support::*;

runtimes::tests! {
    /// A limit of one entry still lets small writes gather, with tickets and without.
    async fn small_writes_are_held_and_leave_as_one<R: Runtime>() {
        let (handoff, mut task, log) = willing(limits(1, 4096).with_flush_when_idle(false));
        put_each(&handoff, 0, [10; 50]);
        let tickets: Vec<_> = (0..10).map(|i| handoff.try_write(filled(i, 10)).unwrap()).collect();
        assert_eq!(log.calls(), [], "they are held until the producer waits");
        assert_eq!((handoff.pending_bytes(), handoff.stats().pending_items), (600, 1));
        assert!(handoff.try_write(filled(0, 2000)).unwrap_err().is_full(), "this needs an entry of its own");
        task.run();
        assert_eq!(log.calls(), [Call::Write { offered: 600 }]);
        assert!(tickets.iter().all(|ticket| matches!(ticket.try_result(), Some(Ok(())))));
    }

    async fn chunks_that_are_not_copied_share_a_vectored_write<R: Runtime>() {
        for (copy_max, lens) in [(1024, [2000, 2001, 2002]), (0, [1, 2, 3])] {
            let (handoff, mut task, log) = willing(unflushed().with_copy_max(copy_max));
            put_each(&handoff, 1, lens);
            assert_eq!(handoff.stats().pending_items, 3, "{lens:?}");
            task.run();
            assert_eq!(log.calls(), [Call::WriteVectored { slices: 3, offered: lens.iter().sum() }]);
        }
    }

    async fn held_bytes_leave_with_the_one_that_reaches_the_threshold<R: Runtime>() {
        let write = |offered| Call::Write { offered };
        let both = Call::WriteVectored { slices: 2, offered: 28 };
        let (at_4, at_16) = (direct_limits(64, 64).with_send_at(4), direct_limits(64, 64).with_send_at(16));
        let (parts, large) = (["abc", "d", "e"], ["held ", "large enough to be sent"]);
        let cases: [(_, _, &[&'static str], &[Call], _); 3] = [
            ("one write, and holding starts anew", at_4, &parts, &[write(4)], 1),
            ("what is not copied", at_16.with_copy_max(8), &large, &[both], 0),
            ("each at once", at_4.with_send_at(0), &parts, &[write(3), write(1), write(1)], 0),
        ];
        for (case, config, parts, calls, left) in cases {
            let (handoff, mut task, log) = willing(config);
            for (n, part) in parts.iter().enumerate() {
                put(&handoff, part);
                assert!(n > 0 || calls.len() == parts.len() || log.is_empty(), "{case}");
            }
            assert_eq!((log.calls(), handoff.pending_bytes()), (calls.to_vec(), left), "{case}");
            task.run();
            assert_eq!(log.written(), parts.concat().into_bytes(), "{case}");
        }
    }

    async fn counters_add_up<R: Runtime>() {
        let (handoff, mut task, _log) = scripted([WriteStep::Accept(3)], ungathered(8, 64));
        put(&handoff, "abcd");
        put(&handoff, "");
        task.run();
        let mut flush = Hand::waiting(handoff.flush());
        task.run();
        assert!(flush.run().unwrap().is_ok());
        put(&handoff, "efg");
        let stats = handoff.stats();
        assert_eq!((stats.chunks, stats.accepted, stats.written, stats.flushed), (3, 7, 4, 4));
        assert_eq!((stats.write_calls, stats.inline_write_calls, stats.flush_calls), (2, 0, 1));
        task.run();

        let (handoff, mut task, _log) = willing(direct_limits(64, 64).with_send_at(4));
        ["abc", "d", "e"].iter().for_each(|part| put(&handoff, part));
        task.run();
        let stats = handoff.stats();
        assert_eq!((stats.chunks, stats.write_calls, stats.inline_write_calls), (3, 2, 1));
    }

    /// More chunks than one vectored write can hold.
    async fn many_chunks_take_few_calls<R: Runtime>() {
        let (handoff, mut task, log) = willing(ungathered(1000, 10_000));
        put_each(&handoff, 1, [1; 200]);
        task.run();
        assert_eq!(log.len(), 200);
        assert!(log.calls().len() <= 4, "{:?}", log.calls());
    }

    async fn a_chunk_of_the_copy_limit_is_copied_and_a_longer_one_is_not<R: Runtime>() {
        let (handoff, mut task, _log) = willing(unflushed().with_copy_max(10));
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
            assert!(handoff.stats().pending_items < 20, "{} items", handoff.stats().pending_items);
            task.run();
            assert_eq!(log.calls().len(), round, "one vectored call each");
        }
        assert!(log.written() == sent.repeat(3));
    }

    /// A burst that fills blocks of 1 KiB gets larger ones. One chunk that is longer than a block
    /// is no burst.
    async fn blocks_grow_once_a_burst_fills_them<R: Runtime>() {
        for (before, items) in [(vec![2000], 2), (vec![600; 7], 1)] {
            let (handoff, mut task, _log) =
                willing(unflushed().with_copy_max(4096).with_inline(Inline::Never));
            put_each(&handoff, 0, before);
            task.run();
            put_each(&handoff, 1, [600, 600]);
            assert_eq!(handoff.stats().pending_items, items);
            task.run();
        }
    }

    /// When the task comes back to a stalled writer, the bytes that it takes join the block it has
    /// already, if they fit.
    async fn what_comes_while_the_writer_stalls_joins_the_last_block<R: Runtime>() {
        for (more, items) in [(1000, 1), (1001, 2)] {
            let (handoff, mut task, log, gate) = gated(unflushed().with_inline(Inline::Never));
            put_each(&handoff, 0, [24]);
            task.run();
            put_each(&handoff, 1, [more]);
            assert_eq!(handoff.stats().pending_items, 2);
            task.wake();
            task.run();
            assert_eq!(handoff.stats().pending_items, items, "{more}");
            gate.open();
            task.run();
            assert_eq!(log.written(), [vec![0; 24], vec![1; more]].concat());
        }
    }

    async fn a_writer_without_vectored_writes_gets_few_calls<R: Runtime>() {
        let writer = ScriptWriter::willing().not_vectored();
        let (handoff, mut task, log) = over(writer, unflushed().with_inline(Inline::Never));
        put_each(&handoff, 1, [1100; 64]);
        task.run();
        assert_eq!((log.len(), handoff.stats().pending_items), (64 * 1100, 0));
        assert!(log.calls().len() <= 10, "64 chunks took {} calls", log.calls().len());
        // The writer is detected, and gets single slices.
        let vectored = log.vectored_writes();
        put_each(&handoff, 2, [1100; 64]);
        task.run();
        assert_eq!(log.vectored_writes(), vectored);
        assert!(log.written() == [[1; 64 * 1100], [2; 64 * 1100]].concat());
    }

    /// How much a writer takes of chunks of 11 bytes, and how the rest is offered to it.
    async fn a_writer_is_found_out_by_takes_of_exactly_the_first_slice_alone<R: Runtime>() {
        let vectored = |slices, offered| Call::WriteVectored { slices, offered };
        let few = [33, 30, 28, 27].map(|offered| vectored(3, offered));
        type Case<'a> = (&'a str, &'a [usize], &'a [usize], usize, &'a [Call]);
        let cases: [Case<'_>; 4] = [
            ("it has taken more once", &[12, 10, 11, 11, 11, 11], &[10], 6, &[vectored(4, 44)]),
            ("two such takes are chance", &[11, 11], &[10], 2, &[vectored(8, 88)]),
            ("inside of it, or all there is", &[5, 6, 11, 5, 6, 11, 3, 2, 1], &[2, 2, 3], 6, &few),
            ("three were of what was left of it", &[5, 6, 11, 11], &[6], 4, &[Call::Write { offered: 33 }]),
        ];
        for (why, takes, rounds, from, calls) in cases {
            let steps = takes.iter().map(|n| WriteStep::Accept(*n));
            let (handoff, mut task, log) = scripted(steps, ungathered(64, 1024));
            for chunks in rounds {
                put_each(&handoff, 0, vec![11; *chunks]);
                task.run();
            }
            assert_eq!(log.calls()[from..], *calls, "{why}");
        }
    }

    /// For a writer without vectored writes, up to 16 KiB are copied together, unless the first
    /// chunk is large.
    async fn without_vectored_writes_small_chunks_are_merged<R: Runtime>() {
        const MAX: usize = 16 * 1024;
        // The first four calls detect it.
        let short = |n| [1, 1, 1, 1, n].map(WriteStep::Accept);
        let all = || short(usize::MAX);
        for (steps, chunks, calls) in [
            (all(), vec![10, 10], vec![20]),
            (all(), vec![MAX / 2, MAX / 2], vec![MAX]),
            (all(), vec![MAX / 2, MAX / 2 + 1], vec![MAX / 2, MAX / 2 + 1]),
            (all(), vec![MAX / 2 + 1, 10], vec![MAX / 2 + 1, 10]),
            (all(), vec![8000, 8000, 8000], vec![16_000, 8000]),
            // The written part of the first chunk no longer counts.
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
            assert_eq!((log.len(), handoff.stats().pending_items), (4 + chunks.iter().sum::<usize>(), 0));
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

    /// If it may poll the writer. Otherwise the error says whether the peer is slow or the task was
    /// not polled.
    async fn a_write_that_never_waits_makes_room_first<R: Runtime>() {
        let (handoff, _task, log) = willing(direct_limits(8, 8));
        put(&handoff, "held5");
        put(&handoff, "fills");
        assert_eq!(log.written(), b"held5");
        handoff.try_write_chunks(&mut [text("parts"), text("...")]).unwrap();
        handoff.try_write_prefix(&mut holding(b"prefix"), 6).unwrap();
        drop(handoff.try_reserve(8).unwrap());
        assert_eq!(log.written(), b"held5fillsparts...prefix");

        let is_stalled = |handoff: &WriteHandoff<ScriptWriter>| match handoff.try_write(text("fills")) {
            Err(error) => {
                let &RejectReason::Full { writer_pending } = error.reason() else { panic!("{error:?}") };
                let same = handoff.try_reserve(5).map(drop);
                assert!(matches!(same, Err(RejectReason::Full { writer_pending: same }) if same == writer_pending));
                assert_eq!(error.into_bytes(), "fills");
                writer_pending
            }
            Ok(ticket) => panic!("{ticket:?}"),
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

        // If the producer may not poll the writer, the task does.
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
}
