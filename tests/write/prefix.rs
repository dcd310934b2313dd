//! Writing straight out of a read buffer: borrowed while the writer takes it, owned when it has to wait.

use super::support::*;
use futures_handoff::RejectReason;
use std::{
    io,
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

/// Everything from 10 bytes on is sent at once, and everything above 4 is not copied.
fn eager() -> WriteHandoffConfig {
    direct_limits(8, 64).with_send_at(10).with_copy_max(4)
}

runtimes::tests! {
    async fn a_short_prefix_is_gathered<R: Runtime>() {
        let (handoff, mut task, log) = willing(unflushed());
        let mut buffer = holding(b"GET /\nrest");
        put(&handoff, "> ");
        let ticket = handoff.write_prefix(&mut buffer, 6).await.unwrap();
        assert_eq!((buffer.peek(), handoff.pending_bytes(), handoff.stats().pending_items), (&b"rest"[..], 8, 1));
        handoff.try_write_prefix(&mut buffer, 4).unwrap();
        assert!(buffer.is_empty());
        task.run();
        assert_eq!(log.calls(), [Call::Write { offered: 12 }]);
        assert_eq!(log.written(), b"> GET /\nrest");
        assert_eq!(ticket.positions(), 2..8);
        assert!(ticket.await.is_ok());
    }

    /// One that has to wait. An entry of its own is one that was not copied into the block.
    async fn a_prefix_of_up_to_4_kib_is_gathered<R: Runtime>() {
        const MAX: usize = 4096;
        let config = unflushed().with_send_at(64 * 1024).with_inline(Inline::Never);
        let (handoff, mut task, log) = willing(config);
        let mut buffer = holding(&pattern(30_000));
        let mut put = |n, items| {
            handoff.try_write_prefix(&mut buffer, n).unwrap();
            assert_eq!(handoff.stats().pending_items, items, "{n}");
        };
        put(MAX, 1);
        put(MAX, 2);
        // It begins a block of 16 KiB.
        put(1, 3);
        put(MAX, 3);
        put(MAX + 1, 4);
        put(1, 5);
        task.run();
        assert_eq!(log.written(), &pattern(30_000)[..4 * MAX + 3]);
    }

    /// Also one that the writer was offered before it said that it is not ready, or what it left of that.
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

    async fn a_prefix_of_4_kib_leaves_no_earlier_than_others<R: Runtime>() {
        const MAX: usize = 4096;
        let (handoff, mut task, log) = willing(direct().with_send_at(4 * MAX));
        for (n, at_once) in [(MAX, false), (MAX + 1, true)] {
            let mut buffer = holding(&pattern(n));
            handoff.try_write_fire_and_forget(filled(0, 2 * MAX)).unwrap();
            let before = log.len();
            handoff.try_write_prefix(&mut buffer, n).unwrap();
            assert_eq!(log.len() > before, at_once, "three quarters are enough where it would have to be owned");
            task.run();
        }
    }

    async fn a_long_prefix_is_offered_where_it_lies<R: Runtime>() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let in_writer = Arc::clone(&seen);
        let writer = FnWriter(move |op: Op<'_>, _: &mut Context<'_>| {
            if let Op::Write(slices) = &op {
                in_writer.lock().unwrap().extend(slices.iter().map(|slice| (slice.as_ptr().addr(), slice.len())));
            }
            op.all()
        });
        let (handoff, _task) = stream(writer, unflushed());
        let mut buffer = holding(&pattern(20_005));
        let address = buffer.peek().as_ptr().addr();
        let ticket = handoff.write_prefix(&mut buffer, 20_000).await.unwrap();
        assert_eq!(*seen.lock().unwrap(), [(address, 20_000)], "neither copied nor in pieces");
        assert_eq!(buffer.peek(), &pattern(20_005)[20_000..]);
        assert!(matches!(ticket.ticket().try_result(), Some(Ok(()))));
    }

    async fn a_long_prefix_leaves_at_three_quarters_of_what_is_sent<R: Runtime>() {
        const SEND_AT: usize = 16 * 1024;
        let (handoff, mut task, log) = willing(direct().with_send_at(SEND_AT));
        let mut buffer = holding(&pattern(2 * SEND_AT));
        put(&handoff, "held");
        handoff.try_write_prefix(&mut buffer, SEND_AT * 3 / 4 - 5).unwrap();
        assert_eq!(log.calls(), [], "a byte short of it");
        task.run();
        assert_eq!(log.written().len(), SEND_AT * 3 / 4 - 1);
        put(&handoff, "held");
        handoff.try_write_prefix(&mut buffer, SEND_AT * 3 / 4 - 4).unwrap();
        assert_eq!((log.written().len(), handoff.stats().inline_write_calls), (SEND_AT * 3 / 2 - 1, 1));
        // What is copied, and what is owned anyway, gains nothing by leaving early.
        let owned = SEND_AT * 3 / 4;
        handoff.try_write_fire_and_forget(Bytes::from(pattern(owned))).unwrap();
        handoff.try_write_prefix(&mut buffer, 4 * 1024 - 1).unwrap();
        assert_eq!(handoff.pending_bytes(), owned + 4 * 1024 - 1);
    }

    async fn a_prefix_without_a_ticket<R: Runtime>() {
        let (handoff, mut task, log, gate) = gated(limits(8, 16).with_copy_max(4));
        let mut buffer = holding(b"0123456789abcdefghij");
        handoff.write_prefix(&mut buffer, 6).await.unwrap();
        handoff.sender().try_write_prefix(&mut buffer, 2).unwrap();
        assert_eq!((buffer.peek(), handoff.pending_bytes()), (&b"89abcdefghij"[..], 8));
        let full = |error| matches!(error, RejectReason::Full { .. });
        assert!(full(handoff.try_write_prefix(&mut buffer, 9).unwrap_err()));
        drop(Hand::waiting(handoff.write_prefix(&mut buffer, 9)));
        assert_eq!((buffer.peek(), handoff.available()), (&b"89abcdefghij"[..], 8), "cancelled, it has taken nothing");
        let sender = handoff.sender();
        let mut wait = Hand::waiting(sender.write_prefix(&mut buffer, 9));
        gate.open();
        task.run();
        assert!(wait.run().unwrap().is_ok());
        drop(wait);
        let beyond = handoff.write_prefix(&mut buffer, 4).await.unwrap_err();
        assert!(matches!(beyond, RejectReason::OutOfBounds { requested: 4, available: 3 }));
        task.run();
        assert_eq!((buffer.peek(), &log.written()[..]), (&b"hij"[..], &b"0123456789abcdefg"[..]));
    }

    async fn what_is_held_goes_out_with_it<R: Runtime>() {
        let (handoff, _task, log) = willing(eager());
        let mut buffer = holding(b"borrowed bytes");
        put(&handoff, "held");
        handoff.try_write_prefix(&mut buffer, 14).unwrap();
        assert_eq!(log.calls(), [Call::WriteVectored { slices: 2, offered: 18 }]);
        assert_eq!(log.written(), b"heldborrowed bytes");
    }

    /// Wherever the first writes stop: in what was held, at the border, in what is borrowed.
    async fn the_rest_of_a_short_write_goes_before_what_comes_later<R: Runtime>() {
        for first in 1..16 {
            for second in [None, Some(1), Some(3)] {
                let gate = Gate::new();
                let mut steps = vec![WriteStep::Accept(first)];
                steps.extend(second.map(WriteStep::Accept));
                steps.push(WriteStep::Wait(gate.clone()));
                let (handoff, mut task, log) = scripted(steps, eager());
                let mut buffer = holding(b"0123456789ab++");
                put(&handoff, "<<");
                let ticket = handoff.try_write_prefix(&mut buffer, 12).unwrap();
                assert_eq!(buffer.peek(), b"++", "all of the prefix is accepted");
                let left = 14 - (first + second.unwrap_or(0)).min(14);
                assert_eq!(handoff.pending_bytes(), left);
                put(&handoff, ">>");
                handoff.try_write_prefix(&mut buffer, 2).unwrap();
                gate.open();
                task.run();
                assert_eq!(log.written(), b"<<0123456789ab>>++", "after {first} and {second:?}");
                assert!(ticket.await.is_ok());
                assert_eq!(handoff.stats().pending_items, 0);
            }
        }
    }

    async fn a_prefix_that_may_not_be_sent_is_owned<R: Runtime>() {
        let (handoff, mut task, log) = willing(eager().with_inline(Inline::Never));
        let mut buffer = holding(b"0123456789ab+");
        handoff.try_write_prefix(&mut buffer, 12).unwrap();
        assert_eq!((log.len(), buffer.peek(), handoff.pending_bytes()), (0, &b"+"[..], 12));
        buffer.advance(1).unwrap();
        task.run();
        assert_eq!(log.written(), b"0123456789ab");
    }

    async fn without_room_the_buffer_is_unchanged<R: Runtime>() {
        let (handoff, mut task, log, gate) = gated(limits(8, 16).with_copy_max(4));
        let mut buffer = holding(b"0123456789");
        handoff.try_write_fire_and_forget(text("<<<<<<<<")).unwrap();
        let full = |error| matches!(error, RejectReason::Full { .. });
        assert!(full(handoff.try_write_prefix(&mut buffer, 10).unwrap_err()));
        assert_eq!(buffer.peek(), b"0123456789");
        // Half of it would fit, but a prefix is not torn apart.
        let wait = Hand::waiting(handoff.write_prefix(&mut buffer, 10));
        assert!(handoff.try_write(text("x")).unwrap_err().is_full(), "it waits in the line");
        drop(wait);
        assert_eq!((buffer.peek(), handoff.available()), (&b"0123456789"[..], 8));
        let mut wait = Hand::waiting(handoff.write_prefix(&mut buffer, 10));
        gate.open();
        task.run();
        assert!(wait.run().unwrap().is_ok());
        drop(wait);
        task.run();
        assert!(buffer.is_empty());
        assert_eq!(log.written(), b"<<<<<<<<0123456789");
    }

    async fn a_waiting_prefix_comes_back_at_the_end<R: Runtime>() {
        let (handoff, mut task, _log, _gate) = gated(limits(8, 16));
        let mut buffer = holding(b"0123456789");
        put(&handoff, "<<<<<<<<");
        let mut wait = Hand::waiting(handoff.write_prefix(&mut buffer, 10));
        handoff.downgrade().abort();
        let closed = |error| matches!(error, RejectReason::Closed(CloseReason::Aborted));
        assert!(wait.run().unwrap().is_err_and(closed));
        drop(wait);
        assert_eq!(buffer.peek(), b"0123456789");
        assert!(task.run().is_some());
    }

    /// How much a buffer holds depends on what has arrived, and so may not decide whether it can be passed on.
    async fn a_buffer_larger_than_the_budget_is_passed_on_in_pieces<R: Runtime>() {
        for inline in [Inline::SameThread, Inline::Never] {
            let steps = [WriteStep::Accept(70), WriteStep::Pending, WriteStep::Accept(1)].into_iter().cycle().take(60);
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

    async fn an_empty_prefix_is_a_barrier<R: Runtime>() {
        let (handoff, mut task, _log, gate) = gated(limits(1, 4));
        let mut buffer = holding(b"");
        put(&handoff, "full");
        let mut ticket = Hand::waiting(handoff.try_write_prefix(&mut buffer, 0).unwrap().into_future());
        let mut whole = Hand::waiting(handoff.write_all_buf(&mut buffer).await.unwrap().into_future());
        gate.open();
        task.run();
        assert!(ticket.run().unwrap().is_ok() && whole.run().unwrap().is_ok());
    }

    /// The bytes were accepted, so they are not in the buffer any more but among the unwritten ones.
    async fn a_writer_that_fails_on_borrowed_bytes<R: Runtime>() {
        let failures = [
            (WriteStep::Error(io::ErrorKind::BrokenPipe), 0),
            (WriteStep::Zero, 0),
            (WriteStep::OverReport(1), 9),
            (WriteStep::Panic, 9),
        ];
        for (step, in_doubt) in failures {
            let (handoff, mut task, _log) = scripted([WriteStep::Accept(3), step], eager());
            let mut buffer = holding(b"0123456789ab++");
            let ticket = handoff.try_write_prefix(&mut buffer, 12).unwrap();
            assert_eq!(buffer.peek(), b"++");
            let error = ticket.ticket().try_result().unwrap().unwrap_err();
            assert_eq!((error.written(), error.in_doubt()), (3, in_doubt));
            let failure = task.run().unwrap().unwrap_err();
            assert_eq!((failure.written(), failure.unwritten().concat()), (3, b"3456789ab".to_vec()));
        }
    }

    /// What is written during the poll of the borrowed bytes comes after all of them.
    async fn a_handle_used_while_borrowed_bytes_are_written<R: Runtime>() {
        let slot: Arc<Mutex<Option<WriteHandoff>>> = Arc::default();
        let (in_writer, log) = (Arc::clone(&slot), Arc::new(Mutex::new(Vec::new())));
        let taken = Arc::clone(&log);
        let writer = FnWriter(move |op: Op<'_>, _: &mut Context<'_>| {
            let Op::Write(slices) = &op else { return op.all() };
            if let Some(sender) = in_writer.lock().unwrap().take() {
                sender.try_write_fire_and_forget(text("later")).unwrap();
            }
            let n = slices[0].len().min(2);
            taken.lock().unwrap().extend_from_slice(&slices[0][..n]);
            Poll::Ready(Ok(n))
        });
        let (handoff, mut task) = stream(writer, eager().with_inline(Inline::Always));
        *slot.lock().unwrap() = Some(handoff.sender());
        let mut buffer = holding(b"0123456789ab");
        handoff.try_write_prefix(&mut buffer, 12).unwrap();
        put(&handoff, "!");
        task.run();
        assert_eq!(*log.lock().unwrap(), b"0123456789ablater!");
    }

    async fn prefixes_of_all_lengths_make_one_stream<R: Runtime>() {
        for seed in 0..20 {
            let writer = ScriptWriter::seeded(seed);
            let log = writer.log();
            let config = limits(16, 4096).with_send_at(700).with_copy_max(50);
            let (handoff, mut task) = stream(writer, config);
            let sent = pattern(30_000);
            let mut buffer = holding(&sent);
            let mut n = seed as usize;
            while !buffer.is_empty() {
                n = ((n * 37 + 11) % 2000).min(buffer.len());
                let mut write = Hand::new(handoff.write_prefix(&mut buffer, n));
                while write.run().is_none() {
                    task.run();
                }
                assert!(handoff.pending_bytes() <= 4096 && handoff.stats().pending_items <= 16);
            }
            task.run();
            assert!(log.written() == sent, "seed {seed}");
        }
    }
}
