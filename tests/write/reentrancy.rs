//! A handle used from inside the writer, a waker or a destructor: no deadlock, and the order is
//! kept.

use super::support::*;
use futures_handoff::WeakWriteHandoff;
use futures_util::{AsyncWrite, future::LocalBoxFuture};
use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Wake, Waker},
};

/// Uses the stream in every way that does not wait, and counts how often.
#[derive(Default)]
struct Touch {
    sender: OnceLock<WriteHandoff>,
    abort: OnceLock<WeakWriteHandoff>,
    touched: AtomicUsize,
}

impl Touch {
    fn touch(&self) {
        let Some(sender) = self.sender.get() else { return };
        self.touched.fetch_add(1, Ordering::SeqCst);
        // Whether it is accepted depends on the state that the stream is in.
        drop(sender.try_write(Bytes::new()));
        drop(Hand::new(sender.write(Bytes::new())).run());
        drop(Hand::new(sender.flush()).run());
        drop(Hand::new(sender.closed()).run());
        drop(sender.clone());
        let _ =
            (sender.pending_bytes(), sender.stats().pending_items, sender.available(), sender.close_reason());
        let _ = (sender.stats(), format!("{sender:?} {:?}", self.abort.get()));
    }

    fn count(&self) -> usize {
        self.touched.load(Ordering::SeqCst)
    }

    fn set<W: AsyncWrite + Unpin>(&self, handoff: &WriteHandoff<W>) {
        self.sender.set(handoff.sender()).unwrap();
        self.abort.set(handoff.sender().downgrade()).unwrap();
    }
}

/// A waker, or an owner of memory. It uses the stream when it is woken, and when it is dropped.
struct Touching(Vec<u8>, Arc<Touch>);

impl Touching {
    fn waker(touch: &Arc<Touch>) -> Waker {
        Waker::from(Arc::new(Self(Vec::new(), Arc::clone(touch))))
    }
}

impl Wake for Touching {
    fn wake(self: Arc<Self>) {
        self.1.touch();
    }
}

impl AsRef<[u8]> for Touching {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Touching {
    fn drop(&mut self) {
        self.1.touch();
    }
}

/// One waiter of each kind, the ticket of 8 bytes first. They return whether they failed.
fn waits(handoff: &WriteHandoff<ScriptWriter>) -> Vec<LocalBoxFuture<'_, bool>> {
    let ticket = handoff.try_write(text("eight888")).unwrap();
    vec![
        ticket.map(|result| result.is_err()).boxed_local(),
        handoff.write(text("a")).map(|result| result.is_err()).boxed_local(),
        handoff.flush().map(|result| result.is_err()).boxed_local(),
        handoff.closed().map(|result| result.is_err()).boxed_local(),
    ]
}

