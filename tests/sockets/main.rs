//! Faults of real connections, on every runtime: resets, half-closes, stalls, many connections, no
//! descriptors left, everything at once for some time, and writers that buffer.
#![cfg(unix)]

mod buffering;
#[cfg(target_os = "linux")]
mod churn;
#[cfg(target_os = "linux")]
mod descriptors;
mod half_close;
mod outlet;
mod peer;
mod reset;
mod router;
#[cfg(target_os = "linux")]
mod soak;
mod stall;
mod support;
#[cfg(feature = "tunnel")]
mod tunnel;
