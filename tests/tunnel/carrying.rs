//! Which bytes arrive, in which order, and what an end means for the other direction.

use super::support::*;

/// The length of an answer that comes before its question is complete.
const ANSWER: usize = 1 << 20;

/// Seeded sides: what each sends, and the records of both far ends.
fn seeded(seed: u64, says: &[u8]) -> (Side, WriteLog) {
    let writer =
        if seed % 3 == 0 { ScriptWriter::seeded(seed).not_vectored() } else { ScriptWriter::seeded(seed) };
    let log = writer.log();
    (Halves::new(ScriptReader::seeded(seed, says), writer), log)
}

runtimes::tests! {
    async fn what_was_given_first_goes_first_and_the_rest_in_order_both_ways<R: Runtime>() {
        for (seed, budget) in (0..40).zip([1, 100, 2047, 2048, 5000, 256 << 10].into_iter().cycle()) {
            let most = if budget < 2000 { 9_000 } else { 200_000 };
            let [there, back] = [seed, seed + 1].map(|n| payload(fastrand::Rng::with_seed(n).usize(..most)));
            let ((a, at_a), (b, at_b)) = (seeded(seed, &there), seeded(!seed, &back));
            let mut tunnel = Tunnel::new(a, b)
                .with_first_to_b(Bytes::from_static(b"one"))
                .with_first_to_b(Bytes::new())
                .with_budget(budget)
                .with_first_to_a(Bytes::from(payload(3000)))
                .with_first_to_b(Bytes::from_static(b"two"));
            let carried = tunnel.run().await.into_result().unwrap();
            let expected = ([b"onetwo", &there[..]].concat(), [&payload(3000), &back[..]].concat());
            assert_eq!(carried, (expected.0.len() as u64, expected.1.len() as u64));
            assert!(
                at_b.written() == expected.0 && at_a.written() == expected.1,
                "seed {seed}, budget {budget}"
            );
            for log in [at_a, at_b] {
                assert!(log.is_closed() && log.closes() == 1);
            }
        }
    }

    /// Each way round, and with the end in one read with the first bytes.
    async fn an_answer_arrives_long_after_the_question_has_ended<R: Runtime>() {
        for mirrored in [false, true] {
            let ((near, mut user), (far, mut server)) = (R::duplex(1000), R::duplex(1000));
            let serving = R::task(async move {
                let mut question = Vec::new();
                server.read_to_end(&mut question).await.unwrap();
                R::sleep(std::time::Duration::from_millis(20)).await;
                server.write_all(&payload(ANSWER)).await.unwrap();
                server.close().await.unwrap();
                question
            });
            user.write_all(b"question").await.unwrap();
            user.close().await.unwrap();
            let tunnel = R::task(async move {
                if mirrored {
                    Tunnel::new(far, near).run().await.into_result().map(|(back, there)| (there, back))
                } else {
                    Tunnel::new(near, far).run().await.into_result()
                }
            });
            let mut answer = Vec::new();
            user.read_to_end(&mut answer).await.unwrap();
            assert!(answer == payload(ANSWER), "{} bytes", answer.len());
            assert_eq!(serving.await, b"question");
            assert_eq!(tunnel.await.unwrap(), (8, ANSWER as u64));
        }
    }
}

runtimes::watched_tests! {
    fn a_direction_is_closed_at_once_when_its_reader_ends_and_the_other_one_stays_open() {
        for mirrored in [false, true] {
            let gate = Gate::new();
            let (near, at_near) = side([ReadStep::data("all")], ScriptWriter::willing());
            let (far, at_far) =
                side([ReadStep::Wait(gate.clone()), ReadStep::data("answer")], ScriptWriter::willing());
            let mut running = outcome(near, far, mirrored);
            assert!(running.run().is_none());
            assert!(at_far.is_closed() && at_far.written() == b"all" && !at_near.is_closed());
            gate.open();
            assert_eq!(running.run(), Some(((3, Ended::Closed), (6, Ended::Closed))));
            assert!(at_near.is_closed() && at_far.closes() == 1 && at_near.closes() == 1);
        }
    }

    /// A close that takes its time is polled to its end, and the other direction goes on meanwhile.
    fn a_close_that_waits_holds_up_nothing() {
        let (closing, gate) = (Gate::new(), Gate::new());
        let writer = ScriptWriter::willing().with_close([EndStep::Pending, EndStep::Wait(closing.clone())]);
        let (near, at_near) = side([ReadStep::data("all")], ScriptWriter::willing());
        let (far, at_far) = side([ReadStep::Wait(gate.clone()), ReadStep::data("answer")], writer);
        let mut running = outcome(near, far, false);
        assert!(running.run().is_none());
        gate.open();
        assert!(running.run().is_none() && at_near.is_closed() && !at_far.is_closed());
        closing.open();
        assert_eq!(running.run(), Some(((3, Ended::Closed), (6, Ended::Closed))));
    }

    fn one_direction_alone_carries_all_and_closes() {
        let (side, log) = side(
            [ReadStep::data(payload(70_000)), ReadStep::Pending, ReadStep::data("end")],
            ScriptWriter::seeded(1),
        );
        let mut forward =
            Forward::new(side.reader, side.writer).with_first(Bytes::from_static(b"first")).with_budget(1000);
        let transfer = Hand::new(forward.run()).run().unwrap();
        assert_eq!((transfer.bytes, ended(&transfer)), (70_008, Ended::Closed));
        assert!(log.written() == [b"first", &payload(70_000)[..], b"end"].concat() && log.closes() == 1);
        let (_, _, unwritten) = forward.into_parts();
        assert!(unwritten.is_empty());
    }

    /// The halves of a split connection are each called for what they do, vectored or not.
    fn halves_pass_every_call_on() {
        let (mut halves, log) = side([ReadStep::data("abcdef")], ScriptWriter::willing());
        let (mut one, mut two, mut bytes) = ([0; 2], [0; 2], [0; 1]);
        Hand::new(async {
            let n = halves
                .read_vectored(&mut [io::IoSliceMut::new(&mut one), io::IoSliceMut::new(&mut two)])
                .await
                .unwrap();
            halves.read_exact(&mut bytes).await.unwrap();
            assert_eq!(bytes[0], b"abcdef"[n]);
            assert_eq!(
                halves.write_vectored(&[io::IoSlice::new(b"x"), io::IoSlice::new(b"yz")]).await.unwrap(),
                3
            );
            halves.write_all(b"!").await.unwrap();
            halves.flush().await.unwrap();
            halves.close().await.unwrap();
        })
        .run()
        .unwrap();
        assert_eq!(
            (log.written(), log.flushed(), log.vectored_writes(), log.writes(), log.closes()),
            (b"xyz!".to_vec(), 4, 1, 1, 1)
        );
    }
}
