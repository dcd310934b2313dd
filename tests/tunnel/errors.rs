//! Sides that fail: which bytes are still carried, what is not closed, and the report.

use super::support::*;
use ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, TimedOut, WriteZero};

runtimes::watched_tests! {
    /// What was read is written and flushed although the writer is slow to take it.
    fn what_came_before_an_error_is_delivered_and_flushed_first_and_nothing_is_closed() {
        for (mirrored, pieces) in
            [false, true].into_iter().flat_map(|mirrored| [0, 1, 5].map(|pieces| (mirrored, pieces)))
        {
            let (gate, flushing) = (Gate::new(), Gate::new());
            let sent = payload(pieces * 10_000);
            let steps = sent.chunks(10_000).map(ReadStep::data).chain([ReadStep::Error(ConnectionReset)]);
            let writer = ScriptWriter::new([WriteStep::Wait(gate.clone())]).buffering(1 << 20);
            let (near, at_near) = side(steps, ScriptWriter::willing());
            let (far, at_far) =
                side([ReadStep::stuck()], writer.with_flush([EndStep::Wait(flushing.clone())]));
            let mut running = outcome(near, far, mirrored);
            assert!(running.run().is_none());
            gate.open();
            assert!(running.run().is_none(), "the flush is waited for");
            flushing.open();
            let expected = ((sent.len() as u64, Ended::Read(ConnectionReset)), (0, Ended::Unfinished));
            assert_eq!(running.run(), Some(expected));
            assert!(at_far.written() == sent && at_far.passed() == sent.len());
            assert_eq!((at_far.closes(), at_near.closes()), (0, 0));
        }
    }

    fn after_a_writer_fails_the_other_direction_goes_on_and_what_comes_for_it_is_read_and_dropped() {
        let failures = [
            (WriteStep::Error(BrokenPipe), BrokenPipe, 0),
            (WriteStep::Zero, WriteZero, 0),
            (WriteStep::OverReport(1), ErrorKind::InvalidData, 0),
        ];
        for (mirrored, (failure, kind, written)) in
            [false, true].into_iter().flat_map(|mirrored| failures.clone().map(|f| (mirrored, f)))
        {
            for (first, rest) in [(10, 100), (5000, 700_000)] {
                let (answering, asking) = (Gate::new(), Gate::new());
                let question = [
                    ReadStep::data(payload(first)),
                    ReadStep::Wait(asking.clone()),
                    ReadStep::data(payload(rest)),
                ];
                let (near, at_near) = side(question, ScriptWriter::seeded(7));
                let reads = near.reader.log();
                let answer = [ReadStep::Wait(answering.clone()), ReadStep::data(payload(90_000))];
                let (far, at_far) = side(answer, ScriptWriter::new([failure.clone()]));
                let mut running = outcome(near, far, mirrored);
                assert!(running.run().is_none());
                let before = reads.polls();
                asking.open();
                assert!(running.run().is_none());
                assert!(reads.polls() > before + 1, "what comes is read, to its end");
                let at_end = reads.polls();
                answering.open();
                let there = (written, Ended::Write(kind));
                assert_eq!(running.run(), Some((there, (90_000, Ended::Closed))));
                assert!(at_near.written() == payload(90_000) && at_near.is_closed());
                assert_eq!(
                    (at_far.writes() + at_far.vectored_writes(), at_far.flushes(), at_far.closes()),
                    (1, 0, 0)
                );
                assert_eq!(reads.polls(), at_end, "its end was seen once");
            }
        }
    }

    /// The kernel reports a reset once. If a write gets it, the next read returns an end.
    fn the_end_of_a_side_after_its_writer_was_reset_is_no_orderly_end() {
        for (mirrored, kind) in
            [false, true].into_iter().flat_map(|mirrored| [ConnectionReset, ConnectionAborted].map(|k| (mirrored, k)))
        {
            for arrived in [0, 11, 100_000] {
                let gate = Gate::new();
                let (near, at_near) = side([ReadStep::data("question"), ReadStep::stuck()], ScriptWriter::willing());
                let answer = [ReadStep::Wait(gate.clone()), ReadStep::data(payload(arrived))];
                let (far, _) = side(answer, ScriptWriter::new([WriteStep::Error(kind)]));
                let mut running = outcome(near, far, mirrored);
                assert!(running.run().is_none());
                gate.open();
                let back = (arrived as u64, Ended::Read(kind));
                assert_eq!(running.run(), Some(((0, Ended::Write(kind)), back)));
                assert!(at_near.written() == payload(arrived) && at_near.passed() == arrived);
                assert_eq!(at_near.closes(), 0);
            }
        }
    }

    /// The end was read before the writer was reset, and is being passed on.
    fn an_end_from_before_the_reset_is_orderly() {
        for mirrored in [false, true] {
            let (ending, closing) = (Gate::new(), Gate::new());
            let (near, at_near) = side(
                [ReadStep::data("more"), ReadStep::Wait(ending.clone()), ReadStep::data("question"), ReadStep::stuck()],
                ScriptWriter::willing().with_close([EndStep::Wait(closing.clone())]),
            );
            let (far, _) = side(
                [ReadStep::data("answer")],
                ScriptWriter::new([WriteStep::Accept(4), WriteStep::Error(ConnectionReset)]),
            );
            let mut running = outcome(near, far, mirrored);
            assert!(running.run().is_none());
            ending.open();
            assert!(running.run().is_none());
            closing.open();
            assert_eq!(running.run(), Some(((4, Ended::Write(ConnectionReset)), (6, Ended::Closed))));
            assert!(at_near.is_closed());
        }
    }

    fn a_flush_or_a_close_that_fails_is_an_error_of_the_writer() {
        for (closing, mirrored) in [(false, false), (false, true), (true, false), (true, true)] {
            let writer = if closing {
                ScriptWriter::willing().with_close([EndStep::Error(BrokenPipe)])
            } else {
                ScriptWriter::willing().with_flush([EndStep::Error(BrokenPipe)])
            };
            let gate = Gate::new();
            let (near, at_near) =
                side([ReadStep::data("question"), ReadStep::Pending], ScriptWriter::willing());
            let (far, at_far) = side([ReadStep::Wait(gate.clone()), ReadStep::data("answer")], writer);
            let mut running = outcome(near, far, mirrored);
            assert!(running.run().is_none());
            gate.open();
            assert_eq!(running.run(), Some(((8, Ended::Write(BrokenPipe)), (6, Ended::Closed))));
            assert_eq!((at_far.flushes(), at_far.closes()), (1, usize::from(closing)));
            assert!(at_near.is_closed());
        }
    }

    /// Nothing is left that could take the answer, whether the error comes before or after that of
    /// the writer.
    fn a_reader_that_fails_ends_the_tunnel_although_its_writer_has_failed_too() {
        for (mirrored, len) in
            [false, true].into_iter().flat_map(|mirrored| [1, 3000, 100_000].map(|len| (mirrored, len)))
        {
            let gate = Gate::new();
            let (near, _) = side(
                [ReadStep::data(payload(len)), ReadStep::Error(ConnectionReset)],
                ScriptWriter::willing(),
            );
            let (far, _) = side(
                [ReadStep::stuck()],
                ScriptWriter::new([WriteStep::Wait(gate.clone()), WriteStep::Error(BrokenPipe)]),
            );
            let mut running = outcome(near, far, mirrored);
            assert!(running.run().is_none());
            gate.open();
            assert_eq!(
                running.run(),
                Some(((0, Ended::Read(ConnectionReset)), (0, Ended::Unfinished))),
                "what came first is told"
            );

            let (near, _) = side(
                [ReadStep::data(payload(len)), ReadStep::Pending, ReadStep::Error(ConnectionReset)],
                ScriptWriter::willing(),
            );
            let (far, _) = side([ReadStep::stuck()], ScriptWriter::new([WriteStep::Error(BrokenPipe)]));
            assert_eq!(
                outcome(near, far, mirrored).run(),
                Some(((0, Ended::Write(BrokenPipe)), (0, Ended::Unfinished)))
            );
        }
    }

    fn impossible_counts_of_a_reader_are_its_errors_and_show_nothing_of_what_it_was_offered() {
        for before in [0, 10, 5000] {
            let steps = [ReadStep::data(payload(before)), ReadStep::OverReport(1)];
            let (near, _) = side(steps.into_iter().skip(usize::from(before == 0)), ScriptWriter::willing());
            let (far, at_far) = silent();
            let expected = ((before as u64, Ended::Read(ErrorKind::Other)), (0, Ended::Unfinished));
            assert_eq!(outcome(near, far, false).run(), Some(expected));
            assert!(at_far.written() == payload(before) && at_far.closes() == 0);
        }
    }

    fn the_result_is_the_first_error_or_else_both_numbers() {
        type Steps = (Vec<ReadStep>, Vec<WriteStep>);
        let says = |then: &[ReadStep]| [&[ReadStep::data("abc")], then].concat();
        let breaks = || vec![WriteStep::Error(BrokenPipe)];
        let plain = || -> Steps { (says(&[]), vec![]) };
        let fails = |kind| -> Steps { (says(&[ReadStep::Pending, ReadStep::Error(kind)]), vec![]) };
        let broken = || -> Steps { (says(&[]), breaks()) };
        let quiet = || -> Steps { (says(&[ReadStep::stuck()]), vec![]) };
        let quiet_broken = || -> Steps { (vec![ReadStep::stuck()], breaks()) };
        let cases = [
            (plain(), plain(), Ok((3, 3))),
            (fails(ConnectionReset), plain(), Err(ConnectionReset)),
            (plain(), fails(ConnectionReset), Err(ConnectionReset)),
            (fails(ConnectionReset), fails(ConnectionAborted), Err(ConnectionReset)),
            (fails(ConnectionAborted), fails(ConnectionReset), Err(ConnectionAborted)),
            (broken(), plain(), Err(BrokenPipe)),
            (plain(), broken(), Err(BrokenPipe)),
            (broken(), broken(), Err(BrokenPipe)),
            (broken(), fails(ConnectionReset), Err(BrokenPipe)),
            (fails(ConnectionReset), broken(), Err(BrokenPipe)),
            (quiet(), quiet(), Err(TimedOut)),
            (quiet(), plain(), Err(TimedOut)),
            (plain(), quiet(), Err(TimedOut)),
            (quiet(), quiet_broken(), Err(BrokenPipe)),
            (quiet_broken(), quiet(), Err(BrokenPipe)),
        ];
        for (number, ((reads_a, writes_a), (reads_b, writes_b), expected)) in cases.into_iter().enumerate() {
            let (a, at_a) = side(reads_a, ScriptWriter::new(writes_a));
            let (b, at_b) = side(reads_b, ScriptWriter::new(writes_b));
            let mut tunnel = Tunnel::new(a, b);
            // A period that ends after everything that the scripts can do without waiting.
            let period = || async {
                for _ in 0..3 {
                    pending_once().await
                }
            };
            let report = Hand::new(tunnel.run_with_idle(period)).run().unwrap();
            assert_eq!(tunnel.bytes(), (at_b.len() as u64, at_a.len() as u64), "{number}");
            assert_eq!((report.a_to_b.bytes, report.b_to_a.bytes), tunnel.bytes(), "{number}");
            assert_eq!(report.into_result().map_err(|error| error.kind()), expected, "{number}");
        }
    }

    /// A second call would close a writer again, or one whose stream was truncated.
    fn nothing_runs_again_after_its_end() {
        for steps in
            [vec![ReadStep::data("abc")], vec![ReadStep::data("abc"), ReadStep::Error(ConnectionReset)]]
        {
            let ((near, _), (far, at_far)) =
                (side(steps.clone(), ScriptWriter::willing()), side([], ScriptWriter::willing()));
            let mut tunnel = Tunnel::new(near, far);
            Hand::new(tunnel.run()).run().unwrap();
            let closes = at_far.closes();
            assert!(runs_again(Hand::new(tunnel.run())).contains("has already ended"));
            assert!(
                runs_again(Hand::new(tunnel.run_with_idle(std::future::pending)))
                    .contains("has already ended")
            );
            assert_eq!(at_far.closes(), closes);

            let (near, log) = side(steps, ScriptWriter::willing());
            let mut forward = Forward::new(near.reader, near.writer);
            Hand::new(forward.run()).run().unwrap();
            assert!(runs_again(Hand::new(forward.run())).contains("has already ended"));
            assert_eq!(log.closes(), closes);
        }
    }

    /// Of one direction alone the bytes that its writer refused come back.
    fn what_a_failed_writer_has_not_taken_is_unwritten() {
        for len in [1, 2047, 2048, 5000] {
            let steps = [WriteStep::Accept(1), WriteStep::Error(BrokenPipe)];
            let skip = usize::from(len == 1);
            let (near, log) =
                side([ReadStep::data(payload(len))], ScriptWriter::new(steps.into_iter().skip(skip)));
            let mut forward = Forward::new(near.reader, near.writer);
            let transfer = Hand::new(forward.run()).run().unwrap();
            assert_eq!(ended(&transfer), Ended::Write(BrokenPipe));
            let (reader, _, unwritten) = forward.into_parts();
            assert!([&log.written(), &unwritten[..]].concat() == payload(len)[..reader.given()], "{len}");
        }
    }
}

async fn pending_once() {
    futures_test::future::FutureTestExt::pending_once(std::future::ready(())).await;
}

/// The message of the panic.
fn runs_again<F: Future>(mut hand: Hand<F>) -> String {
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(hand.run()))).unwrap_err();
    (*panic.downcast::<&str>().unwrap()).to_owned()
}
