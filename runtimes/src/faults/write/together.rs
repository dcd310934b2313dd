//! The task of the writer in one with producers, which run with it one after the other.

use std::{
    future::poll_fn,
    mem,
    pin::{Pin, pin},
    rc::Rc,
    task::Poll,
};

use futures_handoff::{WriteTask, WriterFailure};
use futures_util::future::{join, join_all};

use super::{
    check,
    device::FaultyWriter,
    inside::Inside,
    neighbour::Neighbour,
    planned::{Panicking, contained},
    submit::pause,
    tasks::Kind,
    waiting::Patience,
    world::World,
};
use crate::faults::event::Event;

/// The task of the writer in one of its own.
pub(super) async fn run_alone(world: Rc<World>, task: WriteTask<FaultyWriter>) {
    let outcome = task.await;
    told(&world, outcome);
}

fn told(world: &World, outcome: Result<FaultyWriter, WriterFailure<FaultyWriter>>) {
    let takes = world.oracle.borrow().wanting_parts == 0;
    check::outcome(world, outcome, takes);
}

/// The task of the writer with these producers, and then by itself or not at all.
pub(super) async fn run_together(
    world: Rc<World>,
    task: WriteTask<FaultyWriter>,
    producers: Vec<Inside>,
    detached: bool,
) {
    let mut together = Together { world, task, over: false };
    let mut producers = producers.into_iter();
    while let Some(producer) = producers.next() {
        match together.world.below(4) {
            3 => together.serve_beside(producer).await,
            2 => together.serve_some([producer].into_iter().chain(producers.next())).await,
            _ => together.serve(producer).await,
        }
        together.rest().await;
    }
    together.leave(detached).await;
}

struct Together {
    world: Rc<World>,
    task: WriteTask<FaultyWriter>,
    /// It has told how the stream ended, and may not be polled any more.
    over: bool,
}

/// Something runs with the task that has to come to its end, for as long as this lives.
struct Running<'a>(&'a World);

impl<'a> Running<'a> {
    fn new(world: &'a World) -> Self {
        world.running.set(world.running.get() + 1);
        Self(world)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.set(self.0.running.get() - 1);
    }
}

/// At which poll what runs with the task panics.
fn panics(world: &World) -> Option<usize> {
    world.once_in(8).then(|| world.below(6))
}

/// Polls what runs with the task until it is done or has panicked. It may be given up before that: then it is not over.
async fn is_over(world: &World, run: impl Future) -> bool {
    let mut run = pin!(run);
    match Patience::random(world).wait(world, |cx| contained(|| run.as_mut().poll(cx))).await {
        Some(Some(_)) => true,
        Some(None) => {
            world.event(Event::RunUntilPanic, String::new);
            true
        }
        None => {
            world.event(Event::RunUntilDrop, String::new);
            false
        }
    }
}

impl Together {
    /// Runs a producer, and perhaps runs it again or lets it go on elsewhere when that was given up.
    async fn serve(&mut self, mut producer: Inside) {
        let world = Rc::clone(&self.world);
        let _running = Running::new(&world);
        loop {
            world.event(Event::RunUntil, || format!("with task {}", producer.id()));
            if world.once_in(3) {
                let panicking = Panicking::new(producer, panics(&world));
                is_over(&world, self.task.run_until(panicking)).await;
                return;
            }
            let panicking = Panicking::new(&mut producer, panics(&world));
            if is_over(&world, self.task.run_until(panicking)).await {
                return;
            }
            match world.below(3) {
                0 => return,
                1 => {
                    world.event(Event::RunUntilLeft, || format!("by task {}", producer.id()));
                    world.spawn(Kind::Producer, producer);
                    return;
                }
                _ => self.go_on().await,
            }
        }
    }

    /// Runs producers side by side.
    async fn serve_some(&mut self, producers: impl Iterator<Item = Inside>) {
        let world = Rc::clone(&self.world);
        let _running = Running::new(&world);
        let producers: Vec<_> = producers.collect();
        world.event(Event::RunUntil, || {
            format!("with tasks {:?}", producers.iter().map(Inside::id).collect::<Vec<_>>())
        });
        let panicking = Panicking::new(join_all(producers), panics(&world));
        is_over(&world, self.task.run_until(panicking)).await;
    }

    /// Runs a producer and that of a neighbour with the tasks of both, either of which may be the outer one.
    async fn serve_beside(&mut self, producer: Inside) {
        let world = Rc::clone(&self.world);
        let _running = Running::new(&world);
        let (mut neighbour, beside) = Neighbour::new(&world);
        world.event(Event::RunUntilNested, || format!("with task {}", producer.id()));
        let both = Panicking::new(Box::pin(join(producer, beside)), panics(&world));
        if world.once_in(2) {
            is_over(&world, neighbour.task.run_until(self.task.run_until(both))).await;
        } else {
            is_over(&world, self.task.run_until(neighbour.task.run_until(both))).await;
        }
        neighbour.end().await;
    }

    /// What happens to the task in the meantime: nothing for some polls, or it is polled by itself.
    async fn go_on(&mut self) {
        match self.world.below(4) {
            1 => pause(&self.world).await,
            2 => {
                for _ in 0..1 + self.world.below(3) {
                    self.poll_once().await;
                }
            }
            _ => {}
        }
    }

    /// What happens to the task when nothing runs with it, perhaps until all others wait.
    async fn rest(&mut self) {
        let world = Rc::clone(&self.world);
        match world.below(5) {
            3 if !self.over => {
                let mut rest = pin!(world.rest());
                let task = &mut self.task;
                let outcome = poll_fn(|cx| match Pin::new(&mut *task).poll(cx) {
                    Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
                    Poll::Pending => rest.as_mut().poll(cx).map(|()| None),
                });
                let outcome = outcome.await;
                self.note(outcome);
            }
            4 => {
                world.event(Event::RunUntil, || "with nobody".into());
                self.task.run_until(world.rest()).await;
            }
            _ => self.go_on().await,
        }
    }

    /// Polls the task by itself once, and is polled again in any case.
    async fn poll_once(&mut self) {
        if self.over {
            return;
        }
        let (task, mut polled) = (&mut self.task, false);
        let outcome = poll_fn(|cx| {
            if mem::replace(&mut polled, true) {
                return Poll::Ready(None);
            }
            let outcome = Pin::new(&mut *task).poll(cx).map(Some);
            if outcome.is_pending() {
                cx.waker().wake_by_ref();
            }
            outcome
        });
        let outcome = outcome.await;
        self.note(outcome);
    }

    fn note(&mut self, outcome: Option<Result<FaultyWriter, WriterFailure<FaultyWriter>>>) {
        if let Some(outcome) = outcome {
            self.over = true;
            told(&self.world, outcome);
        }
    }

    /// Has the task run by itself, here or in a task of its own, or drops it.
    async fn leave(self, detached: bool) {
        let Self { world, task, over } = self;
        let elsewhere = world.once_in(3);
        match () {
            () if over => {}
            () if world.once_in(8) => {
                world.event(Event::TaskDrop, || "by whoever ran it".into());
                world.oracle.borrow_mut().causes.task_dropped = true;
                drop(task);
            }
            () if detached && elsewhere => world.spawn(Kind::Writer, task.detach()),
            () if detached => task.detach().await,
            () if elsewhere => world.spawn(Kind::Writer, run_alone(Rc::clone(&world), task)),
            () => run_alone(world, task).await,
        }
    }
}
