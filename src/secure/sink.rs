//! The sending half as a `Sink`.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures_io::AsyncWrite;
use futures_sink::Sink;

use super::{error::SendError, record::WireRoom, sender::Sender};
use crate::{
    BoxWriter, CloseReason,
    write::internals::{Acquire, EndWaiter, FlushWaiter, Via, Waiting, poll_reserve_room, send_locked},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Open,
    /// It was the last sender: the peer is to be told.
    Last,
    /// It was given up, and waits until what was sent is flushed.
    Flushing,
    /// The connection is closing.
    Ending,
    Closed,
}

/// A [`Sender`] as a [`Sink`] of messages. Made by [`Sender::into_sink`].
///
/// A message for which there is no room waits in the sink, in the line for room, and the sink is
/// ready again once it was sent. So each sink may have one message beside what the budget holds.
/// The message gets into the line at the next poll of the sink. From then on its turn, and the room
/// once that was granted, are the sink's until it is polled or dropped. So poll or drop a sink that
/// was not ready before you wait for another sender of the session: `close` needs room as well.
///
/// `poll_flush` waits until what was sent is written and flushed. `poll_close` tells the peer that
/// all was sent if this was the last sender, and waits until the connection has ended; otherwise it
/// flushes and gives the sender up.
///
/// # Drop
///
/// A message that still waits is dropped with the sink.
pub struct SenderSink<W = BoxWriter> {
    sender: Sender<W>,
    /// The message that waits for room.
    waiting: Option<Bytes>,
    acquire: Acquire,
    flush: FlushWaiter,
    end: EndWaiter,
    stage: Stage,
}

impl<W: AsyncWrite + Unpin> Sender<W> {
    /// This sender as a [`Sink`](futures_sink::Sink) of messages.
    ///
    /// Closing it tells the peer that all was sent if it was the last sender, and otherwise only
    /// gives it up. Clone the sender first to keep one.
    pub fn into_sink(self) -> SenderSink<W> {
        SenderSink::new(self)
    }
}

impl<W> SenderSink<W> {
    fn new(sender: Sender<W>) -> Self {
        Self {
            sender,
            waiting: None,
            acquire: Acquire::Begun,
            flush: FlushWaiter::default(),
            end: EndWaiter::default(),
            stage: Stage::Open,
        }
    }
}

impl<W: AsyncWrite + Unpin> SenderSink<W> {
    /// Sends the message that waits.
    fn poll_waiting(&mut self, cx: &Context<'_>) -> Poll<Result<(), SendError>> {
        let Some(message) = &self.waiting else { return Poll::Ready(Ok(())) };
        let sender = &self.sender;
        let room = sender.room_of(message)?;
        let permit = ready!(poll_reserve_room(&mut self.acquire, &sender.handoff.shared, cx, room));
        let sent = permit
            .map_err(SendError::from)
            .and_then(|permit| sender.seal_message(permit, Via::Poll, message).map(drop));
        self.waiting = None;
        Poll::Ready(sent)
    }

    fn poll_flushed(&mut self, cx: &Context<'_>) -> Poll<Result<(), SendError>> {
        let shared = &self.sender.handoff.shared;
        let request = |state| send_locked(shared, state, Via::Poll);
        self.flush.poll(&shared.stream, cx, None, request).map_err(SendError::from)
    }
}

impl<W: AsyncWrite + Unpin> Sink<Bytes> for SenderSink<W> {
    type Error = SendError;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        self.get_mut().poll_waiting(cx)
    }

    /// # Errors
    ///
    /// As for [`Sender::try_send`], but for the want of room.
    ///
    /// # Panics
    ///
    /// Where no `poll_ready` was ready before it.
    fn start_send(self: Pin<&mut Self>, message: Bytes) -> Result<(), SendError> {
        let this = self.get_mut();
        assert!(this.waiting.is_none(), "`start_send` needs a `poll_ready` that was ready before it");
        if this.stage != Stage::Open {
            return Err(SendError::Closed(CloseReason::Closed));
        }
        match this.sender.try_send(&message).map(drop) {
            Err(SendError::Full) => {
                this.waiting = Some(message);
                Ok(())
            }
            sent => sent,
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        let this = self.get_mut();
        ready!(this.poll_waiting(cx))?;
        this.poll_flushed(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        let this = self.get_mut();
        if this.stage == Stage::Open {
            ready!(this.poll_waiting(cx))?;
            this.flush.leave(&this.sender.handoff.shared.stream);
            this.stage = if this.sender.leave() { Stage::Last } else { Stage::Flushing };
        }
        if this.stage == Stage::Last {
            let sender = &this.sender;
            let room = WireRoom::record(0).into();
            match ready!(poll_reserve_room(&mut this.acquire, &sender.handoff.shared, cx, room)) {
                Ok(permit) => sender.seal_close(permit)?,
                // How the connection ended is told by its end.
                Err(_) if sender.handoff.is_closed() => {}
                Err(reason) => return Poll::Ready(Err(reason.into())),
            }
            this.stage = Stage::Ending;
        }
        let done = match this.stage {
            Stage::Flushing => ready!(this.poll_flushed(cx)),
            Stage::Ending => {
                ready!(this.end.poll(&this.sender.handoff.shared.stream, cx)).map_err(SendError::from)
            }
            Stage::Open | Stage::Last | Stage::Closed => Ok(()),
        };
        this.stage = Stage::Closed;
        Poll::Ready(done)
    }
}

impl<W> Drop for SenderSink<W> {
    fn drop(&mut self) {
        let stream = &self.sender.handoff.shared.stream;
        self.acquire.leave(stream);
        self.flush.leave(stream);
        self.end.leave(stream);
    }
}

impl<W> fmt::Debug for SenderSink<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SenderSink")
            .field("sender", &self.sender)
            .field("stage", &self.stage)
            .finish_non_exhaustive()
    }
}