/// Polls each of them once, with its own waker.
fn poll_touching(waits: &mut [LocalBoxFuture<'_, bool>], touch: &Arc<Touch>) {
    for wait in waits {
        assert!(wait.poll_unpin(&mut Context::from_waker(&Touching::waker(touch))).is_pending());
    }
}

runtimes::tests! {
    async fn a_writer_may_write_to_its_own_stream<R: Runtime>() {
        fn echo(own: WriteHandoff, inside: Inside, times: usize) {
            inside.clone().set(move || {
                put(&own, "echo");
                if times > 1 {
                    echo(own, inside, times - 1);
                }
            });
        }
        for (inline, len) in [(Inline::Never, 5), (Inline::Always, 20_000)] {
            let (writer, log, inside) = running(ScriptWriter::willing());
            let (handoff, mut task) = stream(writer, defaults().with_inline(inline));
            echo(handoff.sender(), inside, 3);
            put_each(&handoff, b'a', [len]);
            task.run();
            assert!(log.written() == [&vec![b'a'; len][..], b"echoechoecho"].concat());
        }
    }

    /// Also through a handle that could poll the writer if it were not busy.
    async fn a_writer_may_use_any_handle_to_itself<R: Runtime>() {
        for inline in [Inline::Never, Inline::Always] {
            let (writer, log, inside) = running(ScriptWriter::willing());
            let (handoff, mut task) = stream(writer, limits(8, 20_000).with_inline(inline));
            let weak = handoff.downgrade();
            inside.set(move || {
                let own = weak.upgrade().unwrap();
                assert!(own.with_writer(|_| ()).is_none(), "it is being polled");
                assert!(own.try_write(text("no room")).unwrap_err().is_full());
                drop(Hand::waiting(own.write(text("no room"))));
                drop(Hand::waiting(own.flush()));
                own.dispatch();
                assert!(own.written().try_result().is_none());
                drop(Hand::waiting(own.batching(own.reserve(20_000))));
                assert_eq!(own.available(), 0);
            });
            put_each(&handoff, 0, [20_000]);
            handoff.dispatch();
            task.run();
            assert!(!inside.is_set());
            assert_eq!((handoff.stats().written, log.len()), (20_000, 20_000));
        }
    }

    /// The last handle is dropped while the writer is being polled, by the task and by the producer
    /// that owns it.
    async fn a_writer_may_drop_the_last_handle<R: Runtime>() {
        for inline in [Inline::Never, Inline::Always] {
            let (writer, log, inside) = running(ScriptWriter::willing());
            let (handoff, task) = WriteHandoff::new(writer, unflushed().with_inline(inline));
            let mut task = Hand::waiting(task);
            let last = handoff.sender();
            inside.set(move || drop(last));
            put(&handoff, "a");
            if inline == Inline::Always {
                handoff.dispatch();
            }
            drop(handoff);
            assert!(task.run().expect("it ends").is_ok());
            assert_eq!(log.calls(), [Call::Write { offered: 1 }, Call::Flush, Call::Close]);
        }
    }

    async fn wakers_may_use_the_stream<R: Runtime>() {
        for fail in [false, true] {
            let gate = Gate::new();
            let then = if fail { WriteStep::Zero } else { WriteStep::Accept(usize::MAX) };
            let (handoff, task, _log) = scripted([WriteStep::Wait(gate.clone()), then], limits(8, 8));
            let touch = Arc::new(Touch::default());
            touch.set(&handoff);
            // The task's own waker too.
            let (task_waker, mut task) = (Touching::waker(&touch), task.into_future());
            let mut run = || task.as_mut().poll(&mut Context::from_waker(&task_waker));
            let mut waits = waits(&handoff);
            assert!(run().is_pending());
            // The second waker of each replaces the first, which is dropped.
            poll_touching(&mut waits, &touch);
            poll_touching(&mut waits, &touch);
            let before = touch.count();
            gate.open();
            assert_eq!(run().is_ready(), fail);
            assert!(touch.count() > before);
            let ticket = waits.remove(0);
            drop(waits);
            assert_eq!(ticket.await, fail);
            if !fail {
                handoff.downgrade().abort();
                assert!(run().is_ready());
            }
        }
    }

    async fn wakers_of_cancelled_futures_may_use_the_stream_when_dropped<R: Runtime>() {
        let (handoff, mut task, _log, gate) = gated(limits(8, 8));
        let touch = Arc::new(Touch::default());
        touch.set(&handoff);
        let mut waits = waits(&handoff);
        poll_touching(&mut waits, &touch);
        let before = touch.count();
        drop(waits);
        assert_eq!(touch.count(), before + 4);
        gate.open();
        task.run();
    }

    async fn freed_blocks_may_use_the_stream<R: Runtime>() {
        for inline in [Inline::Never, Inline::Always] {
            let (handoff, mut task, _log) = willing(limits(8, 30_000).with_inline(inline));
            let touch = Arc::new(Touch::default());
            touch.set(&handoff);
            let block = |len| Bytes::from_owner(Touching(vec![0; len], Arc::clone(&touch)));
            let expect = |n| assert_eq!(touch.count(), n);
            handoff.try_write_fire_and_forget(block(10)).unwrap();
            expect(1);
            handoff.try_write_chunks(&mut [block(10), block(10)]).unwrap();
            expect(3);
            handoff.try_reserve(10).unwrap().send(block(10)).unwrap();
            expect(4);
            handoff.try_write_chunks(&mut [block(2000), block(2000)]).unwrap();
            handoff.try_write_fire_and_forget(block(20_000)).unwrap();
            task.run();
            expect(7);
            handoff.try_write_fire_and_forget(filled(0, 20_000)).unwrap();
            drop(handoff.try_write(block(40_000)).unwrap_err());
            drop(Hand::new(handoff.write(block(30_000))).run());
            expect(9);
            task.run();
            // The first chunk of a batch, which is held.
            handoff.batching(async { handoff.write_fire_and_forget(block(10)).await.unwrap() }).await;
            expect(10);
            task.run();
            handoff.batching(async { handoff.try_write_fire_and_forget(block(10)).unwrap() }).await;
            expect(11);
            task.run();
            // A chunk that an abort leaves, dropped with its owner.
            handoff.try_write_fire_and_forget(block(2000)).unwrap();
            handoff.downgrade().abort();
            drop(task.run());
            expect(12);
            drop(handoff.try_write(block(10)));
            expect(13);
        }
    }

    /// User code panics, not the writer. The other waiters are still woken.
    async fn a_waker_that_panics_leaves_no_waiter_asleep<R: Runtime>() {
        struct PanickingWaker;

        impl Wake for PanickingWaker {
            fn wake(self: Arc<Self>) {
                panic!("the waker panics as planned");
            }
        }

        for inline in [Inline::Never, Inline::Always] {
            let (handoff, mut task, _log) = willing(defaults().with_inline(inline));
            let mut tickets: Vec<_> = (0..4).map(|i| handoff.try_write(filled(i, 10)).unwrap()).collect();
            let waker = Waker::from(Arc::new(PanickingWaker));
            for ticket in &mut tickets[1..3] {
                assert!(ticket.poll_unpin(&mut Context::from_waker(&waker)).is_pending());
            }
            let mut last = Hand::waiting(tickets.pop().unwrap());
            let mut closed = Hand::waiting(handoff.closed());
            // Neither the dispatching producer nor the task sees the panic.
            handoff.dispatch();
            task.run();
            assert!(last.is_due(), "its waker was behind those that panicked");
            assert!(last.run().unwrap().is_ok());
            assert!(closed.run().is_none());
            put(&handoff, "and the stream goes on");
            task.run();
            assert_eq!(handoff.pending_bytes(), 0);
        }
    }

    async fn a_writer_may_use_the_stream_in_every_call_and_when_it_is_dropped<R: Runtime>() {
        for drop_task in [false, true] {
            let touch = Arc::new(Touch::default());
            let (mut inner, touching) = (ScriptWriter::seeded(1), Touching(Vec::new(), Arc::clone(&touch)));
            let log = inner.log();
            let poller: Poller = Box::new(move |op, cx| {
                touching.1.touch();
                op.on(&mut inner, cx)
            });
            let (handoff, mut task) = stream(FnWriter(poller), limits(8, 4096).with_send_at(64));
            touch.set(&handoff);
            for len in [10, 100, 1000, 3000] {
                let mut write = Hand::new(handoff.write(filled(1, len)));
                while write.run().is_none() {
                    task.run();
                }
            }
            while handoff.pending_bytes() > 0 {
                task.run();
            }
            assert_eq!(log.len(), 4110);
            let before = touch.count();
            if drop_task {
                drop(task);
            } else {
                let close = closing(&handoff);
                drop(task.run().unwrap().unwrap());
                assert!(close.await.is_ok());
            }
            assert!(touch.count() > before);
            assert!(log.is_dropped());
        }
    }
}
