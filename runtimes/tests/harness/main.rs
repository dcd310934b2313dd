//! The harness: it detects a faulty proxy; and each command of the binary, end to end.

mod binary;
#[cfg(unix)]
mod criterion;
mod matrix_and_compare;
mod proxies;
mod report;
mod run;
#[cfg(target_os = "linux")]
mod split;
#[cfg(target_os = "linux")]
mod split_protocol;
mod verification;
