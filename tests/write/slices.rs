//! Borrowed bytes, and what a write that borrows gives: offered to the writer where they lie, copied where they have to wait.

use super::support::*;
use std::{
    sync::{Arc, Mutex},
    task::Context,
};

/// Everything from 10 bytes on is sent at once, and everything above 4 is not copied.
fn eager() -> WriteHandoffConfig {
    direct_limits(8, 64).with_send_at(10).with_copy_max(4)
}

runtimes::tests! {
    async fn a_long_slice_is_offered_where_it_lies<R: Runtime>() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let in_writer = Arc::clone(&seen);
        let writer = FnWriter(move |op: Op<'_>, _: &mut Context<'_>| {
            if let Op::Write(slices) = &op {
                in_writer.lock().unwrap().extend(slices.iter().map(|slice| (slice.as_ptr().addr(), slice.len())));
            }
            op.all()
        });
        let (handoff, _task) = stream(writer, unflushed());
        let bytes = pattern(20_000);
        let accepted = handoff.write_slice(&bytes).await.unwrap();
        assert_eq!(*seen.lock().unwrap(), [(bytes.as_ptr().addr(), 20_000)], "neither copied nor in pieces");
        assert_eq!(accepted.positions(), 0..20_000);
        assert!(matches!(accepted.ticket().try_result(), Some(Ok(()))));
    }

    /// Wherever the first writes stop: in what was held, at the border, in what is borrowed.
    async fn the_rest_of_a_short_write_of_a_slice_goes_before_what_comes_later<R: Runtime>() {
        for first in 1..16 {
            for second in [None, Some(1), Some(3)] {
                let gate = Gate::new();
                let mut steps = vec![WriteStep::Accept(first)];
                steps.extend(second.map(WriteStep::Accept));
                steps.push(WriteStep::Wait(gate.clone()));
                let (handoff, mut task, log) = scripted(steps, eager());
                put(&handoff, "<<");
                let accepted = handoff.try_write_slice(b"0123456789ab").unwrap();
                assert_eq!(accepted.positions(), 2..14);
                assert_eq!(handoff.pending_bytes(), 14 - (first + second.unwrap_or(0)).min(14));
                put(&handoff, ">>");
                handoff.try_write_slice(b"++").unwrap();
                gate.open();
                task.run();
                assert_eq!(log.written(), b"<<0123456789ab>>++", "after {first} and {second:?}");
                assert!(accepted.await.is_ok());
                assert_eq!(handoff.stats().pending_items, 0);
            }
        }
    }

    /// Whether it is sent or has to wait, gathered or a chunk of its own.
    async fn slices_and_chunks_make_one_stream<R: Runtime>() {
        for seed in 0..20 {
            let writer = ScriptWriter::seeded(seed);
            let log = writer.log();
            let inline = [Inline::SameThread, Inline::Always, Inline::Never][seed as usize % 3];
            let config = limits(16, 4096).with_send_at(700).with_copy_max(50).with_inline(inline);
            let (handoff, mut task) = stream(writer, config);
            let sent = pattern(30_000);
            let mut rest = &sent[..];
            let mut n = seed as usize;
            while !rest.is_empty() {
                n = ((n * 37 + 11) % 2000).min(rest.len());
                let (part, left) = rest.split_at(n);
                if n % 3 == 0 {
                    let mut write = Hand::new(handoff.write(Bytes::copy_from_slice(part)));
                    while write.run().is_none() {
                        task.run();
                    }
                } else {
                    let mut write = Hand::new(handoff.write_slice(part));
                    while write.run().is_none() {
                        task.run();
                    }
                }
                rest = left;
                assert!(handoff.pending_bytes() <= 4096 && handoff.stats().pending_items <= 16);
            }
            task.run();
            assert!(log.written() == sent, "seed {seed}");
        }
    }

    async fn a_slice_waits_for_room_and_may_be_given_up<R: Runtime>() {
        let (handoff, mut task, log, gate) = gated(limits(8, 16).with_copy_max(4));
        put(&handoff, "<<<<<<<<");
        assert!(handoff.try_write_slice(b"0123456789").unwrap_err().is_full());
        drop(Hand::waiting(handoff.write_slice(b"given up, too")));
        let mut wait = Hand::waiting(handoff.write_slice(b"0123456789"));
        assert!(handoff.try_write_slice(b"x").unwrap_err().is_full(), "it waits in the line");
        gate.open();
        task.run();
        let accepted = wait.run().unwrap().unwrap();
        task.run();
        assert!(accepted.await.is_ok());
        assert_eq!(log.written(), b"<<<<<<<<0123456789");
    }

    async fn a_slice_that_the_writer_fails_on_is_among_the_unwritten_bytes<R: Runtime>() {
        for (step, in_doubt) in [(WriteStep::Zero, 0), (WriteStep::Panic, 9)] {
            let (handoff, mut task, _log) = scripted([WriteStep::Accept(3), step], eager());
            let error = handoff.try_write_slice(b"0123456789ab").unwrap().await.unwrap_err();
            assert_eq!((error.written(), error.in_doubt()), (3, in_doubt));
            let failure = task.run().unwrap().unwrap_err();
            assert_eq!((failure.written(), failure.unwritten().concat()), (3, b"3456789ab".to_vec()));
        }
    }

    /// What is accepted holds no room and can be kept, as a position or as a ticket that borrows nothing.
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
}
