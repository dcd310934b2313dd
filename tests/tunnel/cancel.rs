//! A run that is dropped after every number of polls.

use super::support::*;
use futures_handoff_runtimes::cancel::at_every_poll;

const LENS: [(usize, usize); 3] = [(10, 3), (4000, 700), (9000, 30_000)];

type Slow = (Side, WriteLog);

/// Streams that are slow in every call, and what comes from both.
fn slow(seed: u64, (there, back): (usize, usize)) -> (Slow, Slow, Vec<u8>, Vec<u8>) {
    let side = |seed: u64, says: &[u8]| {
        let ends = || [EndStep::Pending, EndStep::Done, EndStep::Pending];
        let writer = ScriptWriter::seeded(seed).with_flush(ends()).with_close(ends());
        let log = writer.log();
        (Halves::new(ScriptReader::seeded(seed, says), writer), log)
    };
    let (there, back) = (payload(there), payload(back));
    (side(seed, &there), side(!seed, &back), there, back)
}

/// The bytes that a reader still has.
fn rest(mut reader: ScriptReader) -> Vec<u8> {
    let mut rest = Vec::new();
    Hand::new(reader.read_to_end(&mut rest)).run().unwrap().unwrap();
    rest
}

runtimes::watched_tests! {
    fn a_run_that_is_cancelled_and_continued_loses_nothing_and_has_nothing_twice() {
        for (seed, lens, idle) in (0..6).flat_map(|seed| LENS.map(|lens| (seed, lens, seed % 2 == 0))) {
            let most = at_every_poll(|cut| {
                let ((a, at_a), (b, at_b), there, back) = slow(seed, lens);
                let mut tunnel =
                    Tunnel::new(a, b).with_budget(6000).with_first_to_b(Bytes::from_static(b"first"));
                let report = if idle {
                    cut.run(tunnel.run_with_idle(std::future::pending), || false)
                } else {
                    cut.run(tunnel.run(), || false)
                };
                let report = report.unwrap_or_else(|| Hand::new(tunnel.run()).run().unwrap());
                let carried = (5 + there.len() as u64, back.len() as u64);
                assert_eq!(tunnel.bytes(), carried);
                assert_eq!(report.into_result().unwrap(), carried);
                assert!(at_b.written() == [b"first", &there[..]].concat() && at_a.written() == back);
                assert_eq!((at_a.closes(), at_b.closes()), (2, 2), "pending once, and then done");
            });
            assert!(most > 1, "it never waits");
        }
    }

    fn after_a_cancelled_run_the_parts_have_exactly_what_is_unwritten() {
        for (seed, lens) in (0..6).flat_map(|seed| LENS.map(|lens| (seed, lens))) {
            at_every_poll(|cut| {
                let ((a, at_a), (b, at_b), there, back) = slow(seed, lens);
                let mut tunnel =
                    Tunnel::new(a, b).with_budget(6000).with_first_to_b(Bytes::from_static(b"first"));
                cut.run(tunnel.run(), || false);
                let parts = tunnel.into_parts();
                let (a, b) = (rest(parts.a.reader), rest(parts.b.reader));
                assert!([&at_b.written(), &parts.to_b[..], &a].concat() == [b"first", &there[..]].concat());
                assert!([&at_a.written(), &parts.to_a[..], &b].concat() == back);
            });
        }
    }

    fn one_direction_alone_is_cancelled_as_both_are() {
        for (seed, lens) in (0..6).flat_map(|seed| LENS.map(|lens| (seed, lens))) {
            at_every_poll(|cut| {
                let ((a, at_a), _, there, _) = slow(seed, lens);
                let mut forward = Forward::new(a.reader, a.writer).with_first(Bytes::from_static(b"first"));
                let expected = [b"first", &there[..]].concat();
                if cut.run(forward.run(), || false).is_none() && seed % 2 == 0 {
                    assert_eq!(Hand::new(forward.run()).run().unwrap().bytes, expected.len() as u64);
                }
                let (reader, _, unwritten) = forward.into_parts();
                assert!([&at_a.written(), &unwritten[..], &rest(reader)].concat() == expected);
            });
        }
    }
}
