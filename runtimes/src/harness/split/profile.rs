//! Tools that watch the process with the proxies.

use std::{
    env,
    ffi::OsString,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde::{Deserialize, Serialize};

use crate::harness::{Failure, Syscalls, measure::names::names};

names! {
    /// A tool that watches a process.
    Profiler {
        /// Samples its stacks.
        Perf,
        /// Counts its system calls.
        Strace,
    }
}

/// A tool and where its results go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// The tool.
    pub profiler: Profiler,
    /// A directory that exists.
    pub directory: PathBuf,
}

const SENDS: [&str; 7] = ["write", "writev", "pwrite64", "pwritev", "send", "sendto", "sendmsg"];
const RECEIVES: [&str; 7] = ["read", "readv", "pread64", "preadv", "recv", "recvfrom", "recvmsg"];

impl Profiler {
    /// Checks by a trial whether the tool is installed and allowed.
    pub fn check(self) -> Result<(), Failure> {
        let failed = |error: &str| Failure::Other(format!("{self} cannot be used here: {error}"));
        let directory = env::temp_dir().join(format!("handoff-{self}-{}", std::process::id()));
        fs::create_dir_all(&directory).map_err(|error| failed(&error.to_string()))?;
        let words = Profile { profiler: self, directory: directory.clone() }.prefix();
        let tried = Command::new(&words[0]).args(&words[1..]).arg("true").stdin(Stdio::null()).output();
        let _ = fs::remove_dir_all(&directory);
        let tried = tried.map_err(|error| failed(&error.to_string()))?;
        if tried.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&tried.stderr);
        Err(failed(said.lines().find(|line| !line.trim().is_empty()).unwrap_or("it fails without a message")))
    }
}

impl Profile {
    /// The words before the command that is watched.
    pub(super) fn prefix(&self) -> Vec<OsString> {
        let (words, file): (&[&str], _) = match self.profiler {
            Profiler::Perf => (&["perf", "record", "-q", "-g", "-o"], self.data()),
            Profiler::Strace => (&["strace", "-c", "-f", "-o"], self.summary()),
        };
        let mut words: Vec<OsString> = words.iter().map(OsString::from).collect();
        words.push(file.into_os_string());
        if self.profiler == Profiler::Perf {
            words.push("--".into());
        }
        words
    }

    /// Makes the reports after the profiled process has ended; it has carried this many bytes.
    pub(super) fn conclude(&self, bytes: u64) -> Result<Option<Syscalls>, Failure> {
        match self.profiler {
            Profiler::Perf => {
                self.report("--children", "report_children.txt")?;
                self.report("--no-children", "report_no_children.txt")?;
                Ok(None)
            }
            Profiler::Strace => {
                let path = self.summary();
                let summary = fs::read_to_string(&path).map_err(|error| failed(&path, &error))?;
                syscalls(&summary, bytes as f64 / f64::from(1 << 20))
                    .map(Some)
                    .ok_or_else(|| failed(&path, &"it is not a summary of system calls"))
            }
        }
    }

    fn report(&self, how: &str, name: &str) -> Result<(), Failure> {
        let path = self.directory.join(name);
        let report = File::create(&path).map_err(|error| failed(&path, &error))?;
        let made = Command::new("perf")
            .args(["report", "--stdio", "--no-inline", how, "-i"])
            .arg(self.data())
            .stdin(Stdio::null())
            .stdout(report)
            .output()
            .map_err(|error| failed(&path, &error))?;
        if made.status.success() {
            return Ok(());
        }
        Err(failed(&path, &String::from_utf8_lossy(&made.stderr).trim()))
    }

    fn data(&self) -> PathBuf {
        self.directory.join("service.perf.data")
    }

    fn summary(&self) -> PathBuf {
        self.directory.join("service.strace.summary")
    }
}

fn failed(path: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::Other(format!("there is no {}: {error}", path.display()))
}

/// Adds up the calls of a summary: lines of share, seconds, microseconds each, calls, errors if
/// any, and the name.
fn syscalls(summary: &str, mib: f64) -> Option<Syscalls> {
    let mut found = Syscalls::default();
    for line in summary.lines() {
        let words: Vec<_> = line.split_whitespace().collect();
        let (Some(calls), Some(&name)) =
            (words.get(3).and_then(|calls| calls.parse::<f64>().ok()), words.last())
        else {
            continue;
        };
        if name == "total" {
            continue;
        }
        found.all += calls / mib;
        found.send += if SENDS.contains(&name) { calls / mib } else { 0.0 };
        found.recv += if RECEIVES.contains(&name) { calls / mib } else { 0.0 };
    }
    (found.all > 0.0).then_some(found)
}
