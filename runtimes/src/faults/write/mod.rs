//! The write half: producers, a writer that fails, and what must be true of both.

mod check;
mod device;
mod line;
mod oracle;
mod producer;
mod schedule;
mod submit;
mod tasks;
mod waiting;
mod world;

pub use device::Sabotage;
pub use oracle::End;
pub(super) use schedule::run;
