//! Code of others that panics, or that does in a wake-up what others do later: it harms nobody but itself.

use std::{
    cell::{Cell, RefCell},
    error, fmt,
    future::Future,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc,
    },
    task::{Context, Poll, Wake, Waker},
    thread,
};

use futures_handoff::{CloseReason, Inline, WriteHandoff, WriteHandoffConfig, WriteTask, bytes::Bytes};
use futures_handoff_runtimes::{
    self as runtimes,
    io::{Gate, ScriptWriter, WriteStep},
};
use futures_util::{AsyncWrite, FutureExt, future::BoxFuture};

/// Everything is sent at once, by producers, too.
fn at_once(max_items: usize, max_pending_bytes: usize) -> WriteHandoffConfig {
    let limits = WriteHandoffConfig::new(max_items, max_pending_bytes);
    limits.with_send_at(0).with_inline(Inline::Always)
}

fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    future.poll_unpin(&mut Context::from_waker(Waker::noop()))
}

/// A stream whose task has begun on this thread.
fn begun<W: AsyncWrite + Unpin>(writer: W, config: WriteHandoffConfig) -> (WriteHandoff<W>, WriteTask<W>) {
    let (handoff, mut task) = WriteHandoff::new(writer, config);
    assert!(poll(&mut task).is_pending());
    (handoff, task)
}

/// Polls its future inside of `wake`, as a small executor may.
struct AtOnce {
    future: Mutex<Option<BoxFuture<'static, ()>>>,
    due: AtomicBool,
    left: Arc<AtomicUsize>,
}

impl AtOnce {
    fn new(left: &Arc<AtomicUsize>, future: impl Future<Output = ()> + Send + 'static) -> Arc<Self> {
        left.fetch_add(1, Ordering::SeqCst);
        let future = Mutex::new(Some(future.boxed()));
        Arc::new(Self { future, due: AtomicBool::new(false), left: Arc::clone(left) })
    }
}

impl Wake for AtOnce {
    fn wake(self: Arc<Self>) {
        self.due.store(true, Ordering::SeqCst);
        // Who is polling it sees to it.
        let Ok(mut slot) = self.future.try_lock() else { return };
        let waker = Waker::from(Arc::clone(&self));
        while self.due.swap(false, Ordering::SeqCst) {
            let Some(future) = &mut *slot else { return };
            if future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
                *slot = None;
                self.left.fetch_sub(1, Ordering::SeqCst);
            }
        }
    }
}

/// Panics where it is told to.
struct Bomb {
    on_wake: bool,
    on_drop: bool,
}

impl Wake for Bomb {
    fn wake(self: Arc<Self>) {
        assert!(!self.on_wake, "the waker panics as told");
    }
}

impl Drop for Bomb {
    fn drop(&mut self) {
        assert!(!self.on_drop, "the drop panics as told");
    }
}

/// Memory whose owner panics when it is freed.
struct Owner {
    bytes: Vec<u8>,
    _bomb: Bomb,
}

impl AsRef<[u8]> for Owner {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

fn owned(len: usize) -> Bytes {
    Bytes::from_owner(Owner { bytes: vec![7; len], _bomb: Bomb { on_wake: false, on_drop: true } })
}

/// What a writer runs.
type Inside = Arc<OnceLock<Box<dyn Fn() + Send + Sync>>>;

/// A writer that panics when it is dropped, and runs something in its first call.
struct Fragile {
    inside: Inside,
    _bomb: Bomb,
}

impl Fragile {
    fn new() -> (Self, Inside) {
        let inside = Arc::new(OnceLock::new());
        let bomb = Bomb { on_wake: false, on_drop: true };
        (Self { inside: Arc::clone(&inside), _bomb: bomb }, inside)
    }
}

impl AsyncWrite for Fragile {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if let Some(inside) = self.inside.get() {
            inside();
        }
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// An error that panics when it is dropped.
struct FragileError(#[expect(dead_code, reason = "for its drop")] Bomb);

impl fmt::Debug for FragileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FragileError")
    }
}

impl fmt::Display for FragileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("fragile")
    }
}

impl error::Error for FragileError {}

/// Fails with a [`FragileError`].
struct Failing;

