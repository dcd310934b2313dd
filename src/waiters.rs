//! The queue of waiting futures, and lists of wakers to wake after unlocking.

use std::{
    cell::Cell,
    collections::{BTreeMap, VecDeque},
    mem,
    ops::Bound::{Excluded, Unbounded},
    task::Waker,
};

/// The most waiters in the ring buffer. Adding or removing one moves at most half of them, 6 KiB.
const NEAR_MAX: usize = 256;

/// How many waiters move from the tree to an empty ring buffer at a time.
const REFILL: usize = 32;

/// Waiters sorted by key.
///
/// Most keys arrive in rising order and leave from the front. A ring buffer does both in constant
/// time and allocates nothing once it has grown. It holds the first waiters, at most [`NEAR_MAX`].
/// The waiters behind are in a tree, so that every operation takes `O(log n)` steps in any order of
/// keys.
#[derive(Debug)]
pub(crate) struct Waiters<K, T> {
    near: VecDeque<(K, Waiter<T>)>,
    /// Empty if `near` is empty. All keys in `near` are smaller.
    far: BTreeMap<K, Waiter<T>>,
}

#[derive(Debug)]
struct Waiter<T> {
    wants: T,
    waker: Option<Waker>,
}

impl<K: Ord + Copy, T: Copy> Waiters<K, T> {
    pub(crate) const fn new() -> Self {
        Self { near: VecDeque::new(), far: BTreeMap::new() }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.near.is_empty()
    }

    /// Adds a waiter, or changes the waker of a known one. Returns the replaced waker, which
    /// must not be dropped under a lock.
    pub(crate) fn put(&mut self, key: K, wants: T, waker: Option<Waker>) -> Option<Waker> {
        let waiter = Waiter { wants, waker };
        let is_last = self.near.back().is_none_or(|(last, _)| *last < key);
        if is_last && self.far.is_empty() && self.near.len() < NEAR_MAX {
            self.near.push_back((key, waiter));
            return None;
        }
        if is_last {
            return self.far.insert(key, waiter).and_then(|replaced| replaced.waker);
        }
        match self.place(key) {
            Ok(at) => mem::replace(&mut self.near[at].1, waiter).waker,
            Err(at) => {
                if self.near.len() == NEAR_MAX {
                    self.far.extend(self.near.pop_back());
                }
                self.near.insert(at, (key, waiter));
                None
            }
        }
    }

    fn place(&self, key: K) -> Result<usize, usize> {
        // Most lookups are for the first or the last waiter.
        match self.near.front() {
            Some((first, _)) if *first == key => Ok(0),
            _ => self.near.binary_search_by(|(other, _)| other.cmp(&key)),
        }
    }

    fn get(&self, key: K) -> Option<&Waiter<T>> {
        match self.place(key) {
            Ok(at) => Some(&self.near[at].1),
            Err(at) if at < self.near.len() => None,
            Err(_) => self.far.get(&key),
        }
    }

    pub(crate) fn contains(&self, key: K) -> bool {
        self.get(key).is_some()
    }

    /// Whether the waiter is known and has a waker that wakes the same task as `waker`.
    pub(crate) fn is_set(&self, key: K, waker: &Waker) -> bool {
        let known = self.get(key).and_then(|waiter| waiter.waker.as_ref());
        known.is_some_and(|known| known.will_wake(waker))
    }

    /// Removes a waiter. Returns `None` if it is not known. The waker must not be dropped under a
    /// lock.
    pub(crate) fn remove(&mut self, key: K) -> Option<Option<Waker>> {
        let removed = match self.place(key) {
            Ok(at) => self.near.remove(at).map(|(_, waiter)| waiter),
            Err(at) if at < self.near.len() => None,
            Err(_) => self.far.remove(&key),
        };
        self.settle();
        removed.map(|waiter| waiter.waker)
    }

    /// The key of the first waiter and what it wants.
    #[inline]
    pub(crate) fn first(&self) -> Option<(K, T)> {
        self.near.front().map(|(key, waiter)| (*key, waiter.wants))
    }

    /// The key of the first waiter behind `key`.
    pub(crate) fn next_after(&self, key: K) -> Option<K> {
        let at = self.near.partition_point(|(other, _)| *other <= key);
        match self.near.get(at) {
            Some((next, _)) => Some(*next),
            None => self
                .far
                .keys()
                .next()
                .filter(|first| **first > key)
                .copied()
                .or_else(|| self.far.range((Excluded(key), Unbounded)).next().map(|(next, _)| *next)),
        }
    }

    /// Removes the first waiter.
    #[inline]
    pub(crate) fn pop_first(&mut self) -> Option<Waker> {
        let (_, waiter) = self.near.pop_front()?;
        self.settle();
        waiter.waker
    }

    /// Refills the ring buffer from the tree once it is empty.
    #[inline]
    fn settle(&mut self) {
        if self.near.is_empty() && !self.far.is_empty() {
            self.refill();
        }
    }

    fn refill(&mut self) {
        for _ in 0..REFILL {
            let Some(first) = self.far.pop_first() else { break };
            self.near.push_back(first);
        }
    }
}

/// The most wakers of waiters that one critical section collects. The next section collects more.
const PIECE: usize = 32;

thread_local! {
    /// The vector of the last list with more than one waker, so that the next list allocates
    /// nothing.
    static SPARE: Cell<Vec<Waker>> = const { Cell::new(Vec::new()) };
}

