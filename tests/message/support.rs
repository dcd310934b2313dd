//! Ends, and messages that are counted.

pub(crate) use std::{
    future::Future,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

pub(crate) use futures_handoff::message::{
    Message, MessageHandoff, MessageHandoffConfig, Receiver, RejectReason, SendError, Sender, TryRecvError,
};
pub(crate) use futures_handoff_runtimes as runtimes;
pub(crate) use futures_util::{FutureExt, StreamExt};

pub(crate) use crate::write_parts::Hand;

pub(crate) fn handoff<T>(max_items: usize, max_bytes: usize) -> (Sender<T>, Receiver<T>) {
    MessageHandoff::new(MessageHandoffConfig::new(max_items, max_bytes))
}

/// A handoff with these messages in it, of one byte each.
pub(crate) fn holding<T>(
    max_items: usize,
    messages: impl IntoIterator<Item = T>,
) -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = handoff(max_items, 1000);
    for message in messages {
        sender.try_send(message, 1).unwrap();
    }
    (sender, receiver)
}

/// The messages and the bytes that are charged.
pub(crate) fn pending<T>(sender: &Sender<T>) -> (usize, usize) {
    (sender.pending_items(), sender.pending_bytes())
}

/// What is queued, in order.
pub(crate) fn drained<T>(receiver: &Receiver<T>) -> Vec<T> {
    receiver.drain().into_iter().map(Message::into_inner).collect()
}

/// Counts how many of it were dropped.
#[derive(Debug, Clone)]
pub(crate) struct Counted(Arc<AtomicUsize>);

impl Counted {
    pub(crate) fn new() -> (Self, Arc<AtomicUsize>) {
        let drops = Arc::<AtomicUsize>::default();
        (Self(Arc::clone(&drops)), drops)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}
