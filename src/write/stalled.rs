//! Noticing that a writer makes no progress.

use super::{
    handle::WriteHandoff,
    lifecycle::EndWaiter,
    state::{Closing, Phase, State},
    stream::{Scoped, Stream},
    weak::WeakWriteHandoff,
};
use crate::sync::Arc;
use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
};

impl<W> WriteHandoff<W> {
    /// Waits until the writer has made no progress for a whole period although it had something to
    /// do. Returns `true` then, and `false` if the stream ends first.
    ///
    /// The writer makes progress when it takes bytes or confirms a flush. A quiet connection does
    /// not stall, because its writer has nothing to do.
    ///
    /// A socket takes bytes in large steps: Linux reports room only once a third of the send buffer
    /// is free, which may be 1.5 MB. Choose a period in which the slowest peer that you accept
    /// reads that much, such as 30 seconds for 50 kB/s. With `TCP_NOTSENT_LOWAT` at 128 KiB, 3
    /// seconds are enough for it. A writer that buffers confirms a flush only once all of its
    /// buffer is sent.
    ///
    /// `timer` returns a future that completes after the period, such as `||
    /// tokio::time::sleep(period)`, or with smol `|| async { smol::Timer::after(period).await; }`.
    /// The stream is looked at when a period ends, so this returns `true` between one and two
    /// periods after the last progress.
    ///
    /// # Cancel safety
    ///
    /// Safe. A later call starts a new period.
    ///
    /// # Examples
    ///
    /// A connection is served until its peer takes nothing for a while:
    ///
    /// ```
    /// use std::{io, pin::pin, time::Duration};
    ///
    /// use async_io::Timer;
    /// use futures_handoff::{WriteHandoff, WriteHandoffConfig};
    /// use futures_util::future::{Either, join, select};
    ///
    /// # use futures_handoff_runtimes::io::duplex;
    /// # futures_executor::block_on(async {
    /// // A peer that never reads: there is room for 4 bytes on the way to it.
    /// let (socket, _peer) = duplex(4);
    /// let (out, task) = WriteHandoff::new(socket, WriteHandoffConfig::default());
    /// let period = Duration::from_millis(10);
    /// let serve = async {
    ///     let question = out.write("a long question".into()).await?;
    ///     question.await.map_err(io::Error::from)
    /// };
    /// let serve = async {
    ///     let stalled = out.stalled(|| async move { _ = Timer::after(period).await });
    ///     match select(pin!(serve), pin!(stalled)).await {
    ///         Either::Left((served, _)) => served,
    ///         Either::Right((stalled, _)) => {
    ///             assert!(stalled);
    ///             // The bytes that were not taken come back with the writer.
    ///             out.abort();
    ///             Err(io::ErrorKind::TimedOut.into())
    ///         }
    ///     }
    /// };
    /// let (failure, served) = join(task, serve).await;
    /// assert_eq!(served.unwrap_err().kind(), io::ErrorKind::TimedOut);
    /// assert_eq!(failure.unwrap_err().unwritten(), ["ng question"]);
    /// # });
    /// ```
    pub async fn stalled<F: Future<Output = ()>>(&self, timer: impl FnMut() -> F) -> bool {
        stalled(self.stream(), timer).await
    }
}

impl<W> WeakWriteHandoff<W> {
    /// Waits as [`WriteHandoff::stalled`] does, and keeps no stream open. It also notices that the
    /// writer stalls after the last handle was dropped, while the rest is written, flushed and
    /// closed. Returns `false` at once if the stream is gone.
    ///
    /// # Examples
    ///
    /// Accepted bytes have all the time they need, as long as the peer takes some of them:
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use async_io::Timer;
    /// use futures_handoff::{CloseReason, WriteHandoff, WriteHandoffConfig};
    /// use futures_util::future::join;
    ///
    /// # use futures_handoff_runtimes::io::duplex;
    /// # futures_executor::block_on(async {
    /// let (socket, _peer) = duplex(4);
    /// let (out, task) = WriteHandoff::new(socket, WriteHandoffConfig::default());
    /// out.try_write("goodbye".into())?;
    /// let weak = out.downgrade();
    /// drop(out);
    /// let period = Duration::from_millis(10);
    /// let watchdog = async {
    ///     if weak.stalled(|| async move { _ = Timer::after(period).await }).await {
    ///         weak.abort();
    ///     }
    /// };
    /// let (failure, ()) = join(task, watchdog).await;
    /// assert!(matches!(failure.unwrap_err().reason(), CloseReason::Aborted));
    /// # Ok::<_, std::io::Error>(()) }).unwrap();
    /// ```
    pub async fn stalled<F: Future<Output = ()>>(&self, timer: impl FnMut() -> F) -> bool {
        match self.stream() {
            Some(stream) => stalled(&stream, timer).await,
            None => false,
        }
    }
}

async fn stalled<F: Future<Output = ()>>(stream: &Arc<Stream>, mut timer: impl FnMut() -> F) -> bool {
    let mut end = Scoped::new(stream, EndWaiter::default());
    let mut before = stream.lock().work();
    let mut running = pin!(timer());
    poll_fn(|cx| {
        if end.place.poll(stream, cx).is_ready() {
            return Poll::Ready(false);
        }
        if running.as_mut().poll(cx).is_ready() {
            let now = stream.lock().work();
            if now.is_some() && now == before {
                return Poll::Ready(true);
            }
            before = now;
            running.set(timer());
            // Other tasks run before the new timer is polled: it may be ready at once.
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    })
    .await
}

impl State {
    /// The progress of a writer that has something to do. `None` if it has nothing to do.
    fn work(&self) -> Option<(u64, u64)> {
        let idle = match self.phase {
            Phase::Idle | Phase::Ended => true,
            Phase::NotStarted => self.entries == 0 && self.flushes.is_empty() && self.closing == Closing::No,
            Phase::Held | Phase::Scheduled | Phase::Busy | Phase::Blocked => false,
        };
        (!idle).then_some((self.written, self.settled))
    }
}
