//! Wakers sorted by what they wait for.

use super::wakes::Wakes;
use std::{collections::VecDeque, mem, task::Waker};

/// Waiters sorted by key, in one ring buffer.
///
/// Keys mostly arrive in rising order and leave from the front, so both ends take constant time; a cancelled waiter is
/// found by binary search. Nothing is allocated once the buffer has grown to the largest number of waiters.
#[derive(Debug)]
pub(crate) struct Waiters<K, T> {
    queue: VecDeque<Waiter<K, T>>,
}

#[derive(Debug)]
struct Waiter<K, T> {
    key: K,
    wants: T,
    waker: Option<Waker>,
}

/// An empty list with room for more than this many gives its memory back.
const KEEP: usize = 256;

impl<K: Ord + Copy, T: Copy> Waiters<K, T> {
    pub(crate) const fn new() -> Self {
        Self { queue: VecDeque::new() }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Adds a waiter, or changes the waker of one that is there. Returns the waker it replaces, which may not be dropped
    /// under a lock.
    pub(crate) fn put(&mut self, key: K, wants: T, waker: Option<Waker>) -> Option<Waker> {
        match self.queue.back() {
            Some(last) if last.key >= key => {}
            _ => {
                self.queue.push_back(Waiter { key, wants, waker });
                return None;
            }
        }
        match self.queue.binary_search_by(|waiter| waiter.key.cmp(&key)) {
            Ok(at) => mem::replace(&mut self.queue[at].waker, waker),
            Err(at) => {
                self.queue.insert(at, Waiter { key, wants, waker });
                None
            }
        }
    }

    fn find(&self, key: K) -> Option<usize> {
        // The oldest and the newest are looked for most.
        if self.queue.front()?.key == key {
            return Some(0);
        }
        self.queue.binary_search_by(|waiter| waiter.key.cmp(&key)).ok()
    }

    pub(crate) fn contains(&self, key: K) -> bool {
        self.find(key).is_some()
    }

    /// Whether the waiter is there and would be woken by `waker` already.
    pub(crate) fn is_set(&self, key: K, waker: &Waker) -> bool {
        let waiter = self.find(key).and_then(|at| self.queue[at].waker.as_ref());
        waiter.is_some_and(|old| old.will_wake(waker))
    }

    /// Removes a waiter; `None` where it is gone already. The waker may not be dropped under a lock.
    pub(crate) fn remove(&mut self, key: K) -> Option<Option<Waker>> {
        let at = self.find(key)?;
        let removed = self.queue.remove(at).map(|waiter| waiter.waker);
        self.shrink();
        removed
    }

    /// What the first waiter wants.
    #[inline]
    pub(crate) fn first(&self) -> Option<(K, T)> {
        self.queue.front().map(|waiter| (waiter.key, waiter.wants))
    }

    /// Removes and wakes the waiters at the front for which `is_done` holds.
    pub(crate) fn wake_while(&mut self, wakes: &mut Wakes, mut is_done: impl FnMut(K, T) -> bool) {
        while let Some(front) = self.queue.front() {
            if !is_done(front.key, front.wants) {
                break;
            }
            wakes.extend(self.queue.pop_front().and_then(|waiter| waiter.waker));
        }
        self.shrink();
    }

    /// Removes and wakes all waiters, wherever they stand, for which `is_done` holds.
    pub(crate) fn wake_if(&mut self, wakes: &mut Wakes, mut is_done: impl FnMut(K, T) -> bool) {
        self.queue.retain_mut(|waiter| {
            let done = is_done(waiter.key, waiter.wants);
            if done {
                wakes.extend(waiter.waker.take());
            }
            !done
        });
        self.shrink();
    }

    /// Wakes all waiters and leaves them in the list.
    pub(crate) fn wake_and_keep(&mut self, wakes: &mut Wakes) {
        for waiter in &mut self.queue {
            wakes.extend(waiter.waker.take());
        }
    }

    fn shrink(&mut self) {
        if self.queue.is_empty() && self.queue.capacity() > KEEP {
            self.queue = VecDeque::new();
        }
    }
}
