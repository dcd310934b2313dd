//! How much is read ahead, how long one poll may take, and when a writer is flushed.

use super::support::*;

/// Takes one byte at a time, is always ready, and counts the calls.
struct Sip(Rc<Cell<usize>>);

impl AsyncWrite for Sip {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.0.set(self.0.get() + 1);
        Poll::Ready(Ok(buf.len().min(1)))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Always has something, at most this many bytes at a time, and counts them.
struct Endless(usize, Rc<Cell<usize>>);

impl AsyncRead for Endless {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let n = buf.len().min(self.0);
        buf[..n].fill(7);
        self.1.set(self.1.get() + n);
        Poll::Ready(Ok(n))
    }
}

/// Polls a tunnel once: it has more to do, and comes back to it.
fn yields(a: impl AsyncRead + AsyncWrite + Unpin, b: impl AsyncRead + AsyncWrite + Unpin, first: usize) {
    let mut tunnel = Tunnel::new(a, b).with_first_to_b(Bytes::from(vec![1; first]));
    let (waker, wakes) = futures_test::task::new_count_waker();
    let mut cx = Context::from_waker(&waker);
    let mut run = std::pin::pin!(tunnel.run());
    for poll in 1..4 {
        assert!(run.as_mut().poll(&mut cx).is_pending());
        assert!(wakes.get() >= poll);
    }
}

