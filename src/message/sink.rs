//! The sender as a `Sink`.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures_sink::Sink;

use super::{
    Sender,
    error::{RejectReason, SendError},
    state::{State, Told},
    waiting::Room,
};

/// A [`Sink`] of messages, from [`Sender::into_sink`].
///
/// It holds at most one message that waits for room. Flushing waits until that message is
/// queued, not until a receiver takes it. Closing drops the sender.
///
/// An error returns the message. After an error for a message that is too large, the sink can still
/// be used.
///
/// # Examples
///
/// ```
/// use futures_handoff::message::{MessageHandoff, MessageHandoffConfig};
/// use futures_util::{SinkExt, StreamExt};
///
/// # futures_executor::block_on(async {
/// let (sender, receiver) = MessageHandoff::new(MessageHandoffConfig::new(16, 64 * 1024));
/// let mut sink = sender.into_sink(Vec::len);
/// sink.send(vec![1; 100]).await?;
/// let error = sink.send(vec![2; 100_000]).await.unwrap_err();
/// assert_eq!(error.into_message().len(), 100_000);
/// sink.send(vec![3; 200]).await?;
/// sink.close().await?;
/// assert_eq!(receiver.map(|message| message.bytes()).collect::<Vec<_>>().await, [100, 200]);
/// # Ok::<_, futures_handoff::message::SendError<_>>(()) }).unwrap();
/// ```
pub struct MessageSink<T, F> {
    /// `None` after the sink was closed.
    sender: Option<Sender<T>>,
    bytes_of: F,
    /// The waiting message and its bytes.
    waiting: Option<(T, usize)>,
    room: Room,
}

// No field is pinned.
impl<T, F> Unpin for MessageSink<T, F> {}

impl<T, F> MessageSink<T, F> {
    pub(super) fn new(sender: Sender<T>, bytes_of: F) -> Self {
        Self { sender: Some(sender), bytes_of, waiting: None, room: Room::default() }
    }

    /// Returns the message that waits for room. It is not sent.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::message::{MessageHandoff, MessageHandoffConfig};
    /// use futures_util::{SinkExt, future::FutureExt};
    ///
    /// let (sender, receiver) = MessageHandoff::new(MessageHandoffConfig::new(1, 1000));
    /// let mut sink = sender.into_sink(|line: &&str| line.len());
    /// assert!(sink.send("sent").now_or_never().is_some());
    /// assert!(sink.send("waits").now_or_never().is_none());
    /// assert_eq!(sink.take_waiting(), Some("waits"));
    /// assert_eq!(receiver.drain().len(), 1);
    /// ```
    pub fn take_waiting(&mut self) -> Option<T> {
        self.leave();
        self.waiting.take().map(|(message, _)| message)
    }

    fn leave(&mut self) {
        if let (Some(sender), Some((_, bytes))) = (&self.sender, &self.waiting) {
            self.room.leave(&sender.shared, *bytes);
        }
    }

    fn poll_queued(&mut self, cx: &Context<'_>) -> Poll<Result<(), SendError<T>>> {
        let Self { sender: Some(sender), waiting, room, .. } = self else { return Poll::Ready(Ok(())) };
        let Some((_, bytes)) = *waiting else { return Poll::Ready(Ok(())) };
        let push =
            |state: &mut State<T>| waiting.take().map_or_else(Told::default, |entry| state.push(entry));
        let queued = ready!(room.poll(&sender.shared, bytes, cx, push));
        Poll::Ready(match (queued, waiting.take()) {
            (Err(reason), Some((message, _))) => Err(SendError::new(message, reason)),
            _ => Ok(()),
        })
    }
}

impl<T, F: FnMut(&T) -> usize> Sink<T> for MessageSink<T, F> {
    type Error = SendError<T>;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError<T>>> {
        self.poll_queued(cx)
    }

    fn start_send(mut self: Pin<&mut Self>, message: T) -> Result<(), SendError<T>> {
        assert!(self.waiting.is_none(), "the sink is not ready");
        let bytes = (self.bytes_of)(&message);
        let Some(sender) = &self.sender else { return Err(SendError::new(message, RejectReason::Closed)) };
        match sender.try_send(message, bytes) {
            Err(error) if error.is_full() => {
                self.waiting = Some((error.into_message(), bytes));
                Ok(())
            }
            sent => sent,
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError<T>>> {
        self.poll_queued(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError<T>>> {
        ready!(self.poll_queued(cx))?;
        self.sender = None;
        Poll::Ready(Ok(()))
    }
}

impl<T, F> Drop for MessageSink<T, F> {
    fn drop(&mut self) {
        self.leave();
    }
}

impl<T, F> fmt::Debug for MessageSink<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageSink")
            .field("sender", &self.sender)
            .field("waiting", &self.waiting.as_ref().map(|(_, bytes)| *bytes))
            .finish_non_exhaustive()
    }
}
