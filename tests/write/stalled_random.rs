//! Random work for a writer that always goes on, and then for one that has stopped: only the second
//! one stalls. Periods have no length in time. In each period the test runs all tasks to rest.

use super::{stalled::Clock, support::*};
use fastrand::Rng;
use futures_util::{SinkExt, future::poll_fn};
use std::{
    future::Future,
    io,
    pin::Pin,
    sync::Arc,
    sync::atomic::{AtomicBool, Ordering},
    task::{Context, Poll},
};

/// Takes some of the bytes after a few polls that return `Pending`, until it is stopped.
struct Fickle {
    rng: Rng,
    pending: u8,
    stopped: Arc<AtomicBool>,
}

impl Fickle {
    fn call(&mut self, op: &Op<'_>, cx: &Context<'_>) -> Poll<io::Result<usize>> {
        if self.stopped.load(Ordering::Relaxed) {
            return Poll::Pending;
        }
        if self.pending > 0 {
            self.pending -= 1;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.pending = self.rng.u8(..3);
        op.all().map_ok(|len| if len > 1 && self.rng.bool() { self.rng.usize(1..=len) } else { len })
    }
}

type Stream = WriteHandoff<FnWriter<Poller>>;

/// A future of a producer.
type Work = Hand<Pin<Box<dyn Future<Output = ()>>>>;

fn config(rng: &mut Rng) -> WriteHandoffConfig {
    let inline = [Inline::Never, Inline::SameThread, Inline::Always][rng.usize(..3)];
    limits(rng.usize(1..6), rng.usize(8..64))
        .with_inline(inline)
        .with_copy_max(rng.usize(..9))
        .with_flush_when_idle(rng.bool())
}

/// Adds work, or gives up some of it.
fn act(rng: &mut Rng, handoff: &Stream, works: &mut Vec<Work>) {
    let bytes = filled(b'x', rng.usize(1..9));
    let handoff = handoff.clone();
    let work: Pin<Box<dyn Future<Output = ()>>> = match rng.u8(..12) {
        0 => return drop(handoff.try_write(bytes)),
        1 => return drop(handoff.try_write_slice(&bytes)),
        2 => return handoff.dispatch(),
        3 if !works.is_empty() => return drop(works.swap_remove(rng.usize(..works.len()))),
        4 | 5 => Box::pin(async move { handoff.flush().await.unwrap() }),
        6 => Box::pin(async move {
            handoff.write(bytes).await.unwrap().await.unwrap();
        }),
        7 => Box::pin(async move {
            let permit = handoff.reserve(8).await.unwrap();
            permit.send(bytes).unwrap();
        }),
        // It keeps its room until it is given up.
        8 => Box::pin(async move {
            let _permit = handoff.reserve(8).await.unwrap();
            pause().await;
        }),
        9 => Box::pin(async move {
            let mut sink = handoff.into_sink();
            poll_fn(|cx| sink.poll_ready_unpin(cx)).await.unwrap();
            sink.start_send_unpin(bytes).unwrap();
            pause().await;
        }),
        10 => Box::pin(async move {
            let produce = async {
                handoff.write_fire_and_forget(bytes.clone()).await.unwrap();
                handoff.write_fire_and_forget(bytes).await.unwrap();
            };
            handoff.batching(produce).await;
        }),
        _ => Box::pin(async move { handoff.sender().write_fire_and_forget(bytes).await.unwrap() }),
    };
    let mut work = Hand::new(work);
    if work.run().is_none() {
        works.push(work);
    }
}

/// Runs everything until all of it sleeps.
fn rest<W: futures_util::AsyncWrite + Unpin>(task: &mut Hand<WriteTask<W>>, works: &mut Vec<Work>) {
    while task.is_due() || works.iter().any(Hand::is_due) {
        assert!(task.run().is_none());
        works.retain_mut(|work| work.run().is_none());
    }
}

#[test]
fn a_writer_stalls_exactly_if_it_has_stopped() {
    for seed in 0..3000 {
        let mut rng = Rng::with_seed(seed);
        let stopped = Arc::new(AtomicBool::new(false));
        let mut writer = Fickle { rng: rng.fork(), pending: 0, stopped: Arc::clone(&stopped) };
        let writer: FnWriter<Poller> = FnWriter(Box::new(move |op, cx| writer.call(&op, cx)));
        let (handoff, task) = WriteHandoff::new(writer, config(&mut rng));
        let (mut task, mut works, clocks) =
            (Hand::new(task), Vec::new(), [Clock::default(), Clock::default()]);
        let weak = handoff.downgrade();
        let mut watchdog = Hand::waiting(handoff.stalled(clocks[0].timer()));
        let mut of_weak = Hand::waiting(weak.stalled(clocks[1].timer()));
        for period in 0..20 {
            for _ in 0..rng.u8(..4) {
                act(&mut rng, &handoff, &mut works);
            }
            if rng.bool() {
                rest(&mut task, &mut works);
                (0..rng.u8(..3)).for_each(|_| act(&mut rng, &handoff, &mut works));
            }
            // The end of the period comes at any time, and before or after the task has its turn.
            assert_eq!(clocks[0].end_period(&mut watchdog), None, "seed {seed}, period {period}");
            assert_eq!(clocks[1].end_period(&mut of_weak), None, "seed {seed}, period {period}");
            rest(&mut task, &mut works);
        }
        let stats = handoff.stats();
        let is_settled = stats.written == stats.accepted || works.iter().any(Hand::is_due);
        assert!(is_settled, "seed {seed}: {stats:?}");
        stopped.store(true, Ordering::Relaxed);
        // Permits and sinks give up their room.
        works.clear();
        rest(&mut task, &mut works);
        // It fails if enough is queued already.
        let _ = handoff.try_write_fire_and_forget(text("x"));
        assert!(handoff.pending_bytes() > 0, "seed {seed}");
        rest(&mut task, &mut works);
        clocks[0]
            .end_period(&mut watchdog)
            .or_else(|| clocks[0].end_period(&mut watchdog))
            .expect("it has stopped");
        drop(watchdog);
        drop(handoff);
        rest(&mut task, &mut works);
        let end = clocks[1].end_period(&mut of_weak).or_else(|| clocks[1].end_period(&mut of_weak));
        assert_eq!(end, Some(true), "seed {seed}");
    }
}
