//! Waiting, and giving up at any poll.

use std::{
    future::poll_fn,
    pin::pin,
    rc::Rc,
    task::{Context, Poll},
};

use futures_handoff::{CloseReason, WriteTicket};

use super::{line::Room, world::World};
use crate::faults::event::Event;

/// When a future is dropped that has not completed.
#[derive(Debug, Clone, Copy)]
pub(super) enum Patience {
    Endless,
    /// Instead of polling it again after so many polls, be it ready or not.
    Before(usize),
    /// As soon as so many polls have been pending.
    After(usize),
}

impl Patience {
    pub(super) fn random(world: &World) -> Self {
        match world.below(6) {
            4 => Self::Before(1 + world.below(3)),
            5 => Self::After(1 + world.below(3)),
            _ => Self::Endless,
        }
    }

    /// Polls until `poll` has an answer, or there is no more patience: then `None`.
    pub(super) async fn wait<T>(
        self,
        world: &World,
        mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Option<T> {
        let mut polls = 0;
        poll_fn(|cx| {
            if matches!(self, Self::Before(most) if polls >= most) {
                world.event(Event::Cancel, || format!("before poll {}", polls + 1));
                return Poll::Ready(None);
            }
            polls += 1;
            match poll(cx) {
                Poll::Ready(answer) => Poll::Ready(Some(answer)),
                Poll::Pending if matches!(self, Self::After(most) if polls >= most) => {
                    world.event(Event::Cancel, || format!("after poll {polls}"));
                    Poll::Ready(None)
                }
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    }

    /// As [`wait`](Self::wait), for an answer that the task is woken for once, and for nothing else.
    pub(super) async fn wait_once<T>(
        self,
        world: &World,
        mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Option<T> {
        let mut asleep_since = None;
        self.wait(world, |cx| {
            let woken = asleep_since.map_or(0, |since| world.wakes() - since);
            let polled = poll(cx);
            let right = woken == 0 || woken == 1 && polled.is_ready();
            world.expect(right, || format!("woken {woken} times for {polled}", polled = name(&polled)));
            asleep_since = Some(world.wakes());
            polled
        })
        .await
    }
}

fn name<T>(polled: &Poll<T>) -> &'static str {
    if polled.is_ready() { "an answer" } else { "nothing" }
}

/// The place in line of the task that is polled, for as long as its future lives.
struct Place<'a> {
    world: &'a World,
    task: usize,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.world.line.borrow_mut().leave(self.task);
    }
}

/// Polls a future that may have to wait for room, and checks that it waits its turn.
pub(super) async fn for_room<F: Future>(world: &World, need: Room, future: F) -> Option<F::Output> {
    in_line(world, need, true, future).await
}

/// As [`for_room`], for an adapter: it waits for its turn, and nothing is reserved for it.
pub(super) async fn for_turn<F: Future>(world: &World, future: F) -> Option<F::Output> {
    in_line(world, Room { bytes: 1, items: 1 }, false, future).await
}

async fn in_line<F: Future>(world: &World, need: Room, reserves: bool, future: F) -> Option<F::Output> {
    let place = Place { world, task: world.current.get() };
    let task = place.task;
    let mut future = pin!(future);
    let patience = Patience::random(world);
    patience
        .wait(world, |cx| {
            world.settle(None);
            let wakes = world.wakes();
            let granted = world.line.borrow().is_granted(task);
            let polled = future.as_mut().poll(cx);
            let woken = world.wakes() > wakes;
            match (&polled, granted) {
                // It only lets other tasks run.
                (Poll::Pending, None) if woken => {}
                (Poll::Pending, None) => {
                    world.event(Event::Waited, || format!("task {task} needs {need:?}"));
                    world.line.borrow_mut().enter(task, need, reserves);
                }
                (Poll::Pending, Some(true)) => world.fail(format!("task {task} was granted room in vain")),
                (Poll::Pending, Some(false)) => {}
                (Poll::Ready(_), Some(false)) => {
                    world.fail(format!("task {task} was let in before its turn"))
                }
                (Poll::Ready(_), Some(true)) => world.line.borrow_mut().leave(task),
                (Poll::Ready(_), None) => {
                    // Items may have been accepted in this poll.
                    let passed = need != Room::default() && world.line.borrow().is_waited_in();
                    let open = world.handle().is_some_and(|handle| !handle.is_closed());
                    let fits = need.bytes <= world.config.max_pending_bytes()
                        && need.items <= world.config.max_items();
                    world.expect(!(passed && open && fits), || format!("task {task} passed those in line"));
                }
            }
            polled
        })
        .await
}

/// Waits for a flush of at least the bytes below `position`.
pub(super) async fn for_flush(
    world: &Rc<World>,
    position: u64,
    fresh: bool,
    future: impl Future<Output = Result<(), CloseReason>>,
) {
    /// One of those for whom the writer has to be flushed.
    struct Flushing<'a>(&'a World, u64);

    impl Drop for Flushing<'_> {
        fn drop(&mut self) {
            let mut oracle = self.0.oracle.borrow_mut();
            oracle.flushing -= 1;
            let at = oracle.awaited_flushes.iter().position(|position| *position == self.1);
            at.map(|at| oracle.awaited_flushes.swap_remove(at));
        }
    }

