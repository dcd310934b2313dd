//! Sending as a `Sink`.

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
/// It holds at most one message that waits for room. Flushing waits until that is queued, not until
/// a receiver has it. Closing drops the sender.
///
/// An error hands the message back. A message that is too large is an error of its own, and the
/// sink goes on.
pub struct MessageSink<T, F> {
    /// `None` once it has been closed.
    sender: Option<Sender<T>>,
    bytes_of: F,
    /// The message that waits, and its bytes.
    waiting: Option<(T, usize)>,
    room: Room,
}

// No part of it is pinned.
impl<T, F> Unpin for MessageSink<T, F> {}

impl<T, F> MessageSink<T, F> {
    pub(super) fn new(sender: Sender<T>, bytes_of: F) -> Self {
        Self { sender: Some(sender), bytes_of, waiting: None, room: Room::default() }
    }

    /// Takes the message back that waits for room.
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