runtimes::watched_tests! {
    fn while_a_writer_is_blocked_the_budget_is_read_ahead_and_no_byte_more() {
        for budget in [1, 100, 2047, 2048, 2049, 5000, 65_536, 256 << 10, 1_000_000] {
            for (first, piece) in [(0, 1 << 20), (0, 1500), (0, 2048), (99, 1 << 20), (70_000, 5000)] {
                let sent = payload(2 << 20);
                let gate = Gate::new();
                let (near, _) = side(sent.chunks(piece).map(ReadStep::data), ScriptWriter::willing());
                let (far, at_far) =
                    side([ReadStep::stuck()], ScriptWriter::new([WriteStep::Wait(gate.clone())]));
                let head = payload(first);
                let mut tunnel =
                    Tunnel::new(near, far).with_budget(budget).with_first_to_b(Bytes::from(head.clone()));
                assert!(Hand::new(tunnel.run()).run().is_none());
                let parts = tunnel.into_parts();
                assert_eq!(
                    parts.a.reader.given(),
                    budget.saturating_sub(first),
                    "of {budget}, {first} first"
                );
                assert!(at_far.is_empty() && parts.to_b.len() == first + parts.a.reader.given());
                assert!(parts.to_b == [&head[..], &sent].concat()[..parts.to_b.len()]);
            }
        }
    }

    fn full_blocks_for_a_writer_that_is_behind_leave_in_one_vectored_write() {
        let (gate, sent) = (Gate::new(), payload(200_000));
        let (near, _) = side(sent.chunks(5000).map(ReadStep::data), ScriptWriter::willing());
        let (far, at_far) = side([], ScriptWriter::new([WriteStep::Wait(gate.clone())]));
        let mut running = outcome(near, far, false);
        assert!(running.run().is_none());
        gate.open();
        assert!(running.run().is_some() && at_far.written() == sent);
        let slices = at_far.calls().into_iter().filter_map(|call| match call {
            Call::WriteVectored { slices, offered } => Some((offered, slices)),
            _ => None,
        });
        let (offered, slices) = slices.max().unwrap();
        assert!(offered == sent.len() && (4..=16).contains(&slices), "{offered} bytes in {slices} slices");
    }

    /// Large reads while they are filled, and short reads, which need no block, once they are not.
    fn reads_grow_and_become_short_again() {
        let (burst, pieces) = (payload(4 << 20), payload(10));
        let steps = pieces.chunks(1).flat_map(|piece| [ReadStep::data(piece), ReadStep::Pending]);
        let steps = [ReadStep::data(&burst), ReadStep::Pending].into_iter().chain(steps);
        let (near, _) = side(steps, ScriptWriter::willing());
        let reads = near.reader.log();
        let (far, at_far) = side([], ScriptWriter::willing());
        outcome(near, far, false).run().unwrap();
        let offered = reads.offered();
        assert_eq!(
            (offered[0], offered.iter().max(), offered.last()),
            (2048, Some(&(256 << 10)), Some(&2048))
        );
        assert!(at_far.writes() < 100, "{} writes", at_far.writes());
    }

    fn a_side_that_is_always_ready_lets_others_run() {
        for len in [1, 2048, 1 << 20] {
            let count = || Rc::new(Cell::new(0));
            let endless = || Endless(len, count());
            // One direction, both, and one whose writer has failed.
            yields(
                Halves::new(endless(), futures_util::io::sink()),
                Halves::new(
                    futures_test::io::AsyncReadTestExt::interleave_pending(futures_util::io::empty()),
                    futures_util::io::sink(),
                ),
                0,
            );
            yields(
                Halves::new(endless(), futures_util::io::sink()),
                Halves::new(endless(), futures_util::io::sink()),
                0,
            );
            let broken = ScriptWriter::new([WriteStep::Error(ErrorKind::BrokenPipe)]);
            let quiet = ScriptReader::new([ReadStep::stuck()]);
            yields(Halves::new(endless(), futures_util::io::sink()), Halves::new(quiet, broken), 0);
        }
    }

    fn a_writer_that_takes_a_byte_at_a_time_lets_others_run() {
        for first in [0, 1 << 20] {
            let calls = Rc::new(Cell::new(0));
            let (a, b) = (Endless(1 << 20, Rc::default()), Sip(Rc::clone(&calls)));
            let quiet = ScriptReader::new([ReadStep::stuck()]);
            yields(Halves::new(a, futures_util::io::sink()), Halves::new(quiet, b), first);
            assert!(calls.get() < 10_000, "{} writes in 3 polls", calls.get());
        }
    }

    /// And it is not flushed while more is there.
    fn a_writer_that_buffers_is_flushed_when_its_side_falls_quiet_and_only_then() {
        for (mirrored, len) in [false, true]
            .into_iter()
            .flat_map(|mirrored| [1, 2047, 2048, 2049, 300_000].map(|len| (mirrored, len)))
        {
            let (gate, flushing) = (Gate::new(), Gate::new());
            let bytes = payload(len);
            let pieces = bytes.chunks(5000).map(ReadStep::data);
            let steps =
                pieces.chain([ReadStep::Wait(gate.clone()), ReadStep::data("more"), ReadStep::stuck()]);
            let writer = ScriptWriter::willing()
                .buffering(usize::MAX)
                .with_flush([EndStep::Pending, EndStep::Wait(flushing.clone())]);
            let ((near, _), (far, at_far)) =
                (side(steps, ScriptWriter::willing()), side([ReadStep::stuck()], writer));
            let mut running = outcome(near, far, mirrored);
            assert!(running.run().is_none());
            assert_eq!((at_far.len(), at_far.passed(), at_far.flushes()), (len, 0, 2));
            flushing.open();
            assert!(running.run().is_none());
            assert_eq!((at_far.passed(), at_far.flushes()), (len, 3));
            running.wake();
            assert!(running.run().is_none());
            assert_eq!(at_far.flushes(), 3, "there is nothing to flush");
            gate.open();
            assert!(running.run().is_none());
            assert_eq!((at_far.passed(), at_far.flushes()), (len + 4, 4));
        }
    }

    /// A flush that waits is no reason to let newer bytes wait.
    fn bytes_that_come_while_a_flush_waits_are_written_and_flushed() {
        let (flushing, gate) = (Gate::new(), Gate::new());
        let writer =
            ScriptWriter::willing().buffering(usize::MAX).with_flush([EndStep::Wait(flushing.clone())]);
        let steps =
            [ReadStep::data("one"), ReadStep::Wait(gate.clone()), ReadStep::data("two"), ReadStep::stuck()];
        let ((near, _), (far, at_far)) =
            (side(steps, ScriptWriter::willing()), side([ReadStep::stuck()], writer));
        let mut running = outcome(near, far, false);
        assert!(running.run().is_none());
        gate.open();
        assert!(running.run().is_none() && at_far.len() == 6);
        flushing.open();
        assert!(running.run().is_none() && at_far.passed() == 6);
    }

    fn reads_of_about_the_length_of_a_short_one_are_carried_whole() {
        let lens = [1, 2047, 2048, 2049, 4096, 6144];
        for taken in [usize::MAX, 1000, 2048, 1] {
            for (one, two) in lens.into_iter().flat_map(|one| lens.map(|two| (one, two))) {
                let bytes = payload(4 * (one + two));
                let mut left = &bytes[..];
                let mut steps = Vec::new();
                for len in [one, two].repeat(4) {
                    steps.extend([ReadStep::data(&left[..len]), ReadStep::Pending]);
                    left = &left[len..];
                }
                let (near, _) = side(steps, ScriptWriter::willing());
                let offers = near.reader.log();
                let writes = [WriteStep::Accept(taken), WriteStep::Pending]
                    .into_iter()
                    .cycle()
                    .take(if taken == 1 { 200 } else { 2000 });
                let (far, at_far) = side([], ScriptWriter::new(writes));
                let (there, _) = outcome(near, far, false).run().unwrap();
                assert_eq!(there, (bytes.len() as u64, Ended::Closed));
                assert!(at_far.written() == bytes, "{one}, {two}, {taken} at a time");
                assert_eq!(offers.offered()[0], 2048);
            }
        }
    }

    #[should_panic(expected = "0 bytes")]
    fn a_budget_of_nothing_is_refused() {
        let _ = Forward::new(&b""[..], Vec::new()).with_budget(0);
    }
}
