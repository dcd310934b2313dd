//! A stream without its writer: the lock of its state, the wakers to wake after unlocking, and
//! waiting.

use super::{
    config::{Inline, WriteHandoffConfig},
    error::CloseReason,
    state::{Caller, Closing, Phase, State, Via},
};
use crate::{
    contain::contain,
    sync::{Arc, AtomicU64, AtomicUsize, Mutex, MutexGuard, Ordering, thread},
    waiters::{Waiters, Wakers},
    waking::wake_all,
};
use std::{
    fmt,
    ops::{Deref, DerefMut},
    task::{Context, Poll, Waker},
};

/// The locked state. Critical sections are short and run no user code: they clone, drop or wake no
/// waker, `Bytes`, writer or error.
pub(crate) type StateGuard<'a> = MutexGuard<'a, State>;

/// The part of a stream that does not know the writer's type. Tickets hold only this.
#[derive(Debug)]
pub(crate) struct Stream {
    state: Mutex<State>,
    /// A copy of `State::written` that tickets read without the lock.
    pub(crate) written: AtomicU64,
    /// The number of handles. The last handle closes the stream.
    handles: AtomicUsize,
    config: WriteHandoffConfig,
}

impl Stream {
    pub(crate) fn new(config: WriteHandoffConfig) -> Self {
        Self {
            state: Mutex::new(State::new(&config)),
            written: AtomicU64::new(0),
            handles: AtomicUsize::new(1),
            config,
        }
    }

    pub(crate) fn config(&self) -> &WriteHandoffConfig {
        &self.config
    }

    #[inline]
    pub(crate) fn lock(&self) -> StateGuard<'_> {
        self.state.lock()
    }

    /// Identifies this stream.
    #[inline]
    pub(crate) fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// Whether the producer on this thread has promised to send before it waits.
    #[inline]
    pub(crate) fn is_batching(&self) -> bool {
        thread::is_batching(self.address())
    }

    /// Describes the producer on this thread, which may poll the writer as `inline` says.
    #[inline]
    pub(crate) fn caller(&self, inline: Inline, via: Via) -> Caller {
        let (thread, batching, in_poll) = thread::standing(self.address());
        Caller { inline, thread, batching, in_poll: in_poll || via == Via::Poll }
    }

    pub(crate) fn add_handle(&self) {
        self.handles.fetch_add(1, Ordering::Relaxed);
    }

    /// Adds a handle, unless the last one is gone. Returns whether it did.
    pub(crate) fn try_add_handle(&self) -> bool {
        let add = |handles: usize| (handles > 0).then_some(handles + 1);
        self.handles.fetch_update(Ordering::AcqRel, Ordering::Acquire, add).is_ok()
    }

    /// Drops a handle. The last one closes the stream. Returns whether it was the last. Never polls
    /// the writer, because this runs in `Drop`.
    pub(crate) fn drop_handle(self: &Arc<Self>) -> bool {
        let last = self.handles.fetch_sub(1, Ordering::AcqRel) == 1;
        if last {
            self.close(Closing::Close);
        }
        last
    }

    /// Stops accepting writes and leaves the remaining work to the task.
    pub(crate) fn close(self: &Arc<Self>, how: Closing) {
        let mut wakes = WakeList::new(self);
        let mut state = self.lock();
        state.close(how, &mut wakes);
        if matches!(state.phase, Phase::Idle | Phase::Held) {
            state.schedule();
            wakes.task(state.task.take());
        }
        self.notify(state, &mut wakes);
    }

    /// Ends the stream, or requests it from the holder of the writer.
    pub(crate) fn end(self: &Arc<Self>, reason: CloseReason) {
        let mut wakes = WakeList::new(self);
        let mut state = self.lock();
        match state.phase {
            Phase::Ended => return,
            Phase::Busy => {
                // The holder ends the stream and wakes the waiters.
                state.task_is_gone |= matches!(reason, CloseReason::TaskDropped);
                state.end_requested.get_or_insert(reason);
                return;
            }
            _ => state.finish(reason, &mut wakes),
        }
        self.notify(state, &mut wakes);
        self.trace_end();
    }

    /// Reports to `tracing` how the stream ended, if it has ended.
    #[cfg(feature = "tracing")]
    #[cold]
    pub(crate) fn trace_end(&self) {
        let state = self.lock();
        let (end, stats) = (state.end.clone(), state.stats());
        drop(state);
        let Some(reason) = end else { return };
        let source = std::error::Error::source(&reason);
        let crate::WriteStats { accepted, written, flushed, .. } = stats;
        // A subscriber is user code.
        contain(|| {
            if reason.is_closed() {
                tracing::debug!(accepted, written, flushed, "write handoff closed");
            } else {
                tracing::warn!(accepted, written, flushed, %reason, source, "write handoff ended");
            }
        });
    }

    #[cfg(not(feature = "tracing"))]
    #[expect(clippy::unused_self, reason = "the same signature as with the feature `tracing`")]
    #[inline]
    pub(crate) fn trace_end(&self) {}

    /// Yields before an operation that could complete at once.
    #[cold]
    pub(crate) fn yield_now<T>(&self, state: StateGuard<'_>, cx: &Context<'_>) -> Poll<T> {
        drop(state);
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Wakes the task and unlocks the state.
    pub(crate) fn wake_task<'a>(self: &'a Arc<Self>, mut state: StateGuard<'a>) {
        let mut wakes = WakeList::new(self);
        wakes.task(state.task.take());
        drop(state);
        wakes.wake();
    }

    /// Wakes all served waiters, a limited number in each critical section. Unlocks the state.
    #[inline]
    pub(crate) fn notify<'a>(&'a self, mut state: StateGuard<'a>, wakes: &mut WakeList<'_>) {
        while (state.is_watched() || state.end.is_some()) && state.collect(wakes) {
            drop(state);
            wakes.wake();
            state = self.lock();
        }
        drop(state);
        wakes.wake();
    }

    /// Wakes the waiters of a confirmed flush. Otherwise they would look like new waiters, and the
    /// writer would be flushed again.
    #[cold]
    pub(crate) fn tell_flushed<'a>(self: &'a Arc<Self>, mut state: StateGuard<'a>) -> StateGuard<'a> {
        while state.flush_is_news {
            let mut wakes = WakeList::new(self);
            state.collect(&mut wakes);
            drop(state);
            wakes.wake();
            state = self.lock();
        }
        state
    }

    /// Writes a handle's `Debug` output.
    pub(crate) fn debug(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        let (pending_bytes, closed) = (state.pending(), state.closed());
        drop(state);
        f.debug_struct(name)
            .field("pending_bytes", &pending_bytes)
            .field("closed", &closed)
            .finish_non_exhaustive()
    }
}