impl AsyncWrite for Failing {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        let bomb = Bomb { on_wake: false, on_drop: true };
        Poll::Ready(Err(io::Error::other(FragileError(bomb))))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

const MANY: usize = 100_000;

runtimes::watched_tests! {
    /// Each of them is served in the wake-up of the one before it.
    fn waiters_in_line_that_are_polled_inside_of_wake_do_not_nest_without_end() {
        let (handoff, task) = begun(ScriptWriter::willing(), at_once(8, 1).with_cooperative(false));
        let left = Arc::default();
        let permit = handoff.try_reserve(1).unwrap();
        for _ in 0..MANY {
            let handoff = handoff.clone();
            Waker::from(AtOnce::new(&left, async move {
                handoff.write_fire_and_forget(Bytes::from_static(b"x")).await.unwrap();
            }))
            .wake();
        }
        assert_eq!(left.load(Ordering::SeqCst), MANY);
        drop(permit);
        assert_eq!((left.load(Ordering::SeqCst), handoff.stats().written), (0, MANY as u64));
        drop(task);
    }

    /// Nothing would wake the task again: the stream ends, so that nobody waits for ever.
    fn a_task_whose_waker_panics_ends_the_stream_and_harms_no_producer() {
        for on_drop in [false, true] {
            let (handoff, task) =
                WriteHandoff::new(ScriptWriter::willing(), WriteHandoffConfig::new(8, 8));
            let mut task = Box::pin(task);
            let waker = Waker::from(Arc::new(Bomb { on_wake: !on_drop, on_drop }));
            assert!(task.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            // Then the stream holds the last reference to it.
            drop(waker);
            let mut closed = Box::pin(handoff.closed());
            assert!(poll(&mut closed).is_pending());
            // The producer wakes the task, and does not see what comes of it.
            let mut ticket = handoff.try_write(Bytes::from_static(b"8 bytes!")).unwrap();
            assert!(matches!(poll(&mut closed), Poll::Ready(Err(CloseReason::Panicked))));
            let Poll::Ready(Err(error)) = poll(&mut ticket) else { panic!("the ticket hangs") };
            assert!(matches!(error.reason(), CloseReason::Panicked));
            assert!(matches!(poll(&mut Box::pin(handoff.flush())), Poll::Ready(Err(CloseReason::Panicked))));
            assert!(poll(&mut handoff.write(Bytes::from_static(b"more"))).is_ready());
            handoff.close();
            assert!(matches!(poll(&mut Box::pin(handoff.closed())), Poll::Ready(Err(CloseReason::Panicked))));
            let Poll::Ready(Err(failure)) = poll(&mut task) else { panic!("the task goes on") };
            assert_eq!(failure.unwritten().concat(), b"8 bytes!");
        }
    }

    /// Dropping one while the other one's panic unwinds would abort.
    fn owners_of_unwritten_chunks_that_panic_abort_nothing_and_reach_nobody() {
        // More than the stream copies, and with the first one in the writer's hands or still in the queue.
        for offered in [false, true] {
            for end in ["the task first", "the handle first", "an abort", "a ticket last"] {
                let writer = ScriptWriter::new([WriteStep::Wait(Gate::new())]);
                let (handoff, mut task) = begun(writer, WriteHandoffConfig::default());
                let tickets: Vec<_> = (0..3).map(|_| handoff.try_write(owned(5000)).unwrap()).collect();
                if offered {
                    assert!(poll(&mut task).is_pending());
                }
                match end {
                    "the task first" => drop((tickets, task, handoff)),
                    "the handle first" => drop((tickets, handoff, task)),
                    "an abort" => {
                        handoff.downgrade().abort();
                        assert!(poll(&mut task.detach()).is_ready());
                        drop((tickets, handoff));
                    }
                    _ => drop((task, handoff, tickets)),
                }
            }
        }
    }

    fn what_adapters_have_put_into_the_line_may_panic_when_it_is_freed() {
        use futures_util::SinkExt;
        let writer = ScriptWriter::new([WriteStep::Wait(Gate::new())]);
        let (handoff, task) = begun(writer, WriteHandoffConfig::new(8, 5000));
        let mut sinks: Vec<_> = (0..3).map(|_| handoff.clone().into_sink()).collect();
        for sink in &mut sinks {
            assert!(sink.poll_ready_unpin(&mut Context::from_waker(Waker::noop())).is_ready());
        }
        for sink in &mut sinks {
            sink.start_send_unpin(owned(5000)).unwrap();
        }
        drop((task, sinks, handoff));
    }

    fn the_room_that_a_send_leaves_is_granted_although_the_owner_panics() {
        let writer = ScriptWriter::new([WriteStep::Wait(Gate::new())]);
        let (handoff, task) = begun(writer, WriteHandoffConfig::new(8, 100));
        let permit = handoff.try_reserve(100).unwrap();
        let mut waiting = handoff.write(Bytes::from_static(&[1; 50]));
        assert!(poll(&mut waiting).is_pending());
        // It is copied, and freed at once.
        assert!(permit.send(owned(10)).is_ok());
        assert!(poll(&mut waiting).is_ready(), "the rest is for those who wait");
        drop(task);
    }

    fn a_writer_that_panics_when_it_is_dropped_reaches_no_producer() {
        // The last handle is what drops it.
        let (writer, _inside) = Fragile::new();
        let (handoff, mut task) = begun(writer, WriteHandoffConfig::default());
        handoff.downgrade().abort();
        let ticket = handoff.written();
        let _ = poll(&mut task).map(std::mem::forget);
        drop(task);
        drop((handoff, ticket));

        let (writer, _inside) = Fragile::new();
        let (handoff, task) = WriteHandoff::new(writer, WriteHandoffConfig::default());
        let mut task = task.detach();
        handoff.downgrade().abort();
        assert!(poll(&mut task).is_ready());
        drop(task);
        drop(handoff);

        // The task is gone while a producer polls the writer, which then sees to the end.
        let (writer, inside) = Fragile::new();
        let (handoff, task) = begun(writer, at_once(8, 100));
        let task = Mutex::new(Some(task));
        let drop_task = Box::new(move || drop(task.lock().unwrap().take()));
        assert!(inside.set(drop_task).is_ok());
        assert!(handoff.try_write(Bytes::from_static(b"taken")).is_ok());
        assert!(matches!(handoff.close_reason(), Some(CloseReason::TaskDropped)));
        drop(handoff);
    }

    fn an_error_that_panics_when_it_is_dropped_reaches_no_producer() {
        let (handoff, task) = begun(Failing, at_once(8, 100));
        assert!(handoff.try_write(Bytes::from_static(b"lost")).is_ok());
        assert!(matches!(handoff.close_reason(), Some(CloseReason::Io(_))));
        drop(task);
        drop(handoff);

        // Nor where another end was asked for meanwhile.
        let (handoff, task) = begun(Failing, at_once(8, 100));
        assert!(handoff.try_write(Bytes::from_static(b"lost")).is_ok());
        handoff.downgrade().abort();
        drop(handoff);
        drop(task);
    }

    /// The destructor of a thread-local runs when others of the thread are gone already, or before they are: both are tried.
    fn batching_may_be_nested_at_the_end_of_a_thread() {
        struct AtEnd(RefCell<Option<Box<dyn FnOnce()>>>);

        impl Drop for AtEnd {
            fn drop(&mut self) {
                self.0.take().into_iter().for_each(|run| run());
            }
        }

        thread_local! { static AT_END: AtEnd = const { AtEnd(RefCell::new(None)) } }

        /// Writes to two streams, to one inside a batch of the other.
        fn nested() -> bool {
            let (outer, inner) = (ScriptWriter::willing(), ScriptWriter::willing());
            let logs = [outer.log(), inner.log()];
            let (outer, _outer_task) = begun(outer, WriteHandoffConfig::default());
            let (inner, _inner_task) = begun(inner, WriteHandoffConfig::default());
            let both = outer.batching(async {
                outer.try_write_fire_and_forget(Bytes::from_static(b"x")).unwrap();
                inner.batching(async { inner.try_write_fire_and_forget(Bytes::from_static(b"x")).unwrap() }).await;
            });
            both.now_or_never().is_some() && logs.iter().all(|log| log.written() == b"x")
        }

        for used_before in [false, true] {
            let (sender, receiver) = mpsc::channel();
            thread::spawn(move || {
                assert!(!used_before || nested());
                let at_end = move || {
                    let done = catch_unwind(AssertUnwindSafe(nested));
                    let _ = sender.send(done.is_ok_and(|done| done));
                };
                AT_END.with(|slot| *slot.0.borrow_mut() = Some(Box::new(at_end)));
                assert!(used_before || nested());
            })
            .join()
            .unwrap();
            assert!(receiver.recv().unwrap());
        }
    }

    /// The spare things of a thread are gone then. Nothing needs them.
    fn a_stream_may_be_used_at_the_end_of_a_thread() {
        struct AtEnd(Cell<Option<(WriteHandoff<ScriptWriter>, WriteTask<ScriptWriter>)>>);

        impl Drop for AtEnd {
            fn drop(&mut self) {
                let Some((handoff, mut task)) = self.0.take() else { return };
                let mut tickets: Vec<_> =
                    (0..100).map(|_| handoff.try_write(Bytes::from_static(&[1; 300])).unwrap()).collect();
                assert!(tickets.iter_mut().all(|ticket| poll(ticket).is_pending()));
                assert!(poll(&mut task).is_pending());
                assert!(tickets.iter_mut().all(|ticket| poll(ticket).is_ready()));
            }
        }

        thread_local! { static AT_END: AtEnd = const { AtEnd(Cell::new(None)) } }
        let writer = ScriptWriter::willing();
        let log = writer.log();
        thread::spawn(move || {
            AT_END.with(|at_end| at_end.0.set(Some(begun(writer, WriteHandoffConfig::default()))));
        })
        .join()
        .unwrap();
        assert_eq!(log.len(), 30_000);
    }
}
