//! One schedule from its first step to the check of its last byte.

use std::{
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
};

use futures_handoff::{AbortHandle, Inline, WriteHandoff, WriteHandoffConfig};

use super::{
    check,
    device::{Device, FaultyWriter, Sabotage},
    inside::Inside,
    producer::{keep, produce},
    submit::Handle,
    tasks::{Body, Kind, Tasks},
    together::{run_alone, run_together},
    world::World,
};
use crate::faults::{
    choices::Choices,
    event::{Event, Record},
    panics,
    run::{Failure, Run, Source, Summary},
    trail::Trail,
};

/// Steps after which a schedule counts as one that never comes to rest.
const STEPS_MAX: usize = 50_000;

/// Runs a schedule, on a device that does something wrong to the byte at a position if that is asked for.
pub(in crate::faults) fn run(source: &Source, sabotage: Option<(u64, Sabotage)>, trail: Trail) -> Run {
    Schedule::new(source, sabotage, trail).run()
}

struct Schedule {
    choices: Choices,
    trail: Trail,
    world: Rc<World>,
    tasks: Tasks,
    abort: AbortHandle,
    keeper: Option<Handle>,
    /// The step at which the stream is aborted, and the one at which its task is dropped.
    abort_at: Option<usize>,
    drop_at: Option<usize>,
}

fn config(choices: &Choices) -> WriteHandoffConfig {
    // More entries than slices are offered in one write, and more bytes than a gather block has, are rare: they take longer.
    let items = choices.of([1, 2, 3, 8, 8, 100]);
    let budget = choices.of([1, 4, 16, 40, 40, 200, 200, 3000]);
    let send_at = choices.of([0, 1, budget / 2, budget]);
    let copy_max = choices.of([0, 3, budget / 2, budget]).min(budget);
    let inline = choices.of([Inline::SameThread, Inline::Always, Inline::Never]);
    let config = WriteHandoffConfig::new(items, budget)
        .and_then(|config| config.with_send_at(send_at))
        .and_then(|config| config.with_copy_max(copy_max));
    config.expect("limits in range").with_inline(inline)
}

/// Whether the stream flushes its writer when nothing is left to write.
fn flushes(choices: &Choices) -> bool {
    !choices.once_in(5)
}

/// How the task of the writer is run.
#[derive(Debug, Clone, Copy)]
struct Service {
    /// In one task with producers, and not in one of its own.
    together: bool,
    /// Without an output.
    detached: bool,
}

impl Service {
    fn new(choices: &Choices) -> Self {
        let choice = choices.below(6);
        Self { together: choice >= 4, detached: choice % 2 == 1 }
    }
}

impl Schedule {
    fn new(source: &Source, sabotage: Option<(u64, Sabotage)>, trail: Trail) -> Self {
        let choices = Choices::new(source, trail.clone());
        let flushes = flushes(&choices);
        let config = config(&choices).with_flush_when_idle(flushes);
        let mut tasks = Tasks::new();
        let device = Device::new(choices.clone(), sabotage);
        let record = Record::new(trail.clone());
        let world = World::new(choices.clone(), record, config, flushes, device, tasks.woken());
        world.line(|| format!("{config:?}"));
        world.line(|| world.device.borrow().plan());
        let (handle, task) = WriteHandoff::new(FaultyWriter::new(&world), config);
        world.watch(handle.downgrade());
        let service = Service::new(&choices);
        let (writer, mut inside) = (tasks.reserve(Kind::Writer), Vec::new());
        for _ in 0..1 + choices.below(4) {
            let produced = Box::pin(produce(Rc::clone(&world), handle.clone(), 1 + choices.below(14)));
            if service.together && (inside.is_empty() || choices.once_in(3)) {
                inside.push(Inside::new(&world, tasks.reserve(Kind::Producer), produced));
            } else {
                tasks.add(Kind::Producer, produced);
            }
        }
        let body: Body = match service {
            Service { together: true, detached } => {
                Box::pin(run_together(Rc::clone(&world), task, inside, detached))
            }
            Service { detached: true, .. } => Box::pin(task.detach()),
            Service { detached: false, .. } => Box::pin(run_alone(Rc::clone(&world), task)),
        };
        tasks.start(writer, body);
        world.line(|| format!("{service:?}"));
        world.detached.set(service.detached);
        let abort = handle.abort_handle();
        let keeper = (service.detached || choices.once_in(2)).then_some(handle);
        if choices.once_in(20) {
            world.abort_within(abort.clone());
        }
        let abort_at = choices.once_in(10).then(|| choices.below(120));
        let drop_at = choices.once_in(10).then(|| choices.below(120));
        Self { choices, trail, world, tasks, abort, keeper, abort_at, drop_at }
    }

