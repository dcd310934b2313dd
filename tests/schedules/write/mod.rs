//! The write half: one schedule from its first step to the check of its last byte.

#[macro_use]
mod world;
mod check;
mod device;
mod oracle;
mod produce;
mod room;
mod submit;
mod tasks;
mod together;
mod weight;

use std::{mem, rc::Rc};

use futures_handoff::{Inline, WriteHandoff, WriteHandoffConfig};

pub(crate) use self::{device::Sabotage, oracle::End, weight::run_weighed};
use self::{
    device::{Device, FaultyWriter},
    produce::{keep, produce},
    tasks::{Body, Inside, Kind, Tasks},
    together::{run_alone, run_together},
    world::{Handle, Weak, World},
};
use crate::{
    run::{Summary, or_finding},
    script::Script,
};

/// Steps after which a schedule counts as one that never comes to rest.
const STEPS_MAX: usize = 50_000;

/// Runs a schedule, on a device that does something wrong to the byte at a position if that is
/// asked for.
pub(crate) fn run(script: &Script, sabotage: Option<(u64, Sabotage)>) -> Result<Summary, String> {
    let mut schedule = Schedule::new(script, sabotage);
    loop {
        script.step();
        let going = or_finding(|| {
            let going = schedule.step();
            check::step(&schedule.world);
            going
        });
        for (kind, body) in schedule.world.spawned.take() {
            schedule.tasks.add(kind, body);
        }
        let finding = match (going, schedule.world.violation()) {
            (Err(finding), _) | (_, Some(finding)) => finding,
            (Ok(true), None) if script.steps() == STEPS_MAX => "it does not come to rest".to_owned(),
            (Ok(true), None) => continue,
            (Ok(false), None) => return schedule.finish(),
        };
        // A broken state may not be safe to drop.
        mem::forget(schedule);
        return Err(finding);
    }
}

struct Schedule {
    world: Rc<World>,
    tasks: Tasks,
    abort: Weak,
    keeper: Option<Handle>,
    /// The step at which the stream is aborted, and the one at which its task is dropped.
    abort_at: Option<usize>,
    drop_at: Option<usize>,
}

/// Limits and thresholds; `flushes` is whether the writer is flushed unasked.
fn config(script: &Script, flushes: bool) -> WriteHandoffConfig {
    // More entries than slices are offered in one write, and more bytes than a gather block has,
    // are rare: they take longer.
    let items = script.of([1, 2, 3, 8, 8, 100]);
    let budget = script.of([1, 4, 16, 40, 40, 200, 200, 3000]);
    let send_at = script.of([0, 1, budget / 2, budget]);
    let copy_max = script.of([0, 3, budget / 2, budget]);
    let inline = script.of([Inline::SameThread, Inline::Always, Inline::Never]);
    WriteHandoffConfig::new(items, budget)
        .with_send_at(send_at)
        .with_copy_max(copy_max)
        .with_inline(inline)
        .with_flush_when_idle(flushes)
}

impl Schedule {
    fn new(script: &Script, sabotage: Option<(u64, Sabotage)>) -> Self {
        let flushes = !script.once_in(5);
        let config = config(script, flushes);
        trace!(script, "{config:?}");
        let device = Device::new(script, sabotage);
        let world = World::new(script.clone(), config, flushes, device);
        let (handle, task) = WriteHandoff::new(FaultyWriter::new(&world), config);
        world.watch(handle.downgrade());
        // The task of the writer in one with producers, and without an output.
        let service = script.below(6);
        let (together, detached) = (service >= 4, service % 2 == 1);
        trace!(script, "the task of the writer: with producers: {together}, detached: {detached}");
        world.detached.set(detached);
        let (mut tasks, mut inside) = (Tasks::default(), Vec::new());
        let writer = tasks.reserve(Kind::Writer);
        for _ in 0..1 + script.below(4) {
            let produced = Box::pin(produce(Rc::clone(&world), handle.clone(), 1 + script.below(14)));
            if together && (inside.is_empty() || script.once_in(3)) {
                inside.push(Inside::new(&world, tasks.reserve(Kind::Producer), produced));
            } else {
                tasks.add(Kind::Producer, produced);
            }
        }
        let theirs = Rc::clone(&world);
        let body: Body = match (together, detached) {
            (true, _) => Box::pin(run_together(theirs, task, inside, detached)),
            (false, true) => Box::pin(task.detach()),
            (false, false) => Box::pin(run_alone(theirs, task)),
        };
        tasks.start(writer, body);
        let abort = handle.downgrade();
        let keeper = (detached || script.once_in(2)).then_some(handle);
        if script.once_in(20) {
            *world.abort.borrow_mut() = Some(abort.clone());
        }
        let abort_at = script.once_in(10).then(|| script.below(120));
        let drop_at = script.once_in(10).then(|| script.below(120));
        Self { world, tasks, abort, keeper, abort_at, drop_at }
    }

