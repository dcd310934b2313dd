//! Which of several settings to take, and which of them to measure to find out.

mod choice;
mod grid;

pub use choice::{Choice, Limits, Point, Unfit};
pub use grid::Grid;
