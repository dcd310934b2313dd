//! Producers that wait for the writer's peer, as those do that ask and wait for the answer.

use std::{cell::RefCell, future::poll_fn, task::Poll, task::Waker};

use super::{submit::Handle, world::World};
use crate::faults::event::Event;

/// The tasks that wait until the peer has got something, each at most once.
#[derive(Default)]
pub(super) struct Answers {
    waiting: RefCell<Vec<(usize, Waker)>>,
    /// What they saw: how much the peer has got, and whether the stream is closed.
    seen: RefCell<(u64, bool)>,
}

impl Answers {
    /// Those who wait have another look if there is anything new to see.
    pub(super) fn look(&self, got: u64, closed: bool) {
        if self.seen.replace((got, closed)) != (got, closed) {
            self.waiting.take().into_iter().for_each(|(_, waker)| waker.wake());
        }
    }

    fn leave(&self, task: usize) {
        self.waiting.borrow_mut().retain(|(waiting, _)| *waiting != task);
    }
}

/// A task that waits. If it gives up it is not woken for it any more.
struct Waiting<'a> {
    answers: &'a Answers,
    task: usize,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.answers.leave(self.task);
    }
}

/// Waits until the peer has got all that is accepted now, or never will. Nobody flushes for those who wait here.
pub(super) async fn answered(world: &World, handle: &Handle) {
    world.settle(None);
    let position = world.oracle.borrow().accepted();
    world.event(Event::Answer, || format!("to get {position} bytes"));
    let waiting = Waiting { answers: &world.answers, task: world.current.get() };
    poll_fn(|cx| {
        waiting.answers.leave(waiting.task);
        if world.device.borrow().passed >= position || handle.is_closed() {
            return Poll::Ready(());
        }
        waiting.answers.waiting.borrow_mut().push((waiting.task, cx.waker().clone()));
        Poll::Pending
    })
    .await;
}