    world.event(Event::Flush, || format!("of at least {position} bytes"));
    world.oracle.borrow_mut().flushing += 1;
    world.oracle.borrow_mut().awaited_flushes.push(position);
    let _flushing = Flushing(world, position);
    let mut future = pin!(future);
    let mut before = None;
    let patience = Patience::random(world);
    let polled = patience.wait_once(world, |cx| {
        before.get_or_insert_with(|| world.device.borrow().flushes);
        future.as_mut().poll(cx)
    });
    match polled.await {
        Some(Ok(())) => {
            let device = world.device.borrow();
            let flushed = device.flushed;
            world.expect(flushed >= position, || format!("flushed to {position}, but only {flushed} are"));
            // One that found the stream closed had nothing left to flush.
            let ended = world.oracle.borrow().causes.closed || world.oracle.borrow().causes.detached;
            let again = before.is_none_or(|before| device.flushes > before);
            world.expect(!fresh || again || ended, || "a flush that did not reach the writer".into());
        }
        Some(Err(reason)) => world.ended(&reason),
        None => {}
    }
}

/// Waits for a ticket and checks the fate that it tells of.
pub(super) async fn for_ticket(world: &World, mut ticket: WriteTicket, patience: Patience) {
    let waited = patience.wait_once(world, |cx| pin!(&mut ticket).poll(cx)).await;
    let Some(result) = waited else { return };
    let range = ticket.positions();
    let event = if result.is_ok() { Event::Ticket } else { Event::TicketFailed };
    world.event(event, || format!("of {range:?}: {result:?}"));
    let again = ticket.try_result();
    let same = again.map(|again| again.map_err(|error| error.to_string()));
    world.expect(same == Some(result.clone().map_err(|error| error.to_string())), || {
        format!("the ticket of {range:?} gave two answers")
    });
    let device = world.device.borrow();
    let len = range.end - range.start;
    match result {
        Ok(()) => world.expect(device.written >= range.end, || {
            format!("the ticket of {range:?} is done, but only {} are written", device.written)
        }),
        Err(error) => {
            let reason = error.reason().clone();
            let offered =
                device.broken.map_or(0, |(fault, offered)| if fault.is_in_doubt() { offered } else { 0 });
            let written = device.written.clamp(range.start, range.end);
            let doubtful = (device.written + offered as u64).clamp(written, range.end);
            let all = device.written >= range.end;
            drop(device);
            world.ended(&reason);
            let told = (error.len(), error.written(), error.in_doubt());
            let fate = (len, written - range.start, doubtful - written);
            world.expect(told == fate, || format!("the ticket of {range:?} tells {told:?} and not {fate:?}"));
            world.expect(!all, || format!("the ticket of {range:?} failed, but is written"));
        }
    }
}
