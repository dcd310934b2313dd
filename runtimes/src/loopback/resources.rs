//! What a process holds of the system.

use std::{fs, io};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// How many descriptors this process has open.
///
/// # Errors
///
/// Where the system keeps no list of them: there is one on Linux.
pub fn open_descriptors() -> io::Result<usize> {
    // The one of the list itself does not count.
    Ok(fs::read_dir("/proc/self/fd")?.count().saturating_sub(1))
}

/// How many bytes of memory this process has resident.
///
/// # Errors
///
/// Where the system does not tell: Linux does.
pub fn resident_bytes() -> io::Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kib.map(|kib| kib * 1024).ok_or_else(|| io::Error::other("/proc/self/status has no VmRSS"))
}

/// Sets how many descriptors this process may have, as far as it may set that itself; what the limit was.
///
/// # Errors
///
/// If it is more than the process may ask for.
pub fn limit_descriptors(limit: u64) -> io::Result<Option<u64>> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: Some(limit), maximum })?;
    Ok(current)
}
