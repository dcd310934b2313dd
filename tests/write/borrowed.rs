//! Writes of borrowed bytes, from slices or a read buffer: they are offered to the writer in place,
//! and become owned if they have to wait.

use super::support::*;
use futures_handoff::Accepted;
use futures_util::AsyncWrite;
use std::{
    io,
    sync::{Arc, Mutex},
    task::Context,
};

const MAX_COPIED: usize = 4096;

/// Everything from 10 bytes on is sent at once, and everything above 4 is not copied.
fn eager() -> WriteHandoffConfig {
    direct_limits(8, 64).with_send_at(10).with_copy_max(4)
}

/// The ways to lend bytes to a write.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Lent {
    Slice,
    Prefix,
}

impl Lent {
    const ALL: [Self; 2] = [Self::Slice, Self::Prefix];

    /// Submits the next bytes of a buffer, which keeps the rest.
    fn write<'a, W: AsyncWrite + Unpin>(
        self,
        handoff: &'a WriteHandoff<W>,
        buffer: &mut HandoffBuffer,
        n: usize,
    ) -> Accepted<'a> {
        let left = buffer.peek()[n..].to_vec();
        let accepted = match self {
            Self::Slice => {
                let accepted = handoff.try_write_slice(&buffer.peek()[..n]).unwrap();
                buffer.advance(n).unwrap();
                accepted
            }
            Self::Prefix => handoff.try_write_prefix(buffer, n).unwrap(),
        };
        assert_eq!(buffer.peek(), left, "{self:?}: all of it is accepted");
        accepted
    }
}