    fn run(mut self) -> Run {
        let mut step = 0;
        let finding = loop {
            step += 1;
            self.trail.step(step);
            let going = catch_unwind(AssertUnwindSafe(|| {
                let going = self.step(step);
                check::step(&self.world);
                going
            }));
            for (kind, body) in self.world.take_spawned() {
                self.tasks.add(kind, body);
            }
            match (going, self.world.violation()) {
                (Err(panic), _) => break panics::describe(&*panic),
                (_, Some(finding)) => break finding,
                (Ok(true), None) if step == STEPS_MAX => break "it does not come to rest".to_owned(),
                (Ok(true), None) => {}
                (Ok(false), None) => return self.finish(step),
            }
        };
        let run = self.come_to(step, Err(Failure::new(step, finding)));
        // What is broken may not be fit to be dropped.
        mem::forget(self);
        run
    }

    /// What is left of the schedule to tell.
    fn come_to(&self, steps: usize, result: Result<Summary, Failure>) -> Run {
        let events = self.world.take_tally();
        Run { result, steps, events, choices: self.trail.choices(), lines: self.trail.lines() }
    }

    /// Makes a step; whether there may be more.
    fn step(&mut self, step: usize) -> bool {
        if self.abort_at == Some(step) {
            self.world.line(|| format!("step {step}: abort"));
            self.world.event(Event::Abort, || "from outside".into());
            self.world.oracle.borrow_mut().causes.aborted = true;
            self.abort.abort();
            return true;
        }
        if self.drop_at == Some(step) {
            self.world.line(|| format!("step {step}: drop the task of the writer"));
            self.world.event(Event::TaskDrop, String::new);
            self.world.oracle.borrow_mut().causes.task_dropped = true;
            for id in self.tasks.alive(|kind| kind == Kind::Writer) {
                self.tasks.kill(id);
            }
            return true;
        }
        let alive = self.tasks.alive(|_| true);
        match self.choices.below(100) {
            97..=99 if !alive.is_empty() => {
                let id = alive[self.choices.below(alive.len())];
                self.poll(step, id);
            }
            96 => {
                let victims = self.tasks.alive(|kind| matches!(kind, Kind::Producer | Kind::Watcher));
                if !victims.is_empty() {
                    let id = victims[self.choices.below(victims.len())];
                    self.world.line(|| format!("step {step}: drop task {id} ({:?})", self.tasks.kind(id)));
                    self.world.event(Event::ProducerDrop, || format!("task {id}"));
                    self.tasks.kill(id);
                }
            }
            90..=95 if self.world.device.borrow().is_blocked() => self.unblock(step),
            _ => {
                let ready = self.tasks.ready();
                if ready.is_empty() {
                    return self.at_rest(step);
                }
                let id = ready[self.choices.below(ready.len())];
                if self.choices.once_in(12) {
                    self.world.event(Event::WakerChange, || format!("of task {id}"));
                    self.tasks.migrate(id);
                }
                self.poll(step, id);
            }
        }
        true
    }

    fn poll(&mut self, step: usize, id: usize) {
        self.world.line(|| format!("step {step}: poll task {id} ({:?})", self.tasks.kind(id)));
        self.world.current.set(id);
        self.tasks.poll(id);
    }

    fn unblock(&self, step: usize) {
        self.world.line(|| format!("step {step}: the writer is ready again"));
        let waker = self.world.device.borrow_mut().unblock();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Nothing is ready. Either the writer's peer has to move, or all have to be done.
    fn at_rest(&mut self, step: usize) -> bool {
        self.world.line(|| format!("step {step}: nothing is ready"));
        if self.world.give_up_flush() {
            return true;
        }
        if self.world.device.borrow().is_blocked() {
            check::blocked(&self.world);
            self.unblock(step);
            return true;
        }
        check::settled(&self.world);
        let waiting = self.tasks.alive(|kind| kind != Kind::Writer);
        if let Some(id) = waiting.first() {
            self.world.fail(format!("task {id} ({:?}) waits for ever", self.tasks.kind(*id)));
        }
        self.world.expect(self.world.running.get() == 0, || {
            "what runs with the task of the writer waits for ever".into()
        });
        if self.world.drop_kept() {
            return true;
        }
        if self.world.end_rest() {
            return true;
        }
        if let Some(keeper) = self.keeper.take() {
            self.tasks.add(Kind::Keeper, Box::pin(keep(Rc::clone(&self.world), keeper)));
            return true;
        }
        self.world.expect(self.tasks.alive(|_| true).is_empty(), || "the stream does not end".into());
        false
    }

    fn finish(self, steps: usize) -> Run {
        let run = self.come_to(steps, Ok(Summary { bytes: 0, end: None, sabotaged: false }));
        let Self { world, tasks, abort, .. } = self;
        drop((tasks, abort));
        let (device, oracle) = (world.device.borrow(), world.oracle.borrow());
        let causes = &oracle.causes;
        let broken = causes.aborted || causes.task_dropped || device.broken.is_some();
        let finding = match () {
            () if device.drops != 1 => Some("the writer was not dropped once"),
            () if !broken && device.flushed != oracle.accepted() => Some("an orderly end left bytes behind"),
            () if world.owned().items > 0 => Some("chunks are kept in memory after the end"),
            () => None,
        };
        let summary = Summary { bytes: oracle.accepted(), end: oracle.end(), sabotaged: device.sabotaged };
        let failed = |finding: &str| Err(Failure::new(steps, finding.to_owned()));
        Run { result: finding.map_or(Ok(summary), failed), ..run }
    }
}
