//! Cores that a process is pinned to.

use std::{collections::BTreeSet, fmt, sync::OnceLock};

use serde::{Deserialize, Serialize};

use crate::harness::Failure;

/// A list of cores, such as `0`, `0-1` or `0,2`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Cores {
    /// Never empty.
    cores: BTreeSet<usize>,
}

impl Cores {
    /// Reads a list of cores that this process may use.
    pub fn here(given: &str) -> Result<Self, String> {
        let cores = Self::try_from(given.to_owned())?;
        let usable = system::usable()?;
        match cores.cores.difference(&usable).next().copied() {
            None => Ok(cores),
            Some(missing) => Err(format!("there is no core {missing} here, only {}", Self { cores: usable })),
        }
    }

    /// What this process could use before it was pinned, if it was.
    pub(in crate::harness) fn before_pinning() -> Option<Self> {
        BEFORE.get().cloned()
    }

    /// How many there are.
    #[allow(clippy::len_without_is_empty, reason = "a list of cores is never empty")]
    pub fn len(&self) -> usize {
        self.cores.len()
    }

    /// Pins this thread and all that it will start.
    pub(in crate::harness) fn pin(&self) -> Result<(), Failure> {
        if let Ok(cores) = system::usable() {
            BEFORE.get_or_init(|| Self { cores });
        }
        system::pin(&self.cores)
            .map_err(|error| Failure::Other(format!("the process cannot be pinned to cores {self}: {error}")))
    }
}

/// What this process could use before it was pinned.
static BEFORE: OnceLock<Cores> = OnceLock::new();

impl TryFrom<String> for Cores {
    type Error = String;

    fn try_from(given: String) -> Result<Self, String> {
        let mut cores = BTreeSet::new();
        for part in given.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let number = |core: &str| core.parse::<u16>().map(usize::from);
            match (number(first), number(last)) {
                (Ok(first), Ok(last)) if first <= last => cores.extend(first..=last),
                _ => return Err(format!("'{part}' is neither a core nor a range such as 0-1")),
            }
        }
        Ok(Self { cores })
    }
}

impl From<Cores> for String {
    fn from(cores: Cores) -> Self {
        cores.to_string()
    }
}

impl fmt::Display for Cores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cores: Vec<_> = self.cores.iter().map(usize::to_string).collect();
        f.write_str(&cores.join(","))
    }
}

#[cfg(target_os = "linux")]
mod system {
    use std::collections::BTreeSet;

    use nix::{
        errno::Errno,
        sched::{CpuSet, sched_getaffinity, sched_setaffinity},
        unistd::Pid,
    };

    /// The calling thread, in calls that take a process.
    const THIS: Pid = Pid::from_raw(0);

    pub(super) fn usable() -> Result<BTreeSet<usize>, String> {
        let set = sched_getaffinity(THIS).map_err(|error| format!("the cores are not known: {error}"))?;
        Ok((0..CpuSet::count()).filter(|&core| set.is_set(core) == Ok(true)).collect())
    }

    pub(super) fn pin(cores: &BTreeSet<usize>) -> Result<(), Errno> {
        let mut set = CpuSet::new();
        cores.iter().try_for_each(|&core| set.set(core))?;
        sched_setaffinity(THIS, &set)
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::collections::BTreeSet;

    const IMPOSSIBLE: &str = "processes cannot be pinned to cores on this system";

    pub(super) fn usable() -> Result<BTreeSet<usize>, String> {
        Err(IMPOSSIBLE.to_owned())
    }

    pub(super) fn pin(_: &BTreeSet<usize>) -> Result<(), String> {
        Err(IMPOSSIBLE.to_owned())
    }
}