runtimes::tests! {
    async fn long_bytes_are_offered_where_they_lie<R: Runtime>() {
        for lent in Lent::ALL {
            let seen = Arc::new(Mutex::new(Vec::new()));
            let in_writer = Arc::clone(&seen);
            let writer = FnWriter(move |op: Op<'_>, _: &mut Context<'_>| {
                if let Op::Write(slices) = &op {
                    in_writer
                        .lock()
                        .unwrap()
                        .extend(slices.iter().map(|slice| (slice.as_ptr().addr(), slice.len())));
                }
                op.all()
            });
            let (handoff, _task) = stream(writer, direct());
            let mut buffer = holding(&pattern(20_005));
            let address = buffer.peek().as_ptr().addr();
            let accepted = lent.write(&handoff, &mut buffer, 20_000);
            assert_eq!(*seen.lock().unwrap(), [(address, 20_000)], "{lent:?}: neither copied nor in pieces");
            assert_eq!(accepted.positions(), 0..20_000);
            assert!(matches!(accepted.ticket().try_result(), Some(Ok(()))));
        }
    }

    /// Wherever the first writes stop: in the held bytes, at the border, in the borrowed bytes.
    async fn the_rest_of_a_short_write_goes_before_what_comes_later<R: Runtime>() {
        let seconds = [None, Some(1), Some(3)];
        for (lent, second) in Lent::ALL.into_iter().flat_map(|lent| seconds.map(|second| (lent, second))) {
            for first in 1..16 {
                let case = format!("{lent:?}, after {first} and {second:?}");
                let gate = Gate::new();
                let steps = [Some(first), second].into_iter().flatten().map(WriteStep::Accept);
                let (handoff, mut task, log) =
                    scripted(steps.chain([WriteStep::Wait(gate.clone())]), eager());
                let mut buffer = holding(b"0123456789ab++");
                put(&handoff, "<<");
                let accepted = lent.write(&handoff, &mut buffer, 12);
                assert_eq!(accepted.positions(), 2..14);
                let left = 14 - (first + second.unwrap_or(0)).min(14);
                assert_eq!(handoff.pending_bytes(), left, "{case}");
                put(&handoff, ">>");
                lent.write(&handoff, &mut buffer, 2);
                gate.open();
                task.run();
                assert_eq!(log.written(), b"<<0123456789ab>>++", "{case}");
                assert!(accepted.await.is_ok());
                assert_eq!(handoff.stats().pending_items, 0, "{case}");
            }
        }
    }

    /// They were accepted, so they are among the unwritten bytes.
    async fn what_a_writer_fails_on_is_among_the_unwritten_bytes<R: Runtime>() {
        let failures = [
            (WriteStep::Error(io::ErrorKind::BrokenPipe), 0),
            (WriteStep::Zero, 0),
            (WriteStep::OverReport(1), 9),
            (WriteStep::Panic, 9),
        ];
        let lent = |lent| failures.clone().map(|failure| (lent, failure));
        for (lent, (step, in_doubt)) in Lent::ALL.into_iter().flat_map(lent) {
            let case = format!("{lent:?}, {step:?}");
            let (handoff, mut task, _log) = scripted([WriteStep::Accept(3), step], eager());
            let accepted = lent.write(&handoff, &mut holding(b"0123456789ab++"), 12);
            let error = accepted.ticket().try_result().unwrap().unwrap_err();
            assert_eq!((error.written(), error.in_doubt()), (3, in_doubt), "{case}");
            let failure = task.run().unwrap().unwrap_err();
            assert_eq!(
                (failure.written(), failure.unwritten().concat()),
                (3, b"3456789ab".to_vec()),
                "{case}"
            );
        }
    }

    /// An accepted write can be kept as a position, or as a ticket that borrows nothing.
    async fn what_was_accepted_can_be_waited_for_in_both_ways<R: Runtime>() {
        let (handoff, mut task, _log, gate) = gated(limits(8, 16));
        let accepted = handoff.try_write_slice(b"abc").unwrap();
        let chunks = handoff.try_write_chunks(&mut [text("de"), Bytes::new(), text("f")]).unwrap();
        let barrier = handoff.try_write_chunks(&mut []).unwrap();
        let sent = handoff.try_reserve(4).unwrap().send(text("gh")).unwrap();
        let positions = [&accepted, &chunks, &barrier, &sent].map(|accepted| accepted.positions());
        assert_eq!(positions, [0..3, 3..6, 6..6, 6..8]);
        assert!(format!("{barrier:?}").contains("6..6"));
        let ticket = accepted.clone().ticket();
        assert_eq!((ticket.positions(), ticket.try_result().is_none()), (0..3, true));
        let mut waits = Hand::waiting(async {
            chunks.await.unwrap();
            barrier.await.unwrap();
            sent.await.unwrap();
            accepted.await
        });
        gate.open();
        task.run();
        assert!(waits.run().unwrap().is_ok() && ticket.await.is_ok());
    }

    /// A prefix that has to wait. If it has an entry of its own, it was not copied into the block.
    async fn a_prefix_of_up_to_4_kib_is_gathered<R: Runtime>() {
        let config = unflushed().with_send_at(64 * 1024).with_inline(Inline::Never);
        let (handoff, mut task, log) = willing(config);
        let mut buffer = holding(&pattern(30_000));
        // The first of one byte begins a block of 16 KiB.
        for (n, items) in
            [(MAX_COPIED, 1), (MAX_COPIED, 2), (1, 3), (MAX_COPIED, 3), (MAX_COPIED + 1, 4), (1, 5)]
        {
            handoff.try_write_prefix(&mut buffer, n).unwrap();
            assert_eq!(handoff.stats().pending_items, items, "{n}");
        }
        task.run();
        assert_eq!(log.written(), &pattern(30_000)[..4 * MAX_COPIED + 3]);
    }

    /// Also a prefix that a pending writer was offered before, or the rest of one.
    async fn what_the_writer_leaves_of_a_prefix_is_copied_up_to_4_kib<R: Runtime>() {
        for (n, taken, copied) in [
            (300, 0, true),
            (2000, 0, true),
            (4096, 0, true),
            (5000, 904, true),
            (4097, 0, false),
            (5000, 903, false),
        ] {
            let config = unflushed().with_send_at(0).with_inline(Inline::Always);
            let (handoff, mut task, log, gate) = gated_after(taken, config);
            let mut buffer = holding(&pattern(n));
            let capacity = buffer.capacity();
            handoff.try_write_prefix(&mut buffer, n).unwrap();
            assert_eq!((handoff.pending_bytes(), handoff.stats().pending_items), (n - taken, 1));
            assert_eq!(buffer.capacity() == capacity, copied, "{n} bytes, of which {taken} are taken");
            gate.open();
            task.run();
            assert_eq!(log.written(), pattern(n));
        }
    }

    /// A prefix of up to 4 KiB would be copied, and an owned chunk is already owned: sending these
    /// early gains nothing.
    async fn a_long_prefix_leaves_at_three_quarters_of_what_is_sent<R: Runtime>() {
        const THREE_QUARTERS: usize = 12 * 1024;
        for (held, n, leaves) in [
            (4, THREE_QUARTERS - 5, false),
            (4, THREE_QUARTERS - 4, true),
            (2 * MAX_COPIED, MAX_COPIED, false),
            (2 * MAX_COPIED, MAX_COPIED + 1, true),
            (THREE_QUARTERS, MAX_COPIED - 1, false),
        ] {
            let (handoff, mut task, log) = willing(direct().with_send_at(16 * 1024));
            put_each(&handoff, 0, [held]);
            handoff.try_write_prefix(&mut holding(&pattern(n)), n).unwrap();
            let written = if leaves { held + n } else { 0 };
            assert_eq!(
                (log.len(), handoff.stats().inline_write_calls),
                (written, leaves.into()),
                "{n} behind {held}"
            );
            task.run();
            assert_eq!(log.len(), held + n);
        }
    }

    /// How much a buffer holds depends on what has arrived, so it must not decide whether the bytes
    /// can be passed on.
    async fn a_buffer_larger_than_the_budget_is_passed_on_in_pieces<R: Runtime>() {
        for inline in [Inline::SameThread, Inline::Never] {
            let steps = [WriteStep::Accept(70), WriteStep::Pending, WriteStep::Accept(1)]
                .into_iter()
                .cycle()
                .take(60);
            let (handoff, mut task, log) = scripted(steps, limits(4, 101).with_inline(inline));
            let sent = pattern(5000);
            let mut buffer = holding(&sent);
            put(&handoff, "before ");
            let mut passed_on = Hand::new(handoff.write_all_buf(&mut buffer));
            let ticket = loop {
                let done = passed_on.run();
                assert!(handoff.pending_bytes() <= 101);
                if let Some(done) = done {
                    break done.unwrap();
                }
                task.run();
            };
            drop(passed_on);
            assert!(buffer.is_empty());
            put(&handoff, " after");
            task.run();
            assert_eq!((ticket.positions().end, ticket.await.is_ok()), (5007, true));
            assert!(log.written() == [b"before ", &sent[..], b" after"].concat());
        }
    }

    async fn what_a_stream_that_ends_did_not_accept_of_a_buffer_is_still_in_it<R: Runtime>() {
        let (handoff, mut task, _log, _gate) = gated(limits(4, 100));
        let sent = pattern(1000);
        let mut buffer = holding(&sent);
        let mut passed_on = Hand::waiting(handoff.write_all_buf(&mut buffer));
        handoff.downgrade().abort();
        let error = passed_on.run().unwrap().unwrap_err();
        assert!(matches!(error, RejectReason::Closed(CloseReason::Aborted)));
        drop(passed_on);
        let unwritten = task.run().unwrap().unwrap_err().unwritten().concat();
        assert!(!unwritten.is_empty() && [&unwritten[..], buffer.peek()].concat() == sent);
    }
}
