//! The waits: for room, for a message, and for the close.

use std::task::{Context, Poll, Waker};

use crate::{contain::contain, sync::Arc, waiters::Waiters};

use super::{
    error::RejectReason,
    shared::Shared,
    state::{By, Entry, State, Told},
};

/// The id of a waiter in a line. 0 means not in the line.
type Id = u64;

/// Waits in a line until `is_over`, and then calls `take` under the same lock. The flag tells
/// `take` whether the waiter was still in the line.
///
/// A future that continues to wait keeps its place. Wakers are cloned and dropped without the lock.
fn wait<T, W: Copy, R>(
    shared: &Shared<T>,
    cx: &Context<'_>,
    (id, wants): (&mut Id, W),
    line: fn(&mut State<T>) -> &mut Waiters<Id, W>,
    is_over: impl Fn(&State<T>, Id) -> bool,
    take: impl FnOnce(&mut State<T>, bool) -> (R, Told),
) -> Poll<R> {
    let mut waker: Option<Waker> = None;
    loop {
        let mut state = shared.lock();
        if is_over(&state, *id) {
            if waker.is_some() {
                drop(state);
                waker = None;
                continue;
            }
            if state.budget.must_yield(cx) {
                drop(state);
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            let left = if *id == 0 { None } else { line(&mut state).remove(*id) };
            let (answer, told) = take(&mut state, left.is_some());
            *id = 0;
            drop(state);
            shared.tell(told);
            contain(|| drop(left));
            return Poll::Ready(answer);
        }
        if *id != 0 && line(&mut state).is_set(*id, cx.waker()) {
            return Poll::Pending;
        }
        let Some(waker) = waker.take() else {
            drop(state);
            waker = Some(cx.waker().clone());
            continue;
        };
        if *id == 0 {
            *id = state.new_id();
        }
        state.budget.waited();
        let replaced = line(&mut state).put(*id, wants, Some(waker));
        drop(state);
        contain(|| drop(replaced));
        return Poll::Pending;
    }
}

/// A wait for room for one message.
#[derive(Debug, Default)]
pub(super) struct Room(Id);

impl Room {
    /// Runs `admitted` when the room is charged, under the same lock. `admitted` returns the
    /// receivers to wake.
    pub(super) fn poll<T>(
        &mut self,
        shared: &Shared<T>,
        bytes: usize,
        cx: &Context<'_>,
        admitted: impl FnOnce(&mut State<T>) -> Told,
    ) -> Poll<Result<(), RejectReason>> {
        let place = self.0;
        let is_over = |state: &State<T>, id| {
            let now = if id == 0 { state.admits_or_never(bytes) } else { !state.line.contains(id) };
            now || state.is_closed()
        };
        let take = |state: &mut State<T>, was_in_line: bool| {
            let granted = place != 0 && !was_in_line && state.was_granted(place);
            if state.is_closed() {
                if granted {
                    state.release(bytes);
                }
                return (Err(RejectReason::Closed), Told::default());
            }
            if !granted {
                if !state.admits(bytes) {
                    return (Err(state.rejection(bytes)), Told::default());
                }
                state.charge(bytes);
            }
            state.budget.spend(bytes);
            (Ok(()), admitted(state))
        };
        wait(shared, cx, (&mut self.0, bytes), |state| &mut state.line, is_over, take)
    }

    /// Stops waiting. Granted room goes to the other waiters. The waiters behind may now fit as
    /// well.
    pub(super) fn leave<T>(&mut self, shared: &Shared<T>, bytes: usize) {
        if self.0 == 0 {
            return;
        }
        let mut state = shared.lock();
        let left = state.line.remove(self.0);
        if left.is_none() && state.was_granted(self.0) {
            state.release(bytes);
        }
        self.0 = 0;
        drop(state);
        shared.grant();
        contain(|| drop(left));
    }
}

/// A wait for room that ends when its future is dropped.
pub(super) struct RoomOf<'a, T> {
    shared: &'a Shared<T>,
    bytes: usize,
    room: Room,
}

impl<'a, T> RoomOf<'a, T> {
    pub(super) fn new(shared: &'a Shared<T>, bytes: usize) -> Self {
        Self { shared, bytes, room: Room::default() }
    }

    pub(super) fn poll(
        &mut self,
        cx: &Context<'_>,
        admitted: impl FnOnce(&mut State<T>) -> Told,
    ) -> Poll<Result<(), RejectReason>> {
        self.room.poll(self.shared, self.bytes, cx, admitted)
    }
}

impl<T> Drop for RoomOf<'_, T> {
    fn drop(&mut self) {
        self.room.leave(self.shared, self.bytes);
    }
}

/// A wait for a message.
///
/// The message stays in the queue until the woken future is polled. If the future is dropped
/// instead, the next waiter is woken for the message.
#[derive(Debug, Default)]
pub(super) struct Arrival(Id);

impl Arrival {
    /// Returns a message, still charged, or `None` at the end.
    pub(super) fn poll<T>(&mut self, shared: &Shared<T>, by: By, cx: &Context<'_>) -> Poll<Option<Entry<T>>> {
        let take = |state: &mut State<T>, _| {
            let entry = state.pop();
            state.budget.spend(entry.as_ref().map_or(0, |(_, bytes)| *bytes));
            (entry, Told::default())
        };
        let place = (&mut self.0, by);
        wait(shared, cx, place, |state| &mut state.receiving, |state, _| state.has_news(), take)
    }

    /// Stops waiting. If this waiter was woken for a message, the next waiter is woken for it.
    pub(super) fn leave<T>(&mut self, shared: &Shared<T>) {
        if self.0 == 0 {
            return;
        }
        let mut state = shared.lock();
        let left = state.receiving.remove(self.0);
        let is_for_others = left.is_none() && state.queued() > 0;
        let told = if is_for_others { state.tell_receiver() } else { Told::default() };
        self.0 = 0;
        drop(state);
        shared.tell(told);
        contain(|| drop(left));
    }
}

/// A wait for a message that ends when its future is dropped.
pub(super) struct ArrivalAt<'a, T> {
    pub(super) shared: &'a Arc<Shared<T>>,
    pub(super) arrival: Arrival,
}

impl<T> Drop for ArrivalAt<'_, T> {
    fn drop(&mut self) {
        self.arrival.leave(self.shared);
    }
}

/// A wait for the close.
pub(super) struct Closing<'a, T> {
    shared: &'a Shared<T>,
    id: Id,
}

impl<'a, T> Closing<'a, T> {
    pub(super) fn new(shared: &'a Shared<T>) -> Self {
        Self { shared, id: 0 }
    }

    pub(super) fn poll(&mut self, cx: &Context<'_>) -> Poll<()> {
        let is_over = |state: &State<T>, _| state.is_closed();
        wait(
            self.shared,
            cx,
            (&mut self.id, ()),
            |state| &mut state.watching,
            is_over,
            |_, _| ((), Told::default()),
        )
    }
}

impl<T> Drop for Closing<'_, T> {
    fn drop(&mut self) {
        let left = if self.id == 0 { None } else { self.shared.lock().watching.remove(self.id) };
        contain(|| drop(left));
    }
}
