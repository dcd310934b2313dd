//! The writer task by itself, or in one task with producers, which run one after the other or side
//! by side, perhaps around or inside of the task of a second stream.

use std::{future::poll_fn, pin::pin, rc::Rc, task::Poll};

use bytes::Bytes;
use futures_handoff::{Inline, WriteHandoff, WriteHandoffConfig, WriteTask};
use futures_handoff_runtimes::io::{EndStep, ScriptWriter, WriteLog, WriteStep};
use futures_util::{
    future::{Either, join, join_all, select},
    poll,
};

use super::{
    check::{self, Outcome},
    device::FaultyWriter,
    tasks::{Inside, Kind, Patience, contained, let_others_run, panicking, pause},
    world::{World, on_drop},
};

/// The task of the writer in one of its own.
pub(super) async fn run_alone(world: Rc<World>, task: WriteTask<FaultyWriter>) {
    let outcome = task.await;
    told(&world, outcome);
}

fn told(world: &World, outcome: Outcome) {
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
        let running = Rc::clone(&together.world);
        running.running.set(running.running.get() + 1);
        let end = on_drop(|| running.running.set(running.running.get() - 1));
        match running.below(4) {
            3 => together.serve_beside(producer).await,
            2 => together.serve_some([producer].into_iter().chain(producers.next())).await,
            _ => together.serve(producer).await,
        }
        drop(end);
        together.rest().await;
    }
    together.leave(detached).await;
}

struct Together {
    world: Rc<World>,
    task: WriteTask<FaultyWriter>,
    /// It has reported how the stream ended, and must not be polled again.
    over: bool,
}

/// At which poll what runs with the task panics.
fn panics(world: &World) -> Option<usize> {
    world.once_in(8).then(|| world.below(6))
}

/// Polls what runs with the task until it is done or has panicked. It may be given up before that:
/// then it is not over.
async fn is_over(world: &World, run: impl Future) -> bool {
    let mut run = pin!(run);
    match Patience::random(world).wait(world, |cx| contained(|| run.as_mut().poll(cx))).await {
        Some(Some(_)) => return true,
        Some(None) => event!(world, RunUntilPanic),
        None => {
            event!(world, RunUntilDrop);
            return false;
        }
    }
    true
}

