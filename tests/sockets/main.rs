//! Faults of real connections, on every runtime: resets, half-closes, stalls, many connections, and no descriptors left.
#![cfg(unix)]

mod churn;
mod descriptors;
mod half_close;
mod reset;
mod stall;
mod support;