/// Wakers that are collected under a lock and woken in order after unlocking.
///
/// The first waiter is stored inline, since most lists have only one.
#[derive(Debug, Default)]
pub(crate) struct Wakers {
    task: Option<Waker>,
    first: Option<Waker>,
    rest: Vec<Waker>,
}

impl Wakers {
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_none() && self.task.is_none()
    }

    /// Whether the list is as long as one critical section may make it.
    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        self.rest.len() >= PIECE
    }

    /// Adds the waker of the writer task, which is woken last.
    pub(crate) fn task(&mut self, waker: Option<Waker>) {
        debug_assert!(waker.is_none() || self.task.is_none(), "the task has one waker");
        if waker.is_some() {
            self.task = waker;
        }
    }

    /// Adds the waker of a waiter.
    pub(crate) fn waiter(&mut self, waker: Option<Waker>) {
        let Some(waker) = waker else { return };
        if self.first.is_none() {
            self.first = Some(waker);
            return;
        }
        if self.rest.capacity() == 0 {
            self.rest = SPARE.try_with(Cell::take).unwrap_or_default();
        }
        self.rest.push(waker);
    }

    /// Passes the wakers of all waiters to `to`, in order. Only the waker of the task stays in the
    /// list.
    pub(crate) fn drain_waiters(&mut self, mut to: impl FnMut(Waker)) {
        self.first.take().into_iter().for_each(&mut to);
        if self.rest.capacity() > 0 {
            let mut rest = mem::take(&mut self.rest);
            rest.drain(..).for_each(to);
            let _ = SPARE.try_with(|spare| spare.set(rest));
        }
    }

    pub(crate) fn take_task(&mut self) -> Option<Waker> {
        self.task.take()
    }
}

#[cfg(test)]
mod tests {
    use super::{NEAR_MAX, Waiters};
    use proptest::prelude::*;
    use std::{cell::Cell, cmp::Ordering, collections::BTreeMap, task::Waker};

    #[derive(Debug, Clone)]
    enum Op {
        Put(u16),
        Remove(u16),
        Pop,
        After(u16),
    }

    fn op() -> impl Strategy<Value = Op> {
        prop_oneof![
            4 => any::<u16>().prop_map(|key| Op::Put(key % 1024)),
            2 => any::<u16>().prop_map(|key| Op::Remove(key % 1024)),
            1 => Just(Op::Pop),
            1 => any::<u16>().prop_map(|key| Op::After(key % 1024)),
        ]
    }

    proptest! {
        #[test]
        fn is_a_sorted_map(ops in prop::collection::vec(op(), 0..3000)) {
            let mut waiters = Waiters::new();
            let mut model = BTreeMap::new();
            for op in ops {
                match op {
                    Op::Put(key) => {
                        let replaced = waiters.put(key, key, Some(Waker::noop().clone())).is_some();
                        prop_assert_eq!(replaced, model.insert(key, key).is_some());
                    }
                    Op::Remove(key) => prop_assert_eq!(waiters.remove(key).is_some(), model.remove(&key).is_some()),
                    Op::Pop => prop_assert_eq!(waiters.pop_first().is_some(), model.pop_first().is_some()),
                    Op::After(key) => {
                        let next = model.range(key + 1..).next().map(|(key, _)| *key);
                        prop_assert_eq!(waiters.next_after(key), next);
                        prop_assert_eq!(waiters.contains(key), model.contains_key(&key));
                    }
                }
                prop_assert_eq!(waiters.first(), model.first_key_value().map(|(key, wants)| (*key, *wants)));
                prop_assert_eq!(waiters.is_empty(), model.is_empty());
                prop_assert!(waiters.near.len() <= NEAR_MAX);
            }
        }
    }

    thread_local! { static STEPS: Cell<u64> = const { Cell::new(0) }; }

    /// A key that counts how often it is compared.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    struct Counted(u64);

    impl Ord for Counted {
        fn cmp(&self, other: &Self) -> Ordering {
            STEPS.set(STEPS.get() + 1);
            self.0.cmp(&other.0)
        }
    }

    impl PartialOrd for Counted {
        fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
            Some(self.cmp(other))
        }
    }

    #[test]
    fn any_order_costs_a_logarithm_of_comparisons() {
        const COUNT: u64 = 100_000;
        // All numbers below the prime, in pseudo-random order.
        let shuffled =
            |factor: u64| (1..100_003).map(move |at| at * factor % 100_003).filter(|key| *key < COUNT);
        let mut waiters = Waiters::new();
        STEPS.set(0);
        for key in shuffled(62_233) {
            waiters.put(Counted(key), (), None);
        }
        for key in shuffled(27_644) {
            assert!(waiters.remove(Counted(key)).is_some());
        }
        assert!(waiters.is_empty());
        // A lookup passes at most 6 nodes, of up to 11 keys each.
        assert!(STEPS.get() < 2 * COUNT * 70, "{} comparisons", STEPS.get());
    }

    #[test]
    fn a_burst_leaves_no_memory_although_one_waits() {
        let mut waiters = Waiters::new();
        for key in 0..100_000_u32 {
            waiters.put(key, (), None);
        }
        for key in 0..99_999 {
            waiters.remove(key);
        }
        assert_eq!(waiters.first(), Some((99_999, ())));
        assert!(waiters.far.is_empty() && waiters.near.capacity() <= NEAR_MAX);
    }
}
