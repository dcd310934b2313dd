//! Tickets: positions in the stream that can be waited for.

use super::{
    config::Inline,
    error::{CloseReason, TicketError},
    flush::FlushWaiter,
    state::{Next, State, Via},
    stream::{Scoped, StateGuard, Stream, wait_until},
};
use crate::{
    contain::contain,
    sync::{Arc, Ordering},
    waiters::Wakers,
};
use std::{
    fmt,
    future::{Future, IntoFuture, poll_fn},
    ops::Range,
    pin::Pin,
    task::{Context, Poll, ready},
};

/// Tells when an accepted write is written, or how far it was written if the stream ended first.
///
/// A ticket is a future that completes once the writer has taken all bytes of the write. It holds
/// two positions and the stream's counters, but not the writer. So it is `Send` and `Sync` whatever
/// the writer is, and making it allocates nothing. Dropping it changes nothing: the write goes on.
/// A ticket may be polled again after it has completed, and gives the same answer.
///
/// `Ok` means that the writer took the bytes, in order, after everything accepted before. It does
/// not mean that the writer has passed them on: see [`flushed`](Self::flushed).
///
/// # Cancel safety
///
/// Dropping a ticket while it waits, or polling it by `&mut`, loses nothing.
///
/// # Examples
///
/// ```
/// use futures_handoff::{WriteHandoff, WriteHandoffConfig, bytes::Bytes};
/// use futures_util::{future::join, io::Cursor};
///
/// let (handoff, task) = WriteHandoff::new(Cursor::new(Vec::new()), WriteHandoffConfig::default());
/// let producer = async move {
///     let ticket = handoff.write(Bytes::from_static(b"hello")).await.unwrap();
///     assert!(ticket.try_result().is_none());
///     ticket.await.unwrap();
/// };
/// let (writer, ()) = futures_executor::block_on(join(task, producer));
/// assert_eq!(writer.unwrap().into_inner(), b"hello");
/// ```
pub struct WriteTicket {
    stream: Arc<Stream>,
    range: Range<u64>,
    /// 0 while it is not in the list of waiters.
    id: u64,
}

impl WriteTicket {
    #[inline]
    pub(crate) fn new(stream: Arc<Stream>, range: Range<u64>) -> Self {
        Self { stream, range, id: 0 }
    }

    /// The positions of the write's bytes in the stream. Positions count from the first byte that
    /// the handoff accepted. Empty for a barrier.
    pub fn positions(&self) -> Range<u64> {
        self.range.clone()
    }

    /// Returns the answer if there is one yet. Never waits.
    ///
    /// # Errors
    ///
    /// [`TicketError`] once the stream has ended with bytes of this write unwritten.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::{WriteHandoff, WriteHandoffConfig};
    ///
    /// let (handoff, task) = WriteHandoff::new(Vec::new(), WriteHandoffConfig::default());
    /// let ticket = handoff.try_write("hello".into())?;
    /// assert_eq!(ticket.positions(), 0..5);
    /// assert!(ticket.try_result().is_none());
    /// drop(handoff);
    /// futures_executor::block_on(task)?;
    /// assert!(matches!(ticket.try_result(), Some(Ok(()))));
    /// # Ok::<_, std::io::Error>(())
    /// ```
    pub fn try_result(&self) -> Option<Result<(), TicketError>> {
        if self.is_written() {
            return Some(Ok(()));
        }
        let state = self.stream.lock();
        let reason = state.end.clone()?;
        if state.written >= self.range.end {
            return Some(Ok(()));
        }
        let Range { start, end } = self.range;
        let written = state.written.clamp(start, end);
        let doubtful = (state.written + state.in_doubt).clamp(written, end);
        Some(Err(TicketError {
            reason,
            len: end - start,
            written: written - start,
            in_doubt: doubtful - written,
        }))
    }

