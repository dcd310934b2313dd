//! Bytes are written in the order of acceptance, exactly once, however the writer takes them.

use super::support::*;

runtimes::tests! {
    async fn a_partial_vectored_write_goes_on_where_it_stopped<R: Runtime>() {
        let parts = ["abc", "defgh", "ijkl"];
        let whole = parts.concat();
        for first in 1..=whole.len() {
            for second in 1..=whole.len() - first {
                let steps = [WriteStep::Accept(first), WriteStep::Accept(second)];
                let (handoff, mut task, log) = scripted(steps, ungathered(8, 64));
                for part in parts {
                    put(&handoff, part);
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

    /// The rest of a producer's own write goes before chunks that other producers queued in the
    /// meantime.
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
            let mut parts = vec![
                text("<"),
                Bytes::new(),
                filled(b'0' + round, 2000 * usize::from(round % 2) + 1),
                text(">"),
            ];
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
}
