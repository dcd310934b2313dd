//! Schedules of both halves of the library, generated from a seed and checked against a plain vector.
//!
//! One seed is one schedule: it stands for a list of [choices](Run::choices), from which all else follows. Everything runs
//! on one thread and no clock is read, so that a seed always does the same. Any other list of choices is a schedule, too,
//! which is what makes it possible to [shorten](minimise) one that fails.
//!
//! On the side of writing the choices decide on the limits, on what the producers do and when they give up, on which task
//! is polled next and which is dropped, on whether the writer's task is one of its own or runs with producers, and on how the
//! writer behaves: short writes, waiting, one failure at a byte of its choosing. After each step the positions, the room, the
//! line of those who wait for room and the bytes written so far are compared with a model; at the end so is the fate of every
//! byte. Should nothing be left to run while somebody still waits, that is a failure, too.
//!
//! On the side of reading they decide on the limits, on how the input arrives, and on which calls are made and where they
//! are dropped. After each call the buffer must hold what the model does, and every frame handed out what it held then.

mod choices;
mod event;
mod minimise;
mod panics;
mod read;
mod run;
mod scale;
mod soak;
mod trail;
mod trial;
mod write;

pub use event::{Event, Tally};
pub use minimise::minimise;
pub use panics::keep_panics_quiet;
pub use run::{Failure, Run, Side, Source, Summary, run};
pub use scale::Weigh;
pub use soak::{Found, Soak, Soaked, shortest};
pub use trial::Trial;
pub use write::{End, Sabotage};
