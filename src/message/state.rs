//! The state that both ends share: the queue, the charges and the waiters.

use std::{collections::VecDeque, mem, task::Waker};

use crate::{
    coop::Budget,
    waiters::{Waiters, Wakers},
};

use super::{MessageHandoffConfig, error::RejectReason};

/// A queued message with the bytes that it declares.
pub(super) type Entry<T> = (T, usize);

/// How a receiver waits for a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// In a future. A woken future is polled or dropped.
    Future,
    /// As a stream. The receiver may be kept without being polled again, so the receiver behind it
    /// is woken as well.
    Stream,
}

/// The receivers to wake for a message.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) first: Option<Waker>,
    /// Whether to wake receivers behind the first one as well.
    pub(super) more: bool,
}

/// The state of a handoff.
pub(super) struct State<T> {
    config: MessageHandoffConfig,
    queue: VecDeque<Entry<T>>,
    /// The number of charged messages: queued, reserved and in use.
    items: usize,
    /// The bytes of these messages.
    bytes: usize,
    closed: bool,
    /// The first waiter in `line` at the time of the close. It and all waiters behind it got no
    /// room.
    refused_from: u64,
    pub(super) senders: usize,
    receivers: usize,
    last_id: u64,
    /// The senders that wait for room, each with the bytes that it wants. A waiter that left
    /// other than by `remove` was granted its room.
    pub(super) line: Waiters<u64, usize>,
    /// The receivers that wait for a message. A waiter that left other than by `remove` was woken
    /// and looks for a message.
    pub(super) receiving: Waiters<u64, By>,
    /// The senders that wait for the close.
    pub(super) watching: Waiters<u64, ()>,
    pub(super) budget: Budget,
}

impl<T> State<T> {
    pub(super) fn new(config: MessageHandoffConfig) -> Self {
        Self {
            config,
            queue: VecDeque::new(),
            items: 0,
            bytes: 0,
            closed: false,
            refused_from: u64::MAX,
            senders: 1,
            receivers: 1,
            last_id: 0,
            line: Waiters::new(),
            receiving: Waiters::new(),
            watching: Waiters::new(),
            budget: Budget::new(config.cooperative()),
        }
    }

    pub(super) fn config(&self) -> &MessageHandoffConfig {
        &self.config
    }

    /// The next id. Never 0.
    pub(super) fn new_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    #[inline]
    fn fits(&self, bytes: usize) -> bool {
        self.items < self.config.max_items() && bytes <= self.config.max_bytes() - self.bytes
    }

    /// Whether a message can be charged at once. Nothing overtakes a waiter.
    #[inline]
    pub(super) fn admits(&self, bytes: usize) -> bool {
        self.fits(bytes) && self.line.is_empty() && !self.closed
    }

    /// Whether the result is known without waiting: the message is admitted, or never will be.
    #[inline]
    pub(super) fn admits_or_never(&self, bytes: usize) -> bool {
        self.admits(bytes) || bytes > self.config.max_bytes()
    }

    /// Why a message is not admitted.
    #[cold]
    pub(super) fn rejection(&self, bytes: usize) -> RejectReason {
        let (max_items, limit) = (self.config.max_items(), self.config.max_bytes());
        if self.closed {
            RejectReason::Closed
        } else if bytes > limit {
            RejectReason::TooLarge { bytes, limit }
        } else {
            RejectReason::Full { bytes, free_items: max_items - self.items, free_bytes: limit - self.bytes }
        }
    }

    #[inline]
    pub(super) fn charge(&mut self, bytes: usize) {
        self.items += 1;
        self.bytes += bytes;
    }

    #[inline]
    pub(super) fn release(&mut self, bytes: usize) {
        self.items -= 1;
        self.bytes -= bytes;
    }

    /// Grants room to the waiters at the front of the line, first come first served. Returns
    /// whether more waiters remain than can be woken under one lock.
    #[inline]
    pub(super) fn grant(&mut self, wakes: &mut Wakers) -> bool {
        while let Some((_, bytes)) = self.line.first() {
            if self.closed || !self.fits(bytes) {
                break;
            }
            if wakes.is_full() {
                return true;
            }
            self.charge(bytes);
            wakes.waiter(self.line.pop_first());
        }
        false
    }

    /// Whether a waiter that has left the line was granted its room.
    pub(super) fn was_granted(&self, id: u64) -> bool {
        id < self.refused_from
    }

    /// Queues a charged message and returns the receiver to wake.
    #[inline]
    pub(super) fn push(&mut self, message: Entry<T>) -> Told {
        self.queue.push_back(message);
        self.tell_receiver()
    }

    /// Removes the first waiting receiver from its line and returns it, to be woken.
    #[inline]
    pub(super) fn tell_receiver(&mut self) -> Told {
        match self.receiving.first() {
            None => Told::default(),
            Some((_, by)) => Told { first: self.receiving.pop_first(), more: by == By::Stream },
        }
    }

    /// Collects the receivers behind a stream that was woken. Returns whether more receivers remain
    /// than can be woken under one lock.
    pub(super) fn tell_more_receivers(&mut self, wakes: &mut Wakers) -> bool {
        while let (false, Some((_, by))) = (self.queue.is_empty(), self.receiving.first()) {
            if wakes.is_full() {
                return true;
            }
            wakes.waiter(self.receiving.pop_first());
            if by == By::Future {
                break;
            }
        }
        false
    }

    /// Takes the oldest message, which stays charged.
    #[inline]
    pub(super) fn pop(&mut self) -> Option<Entry<T>> {
        self.queue.pop_front()
    }

    /// Takes all messages, which stay charged.
    pub(super) fn take_all(&mut self) -> VecDeque<Entry<T>> {
        mem::take(&mut self.queue)
    }

    /// Whether a receiver has a result: a message, or the end.
    #[inline]
    pub(super) fn has_news(&self) -> bool {
        !self.queue.is_empty() || self.closed
    }

    pub(super) fn close(&mut self) {
        if !self.closed {
            self.closed = true;
            self.refused_from = self.line.first().map_or_else(|| self.new_id(), |(id, _)| id);
        }
    }

    /// Collects the waiters whose wait the close has ended. Returns whether there are more.
    pub(super) fn tell_closed(&mut self, wakes: &mut Wakers) -> bool {
        while !(self.line.is_empty() && self.receiving.is_empty() && self.watching.is_empty()) {
            if wakes.is_full() {
                return true;
            }
            let first = self.line.first().map(|_| self.line.pop_first());
            let first = first.or_else(|| self.receiving.first().map(|_| self.receiving.pop_first()));
            wakes.waiter(first.unwrap_or_else(|| self.watching.pop_first()));
        }
        false
    }

    /// Takes all messages out and ends their charges.
    pub(super) fn discard(&mut self) -> VecDeque<Entry<T>> {
        let queue = self.take_all();
        for (_, bytes) in &queue {
            self.release(*bytes);
        }
        queue
    }

    pub(super) fn add_receiver(&mut self) {
        self.receivers += 1;
    }

    /// Returns whether it was the last receiver.
    pub(super) fn drop_receiver(&mut self) -> bool {
        self.receivers -= 1;
        self.receivers == 0
    }

    pub(super) fn receivers(&self) -> usize {
        self.receivers
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    pub(super) fn queued(&self) -> usize {
        self.queue.len()
    }

    pub(super) fn pending(&self) -> (usize, usize) {
        (self.items, self.bytes)
    }
}
