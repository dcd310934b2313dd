//! Faults of real connections, on every runtime: resets, half-closes, stalls, many connections, and no descriptors left.
#![cfg(unix)]

#[cfg(target_os = "linux")]
mod churn;
#[cfg(target_os = "linux")]
mod descriptors;
mod half_close;
mod reset;
mod stall;
mod support;
