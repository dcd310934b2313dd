//! The end that receives.

use std::{
    fmt,
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll},
};

use futures_core::Stream;

use crate::sync::Arc;

use super::{
    Message, MessageHandoffConfig,
    error::TryRecvError,
    shared::Shared,
    state::By,
    waiting::{Arrival, ArrivalAt},
};

/// The end of a [`MessageHandoff`](super::MessageHandoff) that receives, and a [`Stream`]. Of its
/// clones, each message goes to one.
///
/// Receivers that wait are served in the order in which they began to wait. One that waits as a
/// stream does not keep a message from those behind it, as it may not be polled any more.
///
/// # Drop
///
/// The last one closes the handoff, and drops what is queued.
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
    /// Where it waits as a stream.
    arrival: Arrival,
}

impl<T> Receiver<T> {
    pub(super) fn new(shared: Arc<Shared<T>>) -> Self {
        Self { shared, arrival: Arrival::default() }
    }

    /// The oldest message, if one is there.
    ///
    /// # Errors
    ///
    /// Tells whether one may still come.
    #[inline]
    pub fn try_recv(&self) -> Result<Message<T>, TryRecvError> {
        let mut state = self.shared.lock();
        let Some(entry) = state.pop() else {
            return Err(if state.is_closed() { TryRecvError::Closed } else { TryRecvError::Empty });
        };
        drop(state);
        Ok(Message::new(entry, &self.shared))
    }

    /// The oldest message, once there is one. `None` once the handoff is closed and nothing is left
    /// of what was sent.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a message is taken out of the queue only by the poll that returns it.
    pub async fn recv(&self) -> Option<Message<T>> {
        let mut waiting = ArrivalAt { shared: &self.shared, arrival: Arrival::default() };
        let entry = poll_fn(|cx| waiting.arrival.poll(&self.shared, By::Future, cx)).await?;
        Some(Message::new(entry, &self.shared))
    }

    /// As [`recv`](Self::recv), for a thread that runs no executor: it sleeps while it waits.
    #[cfg(not(target_family = "wasm"))]
    pub fn recv_blocking(&self) -> Option<Message<T>> {
        super::blocking::block_on(self.recv())
    }

    /// All messages that are queued, the oldest first.
    pub fn drain(&self) -> Vec<Message<T>> {
        let queue = self.shared.lock().take_all();
        queue.into_iter().map(|entry| Message::new(entry, &self.shared)).collect()
    }

    /// Closes the handoff: nothing more is accepted, and receivers get what is queued.
    pub fn close(&self) {
        self.shared.close();
    }

    /// Whether the handoff is closed, or its last sender is gone. Messages may still be queued.
    pub fn is_closed(&self) -> bool {
        self.shared.lock().is_closed()
    }

    /// The messages that are queued.
    pub fn len(&self) -> usize {
        self.shared.lock().queued()
    }

    /// Whether no message is queued.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The messages that are charged: those that are queued, in use at receivers, and those that
    /// room is reserved for.
    pub fn pending_items(&self) -> usize {
        self.shared.lock().pending().0
    }

    /// The bytes of the messages that are charged.
    pub fn pending_bytes(&self) -> usize {
        self.shared.lock().pending().1
    }

    /// The senders that there are, those of owned permits included.
    pub fn sender_count(&self) -> usize {
        self.shared.lock().senders
    }

    /// The limits.
    pub fn config(&self) -> MessageHandoffConfig {
        *self.shared.lock().config()
    }
}

impl<T> Stream for Receiver<T> {
    type Item = Message<T>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Message<T>>> {
        let Self { shared, arrival } = &mut *self;
        arrival.poll(shared, By::Stream, cx).map(|entry| entry.map(|entry| Message::new(entry, shared)))
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        self.shared.lock().add_receiver();
        Self::new(Arc::clone(&self.shared))
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.arrival.leave(&self.shared);
        self.shared.drop_receiver();
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shared.debug("Receiver", f)
    }
}
