//! One schedule from its first step to the check of its last byte.

use std::{
    error, fmt, mem,
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
};

use fastrand::Rng;
use futures_handoff::{AbortHandle, Inline, WriteHandoff, WriteHandoffConfig, WriteTask};

use super::{
    check,
    device::{Device, FaultyWriter, Sabotage},
    oracle::End,
    producer::{keep, produce},
    submit::Handle,
    tasks::{Kind, Tasks},
    world::World,
};

/// What a schedule came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Polls and events.
    pub steps: usize,
    /// Bytes accepted.
    pub accepted: u64,
    /// Bytes written.
    pub written: u64,
    /// Why the stream ended, as far as anybody learned of it.
    pub end: Option<End>,
    /// The sabotage asked for has happened.
    pub sabotaged: bool,
}

/// A schedule in which something went wrong.
#[derive(Debug)]
pub struct Failure {
    seed: u64,
    step: usize,
    finding: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, step, finding } = self;
        write!(f, "seed {seed}, step {step}: {finding}")
    }
}

impl error::Error for Failure {}

/// Steps after which a schedule counts as one that never comes to rest.
const STEPS_MAX: usize = 50_000;

/// Runs the schedule of a seed.
///
/// # Errors
///
/// The first thing that is not as it should be.
pub fn run(seed: u64) -> Result<Summary, Failure> {
    Schedule::new(seed, None).run()
}

/// Runs the schedule of a seed on a device that does something wrong to one of the bytes, which must be noticed.
///
/// # Errors
///
/// The first thing that is not as it should be.
pub fn run_sabotaged(seed: u64, sabotage: Sabotage) -> Result<Summary, Failure> {
    Schedule::new(seed, Some(sabotage)).run()
}

struct Schedule {
    seed: u64,
    rng: Rng,
    world: Rc<World>,
    tasks: Tasks,
    abort: AbortHandle,
    keeper: Option<Handle>,
    /// The step at which the stream is aborted, and the one at which its task is dropped.
    abort_at: Option<usize>,
    drop_at: Option<usize>,
}

fn config(rng: &mut Rng) -> WriteHandoffConfig {
    let items = [1, 2, 3, 8][rng.usize(..4)];
    let budget = [1, 4, 16, 40, 200][rng.usize(..5)];
    let send_at = [0, 1, budget / 2, budget][rng.usize(..4)];
    let copy_max = [0, 3, budget / 2, budget][rng.usize(..4)].min(budget);
    let inline = [Inline::SameThread, Inline::Always, Inline::Never][rng.usize(..3)];
    let config = WriteHandoffConfig::new(items, budget)
        .and_then(|config| config.with_send_at(send_at))
        .and_then(|config| config.with_copy_max(copy_max));
    config.expect("limits in range").with_inline(inline)
}

async fn write_out(world: Rc<World>, task: WriteTask<FaultyWriter>) {
    let outcome = task.await;
    let takes = world.oracle.borrow().wanting_parts == 0;
    check::outcome(&world, outcome, takes);
}

impl Schedule {
    fn new(seed: u64, sabotage: Option<Sabotage>) -> Self {
        let mut rng = Rng::with_seed(seed);
        let config = config(&mut rng);
        let mut tasks = Tasks::new();
        let device = Device::new(rng.fork(), sabotage);
        let world = World::new(rng.fork(), config, device, tasks.woken());
        let (handle, task) = WriteHandoff::new(FaultyWriter::new(&world), config);
        world.watch(handle.downgrade());
        let detached = rng.bool();
        if detached {
            tasks.add(Kind::Writer, Box::pin(task.detach()));
        } else {
            tasks.add(Kind::Writer, Box::pin(write_out(Rc::clone(&world), task)));
        }
        for _ in 0..1 + rng.usize(..4) {
            let produced = produce(Rc::clone(&world), handle.clone(), 1 + rng.usize(..14));
            tasks.add(Kind::Producer, Box::pin(produced));
        }
        let abort = handle.abort_handle();
        let keeper = (detached || rng.bool()).then_some(handle);
        if rng.u8(..20) == 0 {
            world.abort_within(abort.clone());
        }
        let abort_at = (rng.u8(..10) == 0).then(|| rng.usize(..120));
        let drop_at = (rng.u8(..10) == 0).then(|| rng.usize(..120));
        Self { seed, rng, world, tasks, abort, keeper, abort_at, drop_at }
    }

