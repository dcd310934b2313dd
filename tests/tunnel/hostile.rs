//! Streams that misbehave: they run their own tunnels, write more than they report, panic.

use super::support::*;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs another tunnel to its end in each call, and returns its output.
struct Nested(Vec<Vec<u8>>);

impl AsyncRead for Nested {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let Some(bytes) = self.0.pop() else { return Poll::Ready(Ok(0)) };
        let mut inner = Forward::new(&bytes[..], Vec::new());
        let transfer = inner.run().now_or_never().unwrap();
        assert_eq!((transfer.bytes, ended(&transfer)), (bytes.len() as u64, Ended::Closed));
        let (_, written, _) = inner.into_parts();
        let n = written.len().min(buf.len());
        buf[..n].copy_from_slice(&written[..n]);
        if n < written.len() {
            self.0.push(written[n..].to_vec());
        }
        Poll::Ready(Ok(n))
    }
}

/// Writes its mark to the whole buffer and reports less. The buffer must hold zeros or its own
/// mark.
struct Scribbler {
    mark: u8,
    told: Vec<Option<usize>>,
}

impl AsyncRead for Scribbler {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let mark = self.mark;
        assert!(buf.iter().all(|&byte| byte == 0 || byte == mark), "it was shown the bytes of another one");
        buf.fill(mark);
        match self.told.pop() {
            Some(Some(n)) => Poll::Ready(Ok(n.min(buf.len()))),
            Some(None) => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            None => Poll::Ready(Ok(0)),
        }
    }
}

runtimes::watched_tests! {
    fn a_reader_may_run_tunnels_of_its_own() {
        for len in [1, 500, 2048] {
            let pieces: Vec<_> = (0..20).map(|n| payload(len - n % len.min(3))).collect();
            let expected: Vec<u8> = pieces.iter().rev().flatten().copied().collect();
            let mut outer = Forward::new(Nested(pieces), Vec::new());
            let transfer = Hand::new(outer.run()).run().unwrap();
            assert_eq!(ended(&transfer), Ended::Closed);
            assert!(outer.into_parts().1 == expected);
        }
    }

    /// Tunnels of one thread take turns with the same memory.
    fn no_reader_is_shown_bytes_of_another_tunnel() {
        let told = |lens: &[Option<usize>]| lens.iter().copied().cycle().take(60).collect::<Vec<_>>();
        let scripts = [
            told(&[Some(1), None]),
            told(&[Some(2048), None, Some(5), None]),
            told(&[Some(1 << 20), Some(3), None]),
            told(&[None, Some(4000)]),
        ];
        let mut tunnels: Vec<_> = (1..)
            .zip(scripts.into_iter().cycle().take(12))
            .map(|(mark, told)| {
                let mut forward = Forward::new(Scribbler { mark, told }, futures_util::io::sink());
                Some(Box::pin(async move { ended(&forward.run().await) }))
            })
            .collect();
        let (waker, _) = futures_test::task::new_count_waker();
        while tunnels.iter().any(Option::is_some) {
            for place in &mut tunnels {
                if let Some(tunnel) = place {
                    if let Poll::Ready(end) = tunnel.as_mut().poll(&mut Context::from_waker(&waker)) {
                        assert_eq!(end, Ended::Closed);
                        *place = None;
                    }
                }
            }
        }
    }

    fn a_panic_of_a_stream_reaches_the_caller_and_no_other_tunnel_of_the_thread() {
        for before in [0, 10, 5000] {
            for reader_panics in [true, false] {
                let data = Some(ReadStep::data(payload(before))).filter(|_| before > 0);
                let (reads, writes) = if reader_panics {
                    (data.into_iter().chain([ReadStep::Panic]).collect(), vec![])
                } else {
                    (vec![ReadStep::data(payload(before + 1))], vec![WriteStep::Panic])
                };
                let ((near, _), (far, at_far)) = (
                    side(reads, ScriptWriter::willing()),
                    side([ReadStep::stuck()], ScriptWriter::new(writes)),
                );
                let mut tunnel = Tunnel::new(near, far);
                assert!(catch_unwind(AssertUnwindSafe(|| Hand::new(tunnel.run()).run().is_some())).is_err());
                if reader_panics {
                    let unwritten = tunnel.into_parts().to_b;
                    assert!([&at_far.written(), &unwritten[..]].concat() == payload(before));
                }
                // The bytes that the reader wrote there are gone.
                let told = vec![None, Some(2048), Some(1), None];
                let transfer =
                    Hand::new(Forward::new(Scribbler { mark: 1, told }, futures_util::io::sink()).run())
                        .run()
                        .unwrap();
                assert_eq!(ended(&transfer), Ended::Closed);
            }
        }
    }

    /// Bytes that were passed later go after those read meanwhile.
    fn what_is_given_between_two_runs_goes_behind_what_was_read() {
        for (len, narrowed) in [10, 3000, 50_000].into_iter().flat_map(|len| [(len, false), (len, true)]) {
            let gate = Gate::new();
            let (near, _) = side(
                [
                    ReadStep::data(payload(len)),
                    ReadStep::data(payload(len)),
                    ReadStep::Wait(gate.clone()),
                    ReadStep::data("end"),
                ],
                ScriptWriter::willing(),
            );
            let (far, at_far) = side([], ScriptWriter::new([WriteStep::Wait(gate.clone())]));
            let mut tunnel = Tunnel::new(near, far);
            {
                let mut run = tunnel.run().boxed_local();
                let (waker, _) = futures_test::task::new_count_waker();
                assert!(run.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            }
            let given = Bytes::from_static(b"given");
            let mut tunnel = if narrowed {
                tunnel.with_budget(5000).with_first_to_b(given)
            } else {
                tunnel.with_first_to_b(given)
            };
            gate.open();
            Hand::new(tunnel.run()).run().unwrap().into_result().unwrap();
            let expected = [&payload(len)[..], &payload(len), b"given", b"end"].concat();
            assert!(at_far.written() == expected, "{len}");
        }
    }
}