impl Together {
    /// Runs a producer, and perhaps runs it again or lets it go on elsewhere when that was given
    /// up.
    async fn serve(&mut self, mut producer: Inside) {
        let world = Rc::clone(&self.world);
        loop {
            event!(world, RunUntil, "with task {}", producer.id);
            if world.once_in(3) {
                let run = panicking(producer, panics(&world));
                is_over(&world, self.task.run_until(run)).await;
                return;
            }
            let run = panicking(&mut producer, panics(&world));
            if is_over(&world, self.task.run_until(run)).await {
                return;
            }
            match world.below(3) {
                0 => return,
                1 => {
                    event!(world, RunUntilLeft, "by task {}", producer.id);
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
        let producers: Vec<_> = producers.collect();
        event!(world, RunUntil, "with tasks {:?}", producers.iter().map(|one| one.id).collect::<Vec<_>>());
        let run = panicking(join_all(producers), panics(&world));
        is_over(&world, self.task.run_until(run)).await;
    }

    /// Runs a producer and that of a second stream with the tasks of both, either of which may be
    /// the outer one.
    async fn serve_beside(&mut self, producer: Inside) {
        let world = Rc::clone(&self.world);
        let (mut second, beside) = Second::new(&world);
        event!(world, RunUntilNested, "with task {}", producer.id);
        let both = panicking(Box::pin(join(producer, beside)), panics(&world));
        if world.once_in(2) {
            is_over(&world, second.task.run_until(self.task.run_until(both))).await;
        } else {
            is_over(&world, self.task.run_until(second.task.run_until(both))).await;
        }
        second.end().await;
    }

    /// What happens to the task in the meantime: nothing for some polls, or it is polled by itself.
    async fn go_on(&mut self) {
        match self.world.below(4) {
            1 => pause(&self.world).await,
            2 => {
                for _ in 0..1 + self.world.below(3) {
                    if self.over {
                        return;
                    }
                    match poll!(&mut self.task) {
                        Poll::Ready(outcome) => self.end(outcome),
                        Poll::Pending => let_others_run().await,
                    }
                }
            }
            _ => {}
        }
    }

    /// What happens to the task when nothing runs with it, perhaps until all others wait.
    async fn rest(&mut self) {
        let world = Rc::clone(&self.world);
        let before = world.rests.get();
        let rest = poll_fn(|cx| {
            if world.rests.get() > before {
                return Poll::Ready(());
            }
            *world.resting.borrow_mut() = Some(cx.waker().clone());
            Poll::Pending
        });
        match world.below(5) {
            3 if !self.over => {
                if let Either::Left((outcome, _)) = select(&mut self.task, rest).await {
                    self.end(outcome);
                }
            }
            4 => {
                event!(world, RunUntil, "without a producer");
                self.task.run_until(rest).await;
            }
            _ => self.go_on().await,
        }
    }

    /// The task has reported how the stream ended.
    fn end(&mut self, outcome: Outcome) {
        self.over = true;
        told(&self.world, outcome);
    }

    /// Has the task run by itself, here or in a task of its own, or drops it.
    async fn leave(self, detached: bool) {
        let Self { world, task, over } = self;
        let elsewhere = world.once_in(3);
        if over {
            return;
        }
        if world.once_in(8) {
            event!(world, TaskDrop, "by what ran it");
            world.oracle.borrow_mut().causes.task_dropped = true;
            return drop(task);
        }
        match (detached, elsewhere) {
            (true, true) => world.spawn(Kind::Writer, task.detach()),
            (true, false) => task.detach().await,
            (false, true) => world.spawn(Kind::Writer, run_alone(Rc::clone(&world), task)),
            (false, false) => run_alone(world, task).await,
        }
    }
}

/// A second stream, served in the task of the first. Its writer is slow and makes no mistakes.
struct Second {
    world: Rc<World>,
    task: WriteTask<ScriptWriter>,
    accepted: Rc<std::cell::RefCell<Vec<u8>>>,
    log: WriteLog,
}

impl Second {
    /// The stream, and the producer that has its only handle.
    fn new(world: &Rc<World>) -> (Self, impl Future<Output = ()> + use<>) {
        let config = WriteHandoffConfig::new(2, 8).with_send_at(world.of([8, 4, 0]));
        let inline = world.of([Inline::SameThread, Inline::Always, Inline::Never]);
        let config = config.with_inline(inline);
        let slow = world.below(4);
        let writes = (0..20 * slow).map(|at| match at % 3 {
            0 => WriteStep::Pending,
            _ => WriteStep::Accept(1 + world.below(8)),
        });
        let ends = |n| std::iter::repeat_n([EndStep::Pending, EndStep::Done], n).flatten();
        let writer = ScriptWriter::new(writes).with_flush(ends(10 * slow)).with_close(ends(slow));
        let (log, accepted) = (writer.log(), Rc::default());
        let (handle, task) = WriteHandoff::new(writer, config);
        let second = Self { world: Rc::clone(world), task, accepted: Rc::clone(&accepted), log: log.clone() };
        let world = Rc::clone(world);
        let produced = async move {
            for _ in 0..1 + world.below(5) {
                let bytes = world.bytes(1 + world.below(8));
                if handle.write(Bytes::copy_from_slice(&bytes)).await.is_ok() {
                    accepted.borrow_mut().extend(bytes);
                }
                pause(&world).await;
            }
            if world.once_in(2) {
                let flushed = handle.flush().await.is_ok() && log.written() == *accepted.borrow();
                expect!(world, flushed, "the second stream is not flushed");
            }
        };
        (second, produced)
    }

    /// Ends the stream, whose handle is gone.
    async fn end(self) {
        let Self { world, task, accepted, log } = self;
        let all = !world.once_in(4);
        if all {
            let ended = task.await;
            expect!(world, ended.is_ok(), "the second stream ends with {:?}", ended.err());
        } else {
            drop(task);
        }
        let (accepted, written) = (accepted.borrow(), log.written());
        expect!(world, accepted.starts_with(&written), "the second stream's bytes are not those accepted");
        let complete = written.len() == accepted.len() && log.is_closed();
        let (n, of) = (written.len(), accepted.len());
        expect!(world, !all || complete, "of {of} bytes of the second stream {n} were written");
    }
}
