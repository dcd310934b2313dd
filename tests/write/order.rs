//! What is accepted is written in that order, exactly once, however the writer takes it.

use super::support::*;

runtimes::tests! {
    /// Gathered chunks and large ones, with and without tickets, are one stream.
    async fn held_and_large_writes_do_not_overtake_each_other<R: Runtime>() {
        let (handoff, mut task, log) = willing(direct());
        put(&handoff, "small ");
        let large = handoff.try_write(filled(b'L', 20_000)).unwrap();
        assert_eq!(large.try_result().map(|result| result.is_ok()), Some(true), "it is sent on the spot");
        put(&handoff, " small");
        task.run();
        let expected = [b"small ".to_vec(), vec![b'L'; 20_000], b" small".to_vec()].concat();
        assert_eq!(log.written(), expected);
    }

    async fn a_partial_vectored_write_goes_on_where_it_stopped<R: Runtime>() {
        let parts = ["abc", "defgh", "ijkl"];
        let whole = parts.concat();
        for first in 1..=whole.len() {
            for second in 1..=whole.len() - first {
                let steps = [WriteStep::Accept(first), WriteStep::Accept(second)];
                let (handoff, mut task, log) = scripted(steps, ungathered(8, 64));
                for part in parts {
                    handoff.try_write_fire_and_forget(text(part)).unwrap();
                }
                task.run();
                assert_eq!(log.written(), whole.as_bytes(), "stopped after {first} and {second}");
                let offered = |call: &Call| match *call {
                    Call::Write { offered } | Call::WriteVectored { offered, .. } => offered,
                    Call::Flush | Call::Close => 0,
                };
                let offers: Vec<usize> = log.calls().iter().map(offered).collect();
                assert_eq!(offers[1], whole.len() - first, "the rest is offered, no more and no less");
                assert_eq!(offers.get(2).copied().unwrap_or(0), whole.len() - first - second);
            }
        }
    }

    async fn a_writer_that_takes_byte_by_byte_gets_every_byte_once<R: Runtime>() {
        let sent = pattern(3000);
        let (handoff, mut task, log) = scripted(vec![WriteStep::Accept(1); 3000], unflushed());
        for part in sent.chunks(700) {
            handoff.try_write_fire_and_forget(Bytes::copy_from_slice(part)).unwrap();
        }
        task.run();
        assert_eq!(log.written(), sent);
        assert_eq!(log.calls().len(), 3000);
    }

    /// What a producer could not write itself is older than what others queued in the meantime.
    async fn an_inline_remainder_goes_first<R: Runtime>() {
        for copy_max in [0, 64] {
            let config = direct_limits(8, 64).with_send_at(10).with_copy_max(copy_max);
            let (handoff, mut task, log, gate) = gated_after(3, config);
            put(&handoff, "aaaaaaaaaa");
            assert_eq!(log.written(), b"aaa", "the producer polled the writer");
            assert_eq!(handoff.pending_bytes(), 7);
            put(&handoff, "bb");
            put(&handoff, "cccccccccccc");
            assert_eq!(log.written(), b"aaa", "nothing overtakes the remainder");
            gate.open();
            task.run();
            assert_eq!(log.written(), b"aaaaaaaaaabbcccccccccccc");
        }
    }

    async fn parts_stay_together<R: Runtime>() {
        let (handoff, mut task, log) = willing(defaults());
        let sender = handoff.sender();
        let mut expected = Vec::new();
        for round in 0..20 {
            let mut parts = vec![text("<"), Bytes::new(), filled(b'0' + round, 2000 * usize::from(round % 2) + 1), text(">")];
            expected.extend(parts.concat());
            match round % 3 {
                0 => drop(handoff.write_chunks(&mut parts).await.unwrap()),
                1 => drop(handoff.try_write_chunks(&mut parts).unwrap()),
                _ => drop(sender.write_chunks(&mut parts).await.unwrap()),
            }
            task.run();
        }
        assert_eq!(String::from_utf8(log.written()), String::from_utf8(expected));
    }

    /// Short writes, pending writes and every way to submit, checked against a plain vector.
    async fn a_slow_writer_gets_the_same_stream<R: Runtime>() {
        for seed in 0..30 {
            let writer = ScriptWriter::seeded(seed);
            let log = writer.log();
            let config = limits(16, 4096).with_send_at(1024).with_copy_max(128);
            let (handoff, mut task) = stream(writer, config);
            let sent = pattern(20_000);
            let mut rest = &sent[..];
            let mut len = seed as usize;
            while !rest.is_empty() {
                len = (len * 31 + 7) % 1500 + 1;
                let (part, left) = rest.split_at(len.min(rest.len()));
                let chunk = Bytes::copy_from_slice(part);
                match len % 4 {
                    0 => {
                        let mut write = Hand::new(handoff.write(chunk));
                        while write.run().is_none() {
                            assert!(task.is_due(), "the producer waits, and nobody works");
                            task.run();
                        }
                    }
                    1 => {
                        let (head, tail) = (chunk.slice(..part.len() / 2), chunk.slice(part.len() / 2..));
                        let mut parts = [head, tail];
                        let mut write = Hand::new(handoff.write_chunks(&mut parts));
                        while write.run().is_none() {
                            task.run();
                        }
                    }
                    _ => {
                        if handoff.try_write_fire_and_forget(chunk).is_err() {
                            task.run();
                            continue;
                        }
                    }
                }
                assert!(handoff.pending_bytes() <= 4096);
                assert!(handoff.stats().pending_items <= 16);
                rest = left;
            }
            task.run();
            assert!(log.written() == sent, "seed {seed}");
        }
    }
}