/// Waits in a list of waiters until `check` returns an answer. Returns the answer and the state,
/// still locked.
pub(crate) fn wait_until<'a, K: Ord + Copy, T: Copy, R>(
    stream: &'a Stream,
    cx: &Context<'_>,
    (key, wants): (K, T),
    list: impl Fn(&mut State) -> &mut Waiters<K, T>,
    check: impl Fn(&State) -> Option<R>,
) -> Poll<(StateGuard<'a>, R)> {
    let mut waker: Option<Waker> = None;
    loop {
        let mut state = stream.lock();
        if let Some(answer) = check(&state) {
            // The answer does not change: unlock to drop the waker that is not needed.
            if waker.is_some() {
                drop(state);
                waker = None;
                continue;
            }
            return Poll::Ready((state, answer));
        }
        if list(&mut state).is_set(key, cx.waker()) {
            return Poll::Pending;
        }
        if waker.is_some() {
            state.budget.waited();
            let old = list(&mut state).put(key, wants, waker);
            drop(state);
            drop(old);
            return Poll::Pending;
        }
        drop(state);
        waker = Some(cx.waker().clone());
    }
}

/// A waiter, which has to leave its list before it is dropped.
pub(crate) trait Waiting {
    /// Stops waiting.
    fn leave(&mut self, stream: &Arc<Stream>);
}

/// A waiter that leaves its list when it is dropped.
pub(crate) struct Scoped<'a, T: Waiting> {
    stream: &'a Arc<Stream>,
    pub(crate) place: T,
}

impl<'a, T: Waiting> Scoped<'a, T> {
    pub(crate) fn new(stream: &'a Arc<Stream>, place: T) -> Self {
        Self { stream, place }
    }
}

impl<T: Waiting> Drop for Scoped<'_, T> {
    fn drop(&mut self) {
        self.place.leave(self.stream);
    }
}

/// Wakes the task. If its waker panics, nothing else would wake the task, so the stream ends.
fn wake_task(waker: Waker, stream: &Arc<Stream>) {
    if contain(|| waker.wake()).is_none() {
        stream.end(CloseReason::Panicked);
    }
}

/// The wakers collected in a critical section. Wakes them, in order, when it is dropped after
/// unlocking.
pub(crate) struct WakeList<'a> {
    stream: &'a Arc<Stream>,
    wakers: Wakers,
}

impl<'a> WakeList<'a> {
    pub(crate) fn new(stream: &'a Arc<Stream>) -> Self {
        Self { stream, wakers: Wakers::default() }
    }

    /// Wakes all of them and empties the list. Usually the list is empty: then this is two
    /// comparisons.
    #[inline]
    pub(crate) fn wake(&mut self) {
        if !self.wakers.is_empty() {
            self.wake_all();
        }
    }

    fn wake_all(&mut self) {
        let stream = self.stream;
        let later = |task| -> Box<dyn FnOnce()> {
            let stream = Arc::clone(stream);
            Box::new(move || wake_task(task, &stream))
        };
        wake_all(&mut self.wakers, |task| wake_task(task, stream), later);
    }
}

impl Deref for WakeList<'_> {
    type Target = Wakers;

    fn deref(&self) -> &Wakers {
        &self.wakers
    }
}

impl DerefMut for WakeList<'_> {
    fn deref_mut(&mut self) -> &mut Wakers {
        &mut self.wakers
    }
}

impl Drop for WakeList<'_> {
    #[inline]
    fn drop(&mut self) {
        self.wake();
    }
}