    /// Waits for the answer, as awaiting the ticket does.
    ///
    /// # Errors
    ///
    /// [`TicketError`] once the stream has ended with bytes of this write unwritten.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::{WriteHandoff, WriteHandoffConfig};
    /// use futures_util::future::try_join;
    ///
    /// # futures_executor::block_on(async {
    /// let (handoff, mut task) = WriteHandoff::new(Vec::new(), WriteHandoffConfig::default());
    /// let (one, two) = (handoff.try_write("one".into())?, handoff.try_write("two".into())?);
    /// task.run_until(try_join(one.wait(), two.wait())).await?;
    /// assert_eq!(handoff.stats().written, 6);
    /// # Ok::<_, std::io::Error>(()) }).unwrap();
    /// ```
    pub async fn wait(self) -> Result<(), TicketError> {
        self.await
    }

    /// Waits until the writer has confirmed a flush of these bytes. Requests a flush if none covers
    /// them yet.
    ///
    /// # Errors
    ///
    /// The reason why the stream ended, if it ended before such a flush. After an orderly close,
    /// which flushes, this is `Ok`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up the wait. A flush that no future waits for delays no writes.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::{WriteHandoff, WriteHandoffConfig};
    ///
    /// # futures_executor::block_on(async {
    /// let (handoff, mut task) = WriteHandoff::new(Vec::new(), WriteHandoffConfig::default());
    /// let ticket = handoff.try_write("a record".into())?;
    /// // The future borrows nothing: it may go to another task.
    /// task.run_until(ticket.flushed()).await?;
    /// assert!(handoff.stats().flushed >= ticket.positions().end);
    /// # Ok::<_, std::io::Error>(()) }).unwrap();
    /// ```
    pub fn flushed(&self) -> impl Future<Output = Result<(), CloseReason>> + use<> {
        let (stream, position) = (Arc::clone(&self.stream), self.range.end);
        async move {
            let mut waiter = Scoped::new(&stream, FlushWaiter::default());
            // A ticket does not know the writer's type, so the task flushes.
            let request = |mut state: StateGuard<'_>| {
                if state.decide_to_send(&stream.caller(Inline::Never, Via::Poll)) == Next::Wake {
                    stream.wake_task(state);
                }
            };
            poll_fn(|cx| waiter.place.poll(&stream, cx, Some(position), request)).await
        }
    }

    fn is_written(&self) -> bool {
        self.stream.written.load(Ordering::Acquire) >= self.range.end
    }

    fn leave(&self) {
        if !self.is_written() {
            let waker = self.stream.lock().tickets.remove((self.range.end, self.id));
            contain(|| drop(waker));
        }
    }
}

impl Future for WriteTicket {
    type Output = Result<(), TicketError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if this.is_written() {
            // The party that wrote the bytes removes the ticket from the list, in this critical
            // section or in a later one.
            this.id = 0;
            return Poll::Ready(Ok(()));
        }
        let end = this.range.end;
        let answer = |state: &State| (state.end.is_some() || state.written >= end).then_some(());
        if this.id == 0 {
            let waker = cx.waker().clone();
            let mut state = this.stream.lock();
            if answer(&state).is_none() {
                this.id = state.new_id();
                state.budget.waited();
                let replaced = state.tickets.put((end, this.id), (), Some(waker));
                debug_assert!(replaced.is_none(), "the number is new");
                return Poll::Pending;
            }
            drop(state);
        } else {
            let key = (end, this.id);
            let waiting = wait_until(&this.stream, cx, (key, ()), |state| &mut state.tickets, answer);
            drop(ready!(waiting));
        }
        match this.try_result() {
            Some(result) => Poll::Ready(result),
            None => Poll::Pending,
        }
    }
}

impl Drop for WriteTicket {
    #[inline]
    fn drop(&mut self) {
        if self.id != 0 {
            self.leave();
        }
    }
}

impl fmt::Debug for WriteTicket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteTicket")
            .field("positions", &self.range)
            .field("written", &self.is_written())
            .finish()
    }
}