    fn run(mut self) -> Result<Summary, Failure> {
        let mut step = 0;
        let finding = loop {
            step += 1;
            let going = catch_unwind(AssertUnwindSafe(|| {
                let going = self.step(step);
                check::step(&self.world);
                going
            }));
            for (kind, body) in self.world.take_spawned() {
                self.tasks.add(kind, body);
            }
            match (going, self.world.violation()) {
                (Err(_), _) => break "a panic".to_owned(),
                (_, Some(finding)) => break finding,
                (Ok(true), None) if step == STEPS_MAX => break "it does not come to rest".to_owned(),
                (Ok(true), None) => {}
                (Ok(false), None) => return self.finish(step),
            }
        };
        let failure = Failure { seed: self.seed, step, finding };
        // What is broken may not be fit to be dropped.
        mem::forget(self);
        Err(failure)
    }

    /// Makes a step; whether there may be more.
    fn step(&mut self, step: usize) -> bool {
        if self.abort_at == Some(step) {
            self.world.oracle.borrow_mut().causes.aborted = true;
            self.abort.abort();
            return true;
        }
        if self.drop_at == Some(step) {
            self.world.oracle.borrow_mut().causes.task_dropped = true;
            self.tasks.kill(0);
            return true;
        }
        let alive = self.tasks.alive(|_| true);
        match self.rng.u8(..100) {
            0..=2 if !alive.is_empty() => {
                let id = alive[self.rng.usize(..alive.len())];
                self.poll(id);
            }
            3 => {
                let victims = self.tasks.alive(|kind| matches!(kind, Kind::Producer | Kind::Watcher));
                if !victims.is_empty() {
                    self.tasks.kill(victims[self.rng.usize(..victims.len())]);
                }
            }
            4..=9 if self.world.device.borrow().is_blocked() => self.unblock(),
            _ => {
                let ready = self.tasks.ready();
                if ready.is_empty() {
                    return self.at_rest();
                }
                let id = ready[self.rng.usize(..ready.len())];
                if self.rng.u8(..12) == 0 {
                    self.tasks.migrate(id);
                }
                self.poll(id);
            }
        }
        true
    }

    fn poll(&mut self, id: usize) {
        self.world.current.set(id);
        self.tasks.poll(id);
    }

    fn unblock(&self) {
        let waker = self.world.device.borrow_mut().unblock();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Nothing is ready. Either the writer's peer has to move, or all have to be done.
    fn at_rest(&mut self) -> bool {
        if self.world.give_up_flush() {
            return true;
        }
        if self.world.device.borrow().is_blocked() {
            check::blocked(&self.world);
            self.unblock();
            return true;
        }
        check::settled(&self.world);
        let waiting = self.tasks.alive(|kind| kind != Kind::Writer);
        if let Some(id) = waiting.first() {
            self.world.fail(format!("task {id} ({:?}) waits for ever", self.tasks.kind(*id)));
        }
        if let Some(keeper) = self.keeper.take() {
            self.tasks.add(Kind::Keeper, Box::pin(keep(Rc::clone(&self.world), keeper)));
            return true;
        }
        self.world.expect(self.tasks.alive(|_| true).is_empty(), || "the stream does not end".into());
        false
    }

    fn finish(self, steps: usize) -> Result<Summary, Failure> {
        let Self { seed, world, tasks, abort, .. } = self;
        drop((tasks, abort));
        let (device, oracle) = (world.device.borrow(), world.oracle.borrow());
        let failed = |finding: &str| Err(Failure { seed, step: steps, finding: finding.to_owned() });
        if device.drops != 1 {
            return failed("the writer was not dropped once");
        }
        let causes = &oracle.causes;
        let broken = causes.aborted || causes.task_dropped || device.broken.is_some();
        if !broken && device.flushed != oracle.accepted() {
            return failed("an orderly end left bytes behind");
        }
        Ok(Summary {
            steps,
            accepted: oracle.accepted(),
            written: device.written,
            end: oracle.end(),
            sabotaged: device.sabotaged,
        })
    }
}
