//! How much memory there is to be had.

use std::fs;

/// How many bytes this process may take; none if that is not known.
pub(crate) fn available() -> Option<u64> {
    [free(), group(), limit()].into_iter().flatten().min()
}

/// What the system has left.
fn free() -> Option<u64> {
    let known = fs::read_to_string("/proc/meminfo").ok()?;
    let line = known.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

/// What a container may have.
fn group() -> Option<u64> {
    fs::read_to_string("/sys/fs/cgroup/memory.max").ok()?.trim().parse().ok()
}

/// What this process may have.
#[cfg(unix)]
fn limit() -> Option<u64> {
    use nix::sys::resource::{Resource, getrlimit};

    getrlimit(Resource::RLIMIT_AS).ok().map(|(limit, _)| limit)
}

#[cfg(not(unix))]
fn limit() -> Option<u64> {
    None
}