/// An accepted write and its positions in the stream. It costs nothing to make and to drop.
///
/// Await it to wait until the write is written, or turn it into a [`ticket`](Self::ticket), which
/// borrows nothing.
///
/// # Examples
///
/// ```
/// use futures_handoff::{WriteHandoff, WriteHandoffConfig};
///
/// # futures_executor::block_on(async {
/// let (handoff, mut task) = WriteHandoff::new(Vec::new(), WriteHandoffConfig::default());
/// let producer = async {
///     handoff.write_slice(b"header").await?;
///     let body = handoff.write_slice(b"body").await?;
///     assert_eq!(body.positions(), 6..10);
///     // Waits until both are written.
///     body.await?;
///     assert_eq!(handoff.pending_bytes(), 0);
///     Ok::<_, std::io::Error>(())
/// };
/// task.run_until(producer).await?;
/// # Ok::<_, std::io::Error>(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct Accepted<'a> {
    stream: &'a Arc<Stream>,
    range: Range<u64>,
}

impl<'a> Accepted<'a> {
    #[inline]
    pub(crate) fn new(stream: &'a Arc<Stream>, range: Range<u64>) -> Self {
        Self { stream, range }
    }

    /// The positions of the write's bytes in the stream. Positions count from the first byte that
    /// the handoff accepted. Empty for a barrier.
    pub fn positions(&self) -> Range<u64> {
        self.range.clone()
    }

    /// Turns this into a ticket, which counts a reference to the stream.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::{WriteHandoff, WriteHandoffConfig};
    ///
    /// let (handoff, task) = WriteHandoff::new(Vec::new(), WriteHandoffConfig::default());
    /// let ticket = handoff.try_write_slice(b"a job")?.ticket();
    /// // A ticket borrows nothing: it may go to another thread.
    /// let watcher = std::thread::spawn(|| futures_executor::block_on(ticket));
    /// drop(handoff);
    /// assert_eq!(futures_executor::block_on(task)?, b"a job");
    /// watcher.join().unwrap()?;
    /// # Ok::<_, std::io::Error>(())
    /// ```
    pub fn ticket(self) -> WriteTicket {
        WriteTicket::new(Arc::clone(self.stream), self.range)
    }
}

impl IntoFuture for Accepted<'_> {
    type Output = Result<(), TicketError>;
    type IntoFuture = WriteTicket;

    fn into_future(self) -> WriteTicket {
        self.ticket()
    }
}

impl fmt::Debug for Accepted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accepted").field("positions", &self.range).finish()
    }
}

/// The waiters that progress wakes.
impl State {
    /// Whether there are waiters that the last progress may have served.
    #[inline]
    pub(crate) fn is_watched(&self) -> bool {
        !(self.tickets.is_empty() && self.line.is_empty()) || self.flush_is_news
    }

    /// Collects the wakers of served waiters, as many as one critical section may wake. Returns
    /// whether there are more.
    #[inline]
    pub(crate) fn collect(&mut self, wakes: &mut Wakers) -> bool {
        if self.end.is_some() { self.collect_all(wakes) } else { self.collect_served(wakes) }
    }

    fn collect_served(&mut self, wakes: &mut Wakers) -> bool {
        while self.tickets.first().is_some_and(|((position, _), ())| position <= self.written) {
            if wakes.is_full() {
                return true;
            }
            wakes.waiter(self.tickets.pop_first());
        }
        self.grant(wakes) || (self.flush_is_news && self.collect_flushed(wakes))
    }

    fn collect_all(&mut self, wakes: &mut Wakers) -> bool {
        while !wakes.is_full() {
            let waker = match () {
                () if !self.tickets.is_empty() => self.tickets.pop_first(),
                () if !self.flushes.is_empty() => self.flushes.pop_first(),
                () if !self.closers.is_empty() => self.closers.pop_first(),
                () if !self.line.is_empty() => self.line.pop_first(),
                () => return false,
            };
            wakes.waiter(waker);
        }
        true
    }
}
