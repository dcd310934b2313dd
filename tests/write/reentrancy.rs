//! A handle used from inside the writer, a waker or a destructor: no deadlock, and the order is kept.

use super::support::*;
use futures_handoff::{WeakWriteHandoff, WriteHandoff};
use futures_util::AsyncWrite;
use std::{
    io,
    pin::Pin,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

/// Uses the stream in every way that does not wait, and notes how often.
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

/// Touches the stream when it is woken, and when it is dropped.
struct TouchingWaker(Arc<Touch>);

impl Wake for TouchingWaker {
    fn wake(self: Arc<Self>) {
        self.0.touch();
    }
}

impl Drop for TouchingWaker {
    fn drop(&mut self) {
        self.0.touch();
    }
}

/// A block of memory that touches the stream when it is freed.
struct TouchingBlock(Vec<u8>, Arc<Touch>);

impl AsRef<[u8]> for TouchingBlock {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for TouchingBlock {
    fn drop(&mut self) {
        self.1.touch();
    }
}

/// A writer that touches the stream in every call and when it is dropped.
#[derive(Debug)]
struct TouchingWriter<W>(W, Arc<Touch>);

impl std::fmt::Debug for Touch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Touch")
    }
}

impl<W: AsyncWrite + Unpin> AsyncWrite for TouchingWriter<W> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.1.touch();
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.1.touch();
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.1.touch();
        Pin::new(&mut self.0).poll_close(cx)
    }
}

impl<W> Drop for TouchingWriter<W> {
    fn drop(&mut self) {
        self.1.touch();
    }
}

