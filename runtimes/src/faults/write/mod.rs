//! The write half: producers, a writer that fails, and what must be true of both.

mod answers;
mod check;
mod device;
mod inside;
mod line;
mod neighbour;
mod oracle;
mod planned;
mod producer;
mod schedule;
mod submit;
mod tasks;
mod together;
mod waiting;
mod weight;
mod world;

pub use device::Sabotage;
pub use oracle::End;
pub(super) use schedule::run;
pub(super) use weight::run_weighed;
