//! User code that panics, or does its work inside of a wake-up: other users of the stream are not
//! affected.

use super::support::*;
use futures_util::{AsyncWrite, SinkExt, future::BoxFuture};
use std::{
    cell::RefCell,
    error, fmt, io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc,
    },
    task::{Context, Poll, Wake, Waker},
    thread,
};

/// Everything is sent at once, by producers, too.
fn at_once(max_items: usize, max_pending_bytes: usize) -> WriteHandoffConfig {
    direct_limits(max_items, max_pending_bytes).with_send_at(0)
}

fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    future.poll_unpin(&mut Context::from_waker(Waker::noop()))
}

/// A stream whose task has started on this thread. The test decides what is left at the end.
fn begun<W: AsyncWrite + Unpin>(writer: W, config: WriteHandoffConfig) -> (WriteHandoff<W>, WriteTask<W>) {
    let (handoff, mut task) = WriteHandoff::new(writer, config);
    assert!(poll(&mut task).is_pending());
    (handoff, task)
}

/// The same with a writer that takes nothing.
fn stalled(config: WriteHandoffConfig) -> (WriteHandoff<ScriptWriter>, WriteTask<ScriptWriter>) {
    begun(ScriptWriter::new([WriteStep::Wait(Gate::new())]), config)
}

/// Polls its future inside of `wake`, as a small executor may.
struct AtOnce {
    future: Mutex<Option<BoxFuture<'static, ()>>>,
    due: AtomicBool,
    left: Arc<AtomicUsize>,
}