runtimes::tests! {
    async fn a_writer_may_write_to_its_own_stream<R: Runtime>() {
        for (inline, len) in [(Inline::Never, 5), (Inline::Always, 20_000)] {
            let sender: Arc<OnceLock<WriteHandoff>> = Arc::default();
            let written: Arc<Mutex<Vec<u8>>> = Arc::default();
            let (own, taken) = (Arc::clone(&sender), Arc::clone(&written));
            let mut echoes = 3;
            let writer = FnWriter(move |op: Op<'_>, _: &mut Context<'_>| {
                if let Op::Write(slices) = &op {
                    if echoes > 0 {
                        echoes -= 1;
                        own.get().unwrap().try_write_fire_and_forget(text("echo")).unwrap();
                    }
                    slices.iter().for_each(|slice| taken.lock().unwrap().extend_from_slice(slice));
                }
                op.all()
            });
            let (handoff, mut task) = stream(writer, defaults().with_inline(inline));
            sender.set(handoff.sender()).unwrap();
            handoff.try_write_fire_and_forget(filled(b'a', len)).unwrap();
            task.run();
            let expected = [vec![b'a'; len], b"echoechoecho".to_vec()].concat();
            assert!(*written.lock().unwrap() == expected);
        }
    }

    /// Also through a handle that could poll the writer, were it not busy.
    async fn a_writer_may_use_any_handle_to_itself<R: Runtime>() {
        type Slot = Arc<Mutex<Option<Box<dyn FnOnce() + Send>>>>;
        for inline in [Inline::Never, Inline::Always] {
            let slot = Slot::default();
            let inside = Arc::clone(&slot);
            let writer = FnWriter(move |op: Op<'_>, _: &mut Context<'_>| {
                let action = inside.lock().unwrap().take();
                if let Some(action) = action {
                    action();
                }
                op.all()
            });
            let (handoff, mut task) = stream(writer, limits(8, 20_000).with_inline(inline));
            let weak = handoff.downgrade();
            *slot.lock().unwrap() = Some(Box::new(move || {
                let own = weak.upgrade().unwrap();
                assert!(own.with_writer(|_| ()).is_none(), "it is being polled");
                assert!(own.try_write(text("no room")).unwrap_err().is_full());
                drop(Hand::waiting(own.write(text("no room"))));
                drop(Hand::waiting(own.flush()));
                own.dispatch();
                assert!(own.written().try_result().is_none());
                drop(Hand::waiting(own.batching(own.reserve(20_000))));
                assert_eq!(own.available(), 0);
            }));
            handoff.try_write_fire_and_forget(filled(0, 20_000)).unwrap();
            handoff.dispatch();
            task.run();
            assert!(slot.lock().unwrap().is_none());
            assert_eq!(handoff.stats().written, 20_000);
        }
    }

    /// The last handle goes while the writer is being polled, by the task and by the producer that owns it.
    async fn a_writer_may_drop_the_last_handle<R: Runtime>() {
        for inline in [Inline::Never, Inline::Always] {
            let last: Arc<Mutex<Option<WriteHandoff>>> = Arc::default();
            let inside = Arc::clone(&last);
            let calls: Arc<Mutex<Vec<&str>>> = Arc::default();
            let noted = Arc::clone(&calls);
            let writer = FnWriter(move |op: Op<'_>, _: &mut Context<'_>| {
                drop(inside.lock().unwrap().take());
                noted.lock().unwrap().push(match op {
                    Op::Write(_) => "write",
                    Op::Flush => "flush",
                    Op::Close => "close",
                });
                op.all()
            });
            let (handoff, task) = WriteHandoff::new(writer, unflushed().with_inline(inline));
            let mut task = Hand::waiting(task);
            *last.lock().unwrap() = Some(handoff.sender());
            put(&handoff, "a");
            if inline == Inline::Never {
                drop(handoff);
                assert!(task.run().expect("it ends").is_ok());
            } else {
                handoff.dispatch();
                drop(handoff);
                assert!(task.run().expect("it ends").is_ok());
            }
            assert_eq!(*calls.lock().unwrap(), ["write", "flush", "close"]);
        }
    }

    async fn a_writer_may_close_its_own_stream<R: Runtime>() {
        let sender: Arc<OnceLock<WriteHandoff>> = Arc::default();
        let own = Arc::clone(&sender);
        let writer = FnWriter(move |op: Op<'_>, _: &mut Context<'_>| {
            own.get().unwrap().close();
            op.all()
        });
        let (handoff, mut task) = stream(writer, direct());
        sender.set(handoff.sender()).unwrap();
        handoff.try_write_fire_and_forget(filled(0, 20_000)).unwrap();
        assert!(handoff.is_closed());
        assert!(task.run().unwrap().is_ok());
        assert_eq!(handoff.stats().flushed, 20_000);
    }

    async fn wakers_may_use_the_stream<R: Runtime>() {
        for fail in [false, true] {
            let gate = Gate::new();
            let steps =
                [WriteStep::Wait(gate.clone()), if fail { WriteStep::Zero } else { WriteStep::Accept(usize::MAX) }];
            let (handoff, task, _log) = scripted(steps, limits(8, 8));
            let touch = Arc::new(Touch::default());
            touch.set(&handoff);
            let touching = || Waker::from(Arc::new(TouchingWaker(Arc::clone(&touch))));
            // The task's own, too.
            let task_waker = touching();
            let mut task = task.into_future();
            let mut run = || task.as_mut().poll(&mut Context::from_waker(&task_waker));
            let mut ticket = handoff.try_write(text("eight888")).unwrap();
            assert!(run().is_pending());
            let (mut write, mut flush, mut closed) =
                (handoff.write(text("a")), Box::pin(handoff.flush()), Box::pin(handoff.closed()));
            // The second waker of each replaces the first, which is dropped.
            for _ in 0..2 {
                assert!(ticket.poll_unpin(&mut Context::from_waker(&touching())).is_pending());
                assert!(write.poll_unpin(&mut Context::from_waker(&touching())).is_pending());
                assert!(flush.poll_unpin(&mut Context::from_waker(&touching())).is_pending());
                assert!(closed.poll_unpin(&mut Context::from_waker(&touching())).is_pending());
            }
            let before = touch.count();
            gate.open();
            let ended = run().is_ready();
            assert_eq!(ended, fail);
            assert!(touch.count() > before);
            drop((write, flush, closed));
            assert_eq!(ticket.await.is_err(), fail);
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
        let waker = || Waker::from(Arc::new(TouchingWaker(Arc::clone(&touch))));
        let mut ticket = handoff.try_write(text("eight888")).unwrap();
        let (mut write, mut flush, mut closed) =
            (handoff.write(text("a")), Box::pin(handoff.flush()), Box::pin(handoff.closed()));
        assert!(ticket.poll_unpin(&mut Context::from_waker(&waker())).is_pending());
        assert!(write.poll_unpin(&mut Context::from_waker(&waker())).is_pending());
        assert!(flush.poll_unpin(&mut Context::from_waker(&waker())).is_pending());
        assert!(closed.poll_unpin(&mut Context::from_waker(&waker())).is_pending());
        let before = touch.count();
        drop((ticket, write, flush, closed));
        assert_eq!(touch.count(), before + 4);
        gate.open();
        task.run();
    }

    async fn freed_blocks_may_use_the_stream<R: Runtime>() {
        for inline in [Inline::Never, Inline::Always] {
            let (handoff, mut task, _log) = willing(limits(8, 30_000).with_inline(inline));
            let touch = Arc::new(Touch::default());
            touch.set(&handoff);
            let block = |len| Bytes::from_owner(TouchingBlock(vec![0; len], Arc::clone(&touch)));
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
            // Held, the first of a batch.
            handoff.batching(async { handoff.write_fire_and_forget(block(10)).await.unwrap() }).await;
            expect(10);
            task.run();
            handoff.batching(async { handoff.try_write_fire_and_forget(block(10)).unwrap() }).await;
            expect(11);
            task.run();
            // Left over by an abort, and dropped with what carries it.
            handoff.try_write_fire_and_forget(block(2000)).unwrap();
            handoff.downgrade().abort();
            drop(task.run());
            expect(12);
            drop(handoff.try_write(block(10)));
            expect(13);
        }
    }

    /// It is user code that panics, and not the writer's; the others are told all the same.
    async fn a_waker_that_panics_leaves_nobody_asleep<R: Runtime>() {
        struct PanickingWaker;

        impl Wake for PanickingWaker {
            fn wake(self: Arc<Self>) {
                panic!("the waker panics as told");
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
            // Neither whoever dispatches nor the task has anything to do with it.
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

    /// The same for memory that panics when it is freed. Its bytes are written all the same.
    async fn a_block_that_panics_when_freed_is_written<R: Runtime>() {
        struct PanickingBlock(Vec<u8>);

        impl AsRef<[u8]> for PanickingBlock {
            fn as_ref(&self) -> &[u8] {
                &self.0
            }
        }

        impl Drop for PanickingBlock {
            fn drop(&mut self) {
                if !std::thread::panicking() {
                    panic!("the block panics as told");
                }
            }
        }

        for inline in [Inline::Never, Inline::Always] {
            let (handoff, mut task, log) = willing(limits(8, 10_000).with_inline(inline));
            let bytes = Bytes::from_owner(PanickingBlock(vec![0; 2000]));
            let mut ticket = Hand::waiting(handoff.try_write(bytes).unwrap());
            let mut flush = Hand::new(async { handoff.flush().await });
            let mut write = Hand::new(handoff.write(filled(0, 9000)));
            let written = write.run();
            let flushed = flush.run();
            task.run();
            assert!(ticket.run().unwrap().is_ok());
            assert!(written.or_else(|| write.run()).unwrap().is_ok());
            task.run();
            assert!(flushed.or_else(|| flush.run()).unwrap().is_ok());
            assert_eq!((log.len(), handoff.pending_bytes(), handoff.is_closed()), (11_000, 0, false));
        }
    }

    async fn a_writer_may_use_the_stream_in_every_call_and_when_it_is_dropped<R: Runtime>() {
        for drop_task in [false, true] {
            let touch = Arc::new(Touch::default());
            let writer = TouchingWriter(ScriptWriter::seeded(1), Arc::clone(&touch));
            let log = writer.0.log();
            let (handoff, mut task) = stream(writer, limits(8, 4096).with_send_at(64));
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
