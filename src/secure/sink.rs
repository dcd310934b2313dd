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
    /// This was the last sender. The close record is to be sent.
    Last,
    /// Other senders remain. The sink waits until its messages are flushed.
    Flushing,
    /// The connection is closing.
    Ending,
    Closed,
}

/// A [`Sender`] as a [`Sink`] of messages, from [`Sender::into_sink`].
///
/// A message that does not fit waits in the sink, in line for room. The sink is ready again
/// when that message is sent. So each sink may hold one message beyond the budget. The message
/// joins the line at the next poll of the sink. From then on, the sink keeps its turn, and the
/// room once granted, until it is polled or dropped. Poll or drop a sink that is not ready
/// before you wait for another sender of the session: `close` needs room as well.
///
/// `poll_flush` waits until the sent messages are written and flushed. If this is the last sender,
/// `poll_close` tells the peer that all was sent and waits until the connection has ended.
/// Otherwise it waits for the flush, and this sender can send nothing more.
///
/// # Drop
///
/// A waiting message is dropped with the sink.
///
/// # Examples
///
/// ```
#[doc = include_str!("session_example.in")]
/// use futures_handoff::bytes::Bytes;
/// use futures_util::{SinkExt, StreamExt};
///
/// let mut sink = sender.into_sink();
/// sink.feed(Bytes::from("one")).await?;
/// sink.send(Bytes::from("two")).await?;
/// sink.close().await?;
/// let received: Vec<_> = receiver.map(|message| message.unwrap()).collect().await;
/// assert_eq!(received, ["one", "two"]);
/// # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
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
    /// Turns this sender into a [`Sink`](futures_sink::Sink) of messages.
    ///
    /// If this is the last sender, closing the sink tells the peer that all was sent. Otherwise
    /// closing ends only this sender. Clone the sender first to keep one.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("session_example.in")]
    /// use futures_handoff::bytes::Bytes;
    /// use futures_util::{StreamExt, stream};
    ///
    /// let lines = stream::iter(["first line", "second line"]).map(|line| Ok(Bytes::from(line)));
    /// lines.forward(sender.clone().into_sink()).await?;
    /// assert_eq!(receiver.recv().await?.unwrap(), "first line");
    /// assert_eq!(receiver.recv().await?.unwrap(), "second line");
    /// // This sender is still open.
    /// sender.close().await?;
    /// assert_eq!(receiver.recv().await?, None);
    /// # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
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
    /// Sends the waiting message.
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
    /// As for [`Sender::try_send`], except for [`SendError::Full`]: a message that does not fit
    /// waits in the sink.
    ///
    /// # Panics
    ///
    /// If `poll_ready` was not ready before the call.
    fn start_send(self: Pin<&mut Self>, message: Bytes) -> Result<(), SendError> {
        let this = self.get_mut();
        assert!(this.waiting.is_none(), "`start_send` was called before `poll_ready` returned ready");
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
                // `end` returns how the connection ended.
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