impl Wake for AtOnce {
    fn wake(self: Arc<Self>) {
        self.due.store(true, Ordering::SeqCst);
        // The poll in progress handles the wake-up.
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

/// Panics where the test says.
struct Bomb {
    on_wake: bool,
    on_drop: bool,
}

impl Bomb {
    fn on_drop() -> Self {
        Self { on_wake: false, on_drop: true }
    }
}

impl Wake for Bomb {
    fn wake(self: Arc<Self>) {
        assert!(!self.on_wake, "the waker panics as planned");
    }
}

impl Drop for Bomb {
    fn drop(&mut self) {
        assert!(!self.on_drop, "the drop panics as planned");
    }
}

/// Memory whose owner panics when it is freed.
struct Owner(Vec<u8>, #[expect(dead_code, reason = "for its drop")] Bomb);

impl AsRef<[u8]> for Owner {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

fn owned(len: usize) -> Bytes {
    Bytes::from_owner(Owner(vec![7; len], Bomb::on_drop()))
}

/// A writer that panics when it is dropped, and runs something in its first call.
fn fragile() -> (FnWriter<Poller>, Inside) {
    let (bomb, inside) = (Bomb::on_drop(), Inside::default());
    let run = inside.clone();
    let poller: Poller = Box::new(move |op, _| {
        let _owned = &bomb;
        run.run();
        op.all()
    });
    (FnWriter(poller), inside)
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

/// Runs something when the thread-locals of a thread are dropped.
struct AtEnd(RefCell<Option<Box<dyn FnOnce()>>>);

impl AtEnd {
    fn set(run: impl FnOnce() + 'static) {
        thread_local! { static AT_END: AtEnd = const { AtEnd(RefCell::new(None)) } }
        AT_END.with(|slot| *slot.0.borrow_mut() = Some(Box::new(run)));
    }
}

impl Drop for AtEnd {
    fn drop(&mut self) {
        self.0.take().into_iter().for_each(|run| run());
    }
}

const MANY: usize = 100_000;

runtimes::watched_tests! {
    /// Each waiter is served inside the wake-up of the one before it.
    fn waiters_in_line_that_are_polled_inside_of_wake_do_not_nest_without_end() {
        let (handoff, task) = begun(ScriptWriter::willing(), at_once(8, 1).with_cooperative(false));
        let left = Arc::new(AtomicUsize::new(MANY));
        let permit = handoff.try_reserve(1).unwrap();
        for _ in 0..MANY {
            let handoff = handoff.clone();
            let write = async move { handoff.write_fire_and_forget(text("x")).await.unwrap() };
            let future = Mutex::new(Some(write.boxed()));
            Waker::from(Arc::new(AtOnce { future, due: AtomicBool::new(false), left: Arc::clone(&left) }))
                .wake();
        }
        assert_eq!(left.load(Ordering::SeqCst), MANY);
        drop(permit);
        assert_eq!((left.load(Ordering::SeqCst), handoff.stats().written), (0, MANY as u64));
        drop(task);
    }

    /// Nothing would wake the task again. The stream ends, so that no future waits for ever.
    fn a_task_whose_waker_panics_ends_the_stream_and_harms_no_producer() {
        for on_drop in [false, true] {
            let (handoff, task) = WriteHandoff::new(ScriptWriter::willing(), limits(8, 8));
            let mut task = Box::pin(task);
            let waker = Waker::from(Arc::new(Bomb { on_wake: !on_drop, on_drop }));
            assert!(task.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            // Then the stream holds the last reference to it.
            drop(waker);
            let mut closed = Box::pin(handoff.closed());
            assert!(poll(&mut closed).is_pending());
            // The producer wakes the task, and does not see the panic.
            let mut ticket = handoff.try_write(text("8 bytes!")).unwrap();
            assert!(matches!(poll(&mut closed), Poll::Ready(Err(CloseReason::Panicked))));
            let Poll::Ready(Err(error)) = poll(&mut ticket) else { panic!("the ticket hangs") };
            assert!(matches!(error.reason(), CloseReason::Panicked));
            assert!(matches!(poll(&mut Box::pin(handoff.flush())), Poll::Ready(Err(CloseReason::Panicked))));
            assert!(poll(&mut handoff.write(text("more"))).is_ready());
            assert!(matches!(poll(&mut closing(&handoff).boxed()), Poll::Ready(Err(CloseReason::Panicked))));
            let Poll::Ready(Err(failure)) = poll(&mut task) else { panic!("the task goes on") };
            assert_eq!(failure.unwritten().concat(), b"8 bytes!");
        }
    }

    fn chunks_whose_owner_panics_are_written() {
        for inline in [Inline::Never, Inline::Always] {
            let (handoff, mut task, log) = willing(limits(8, 10_000).with_inline(inline));
            let mut ticket = Hand::waiting(handoff.try_write(owned(2000)).unwrap());
            let mut write = Hand::new(handoff.write(filled(0, 9000)));
            let mut flush = Hand::new(handoff.flush());
            let (written, flushed) = (write.run(), flush.run());
            task.run();
            assert!(ticket.run().unwrap().is_ok());
            assert!(written.or_else(|| write.run()).unwrap().is_ok());
            task.run();
            assert!(flushed.or_else(|| flush.run()).unwrap().is_ok());
            assert_eq!((log.len(), handoff.pending_bytes(), handoff.is_closed()), (11_000, 0, false));
        }
    }

    /// Dropping one while the other one's panic unwinds would abort.
    fn owners_of_unwritten_chunks_that_panic_abort_nothing_and_reach_no_caller() {
        // Chunks too large to be copied, with the first one in the batch or still in the queue.
        for offered in [false, true] {
            for end in ["the task first", "the handle first", "an abort", "a ticket last"] {
                let (handoff, mut task) = stalled(defaults());
                let tickets: Vec<_> = (0..3).map(|_| handoff.try_write(owned(5000)).unwrap()).collect();
                assert!(!offered || poll(&mut task).is_pending());
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
        let (handoff, task) = stalled(limits(8, 5000));
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
        let (handoff, task) = stalled(limits(8, 100));
        let permit = handoff.try_reserve(100).unwrap();
        let mut waiting = handoff.write(filled(1, 50));
        assert!(poll(&mut waiting).is_pending());
        // It is copied, and freed at once.
        assert!(permit.send(owned(10)).is_ok());
        assert!(poll(&mut waiting).is_ready(), "the rest is for those who wait");
        drop(task);
    }

    fn a_writer_that_panics_when_it_is_dropped_reaches_no_producer() {
        // The last handle drops it.
        let (handoff, mut task) = begun(fragile().0, defaults());
        handoff.downgrade().abort();
        let ticket = handoff.written();
        let _ = poll(&mut task).map(std::mem::forget);
        drop(task);
        drop((handoff, ticket));

        let (handoff, task) = WriteHandoff::new(fragile().0, defaults());
        let mut task = task.detach();
        handoff.downgrade().abort();
        assert!(poll(&mut task).is_ready());
        drop(task);
        drop(handoff);

        // The task is dropped while a producer polls the writer. The producer then ends the stream.
        let (writer, inside) = fragile();
        let (handoff, task) = begun(writer, at_once(8, 100));
        inside.set(move || drop(task));
        assert!(handoff.try_write(text("taken")).is_ok());
        assert!(matches!(handoff.close_reason(), Some(CloseReason::TaskDropped)));
        drop(handoff);
    }

    /// Nor if another end is requested meanwhile.
    fn an_error_that_panics_when_it_is_dropped_reaches_no_producer() {
        for aborts in [false, true] {
            let writer = FnWriter(|op: Op<'_>, _: &mut Context<'_>| match op {
                Op::Write(_) => Poll::Ready(Err(io::Error::other(FragileError(Bomb::on_drop())))),
                op => op.all(),
            });
            let (handoff, task) = begun(writer, at_once(8, 100));
            assert!(handoff.try_write(text("lost")).is_ok());
            if aborts {
                handoff.downgrade().abort();
                drop(handoff);
                drop(task);
            } else {
                assert!(matches!(handoff.close_reason(), Some(CloseReason::Io(_))));
                drop(task);
                drop(handoff);
            }
        }
    }

    /// The destructor of a thread-local runs before or after those of other thread-locals: both
    /// orders are tried.
    fn batching_may_be_nested_at_the_end_of_a_thread() {
        /// Writes to two streams, to one of them inside a batch of the other.
        fn nested() -> bool {
            let (outer, _outer_task, outer_log) = willing(defaults());
            let (inner, _inner_task, inner_log) = willing(defaults());
            let both = outer.batching(async {
                put(&outer, "x");
                inner.batching(async { put(&inner, "x") }).await;
            });
            both.now_or_never().is_some() && outer_log.written() == b"x" && inner_log.written() == b"x"
        }

        for used_before in [false, true] {
            let (sender, receiver) = mpsc::channel();
            let thread = thread::spawn(move || {
                assert!(!used_before || nested());
                AtEnd::set(move || {
                    let done = catch_unwind(AssertUnwindSafe(nested));
                    let _ = sender.send(done.is_ok_and(|done| done));
                });
                assert!(used_before || nested());
            });
            thread.join().unwrap();
            assert!(receiver.recv().unwrap());
        }
    }

    /// The spare memory of the thread has been dropped by then. Nothing needs it.
    fn a_stream_may_be_used_at_the_end_of_a_thread() {
        let writer = ScriptWriter::willing();
        let log = writer.log();
        let thread = thread::spawn(move || {
            let (handoff, mut task) = begun(writer, defaults());
            AtEnd::set(move || {
                let mut tickets: Vec<_> =
                    (0..100).map(|_| handoff.try_write(filled(1, 300)).unwrap()).collect();
                assert!(tickets.iter_mut().all(|ticket| poll(ticket).is_pending()));
                assert!(poll(&mut task).is_pending());
                assert!(tickets.iter_mut().all(|ticket| poll(ticket).is_ready()));
            });
        });
        thread.join().unwrap();
        assert_eq!(log.len(), 30_000);
    }
}