    /// Makes a step; whether there may be more.
    fn step(&mut self) -> bool {
        let world = Rc::clone(&self.world);
        let step = world.steps();
        if self.abort_at == Some(step) {
            trace!(world, "step {step}: abort");
            event!(world, Abort, "from outside");
            world.oracle.borrow_mut().causes.aborted = true;
            match world.handle() {
                Some(handle) if world.once_in(2) => handle.abort(),
                _ => self.abort.abort(),
            }
            return true;
        }
        if self.drop_at == Some(step) {
            trace!(world, "step {step}: drop the task of the writer");
            event!(world, TaskDrop);
            world.oracle.borrow_mut().causes.task_dropped = true;
            self.tasks.alive(|kind| kind == Kind::Writer).into_iter().for_each(|id| self.tasks.kill(id));
            return true;
        }
        let alive = self.tasks.alive(|_| true);
        match world.below(100) {
            97..=99 if !alive.is_empty() => self.poll(alive[world.below(alive.len())]),
            96 => {
                let victims = self.tasks.alive(|kind| matches!(kind, Kind::Producer | Kind::Watcher));
                if !victims.is_empty() {
                    let id = victims[world.below(victims.len())];
                    trace!(world, "step {step}: drop task {id} ({:?})", self.tasks.kind(id));
                    event!(world, ProducerDrop, "task {id}");
                    self.tasks.kill(id);
                }
            }
            90..=95 if world.device.borrow().is_blocked() => self.unblock(),
            _ => {
                let ready = self.tasks.ready();
                if ready.is_empty() {
                    return self.at_rest();
                }
                let id = ready[world.below(ready.len())];
                if world.once_in(12) {
                    event!(world, WakerChange, "of task {id}");
                    self.tasks.migrate(id);
                }
                self.poll(id);
            }
        }
        true
    }

    fn poll(&mut self, id: usize) {
        let world = &self.world;
        trace!(world, "step {}: poll task {id} ({:?})", world.steps(), self.tasks.kind(id));
        world.current.set(id);
        self.tasks.poll(id);
    }

    fn unblock(&self) {
        trace!(self.world, "step {}: the writer is ready again", self.world.steps());
        let waker = self.world.device.borrow_mut().unblock();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Nothing is ready. Either the writer's peer has to move, or all have to be done.
    fn at_rest(&mut self) -> bool {
        let world = &self.world;
        trace!(world, "step {}: nothing is ready", world.steps());
        if world.give_up_flush() {
            return true;
        }
        if world.device.borrow().is_blocked() {
            check::blocked(world);
            self.unblock();
            return true;
        }
        check::settled(world);
        if let Some(id) = self.tasks.alive(|kind| kind != Kind::Writer).first() {
            world.fail(format!("task {id} ({:?}) waits for ever", self.tasks.kind(*id)));
        }
        expect!(world, world.running.get() == 0, "what runs with the task of the writer waits for ever");
        if world.drop_kept() || world.end_rest() {
            return true;
        }
        if let Some(keeper) = self.keeper.take() {
            self.tasks.add(Kind::Keeper, Box::pin(keep(Rc::clone(world), keeper)));
            return true;
        }
        expect!(world, self.tasks.alive(|_| true).is_empty(), "the stream does not end");
        false
    }

    fn finish(self) -> Result<Summary, String> {
        let Self { world, tasks, abort, .. } = self;
        drop((tasks, abort));
        let (device, oracle) = (world.device.borrow(), world.oracle.borrow());
        let broken = oracle.causes.aborted || oracle.causes.task_dropped || device.broken.is_some();
        if device.drops != 1 {
            return Err("the writer was not dropped once".into());
        }
        if !broken && device.flushed != oracle.accepted() {
            return Err("an orderly end left bytes behind".into());
        }
        if world.owned().items > 0 {
            return Err("chunks are kept in memory after the end".into());
        }
        Ok(Summary { bytes: oracle.accepted(), end: oracle.end, sabotaged: device.sabotaged })
    }
}
