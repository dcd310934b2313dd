//! The results of runs: a directory with each run as a line of JSON.

use std::{
    env,
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    process,
    time::{SystemTime, UNIX_EPOCH},
};

use super::Record;
use crate::harness::Failure;

/// A line for each finished run.
const RUNS: &str = "runs.jsonl";

/// A directory of results.
///
/// `runs.jsonl` gets a line when a run is finished, so a command that ends early keeps its runs.
#[derive(Debug)]
pub struct Output {
    directory: PathBuf,
    /// Locked as long as this is the one that writes there.
    runs: File,
    records: Vec<Record>,
}

/// The directory of results without a path: Cargo's `target/harness`.
fn root() -> PathBuf {
    let target = env::var_os("CARGO_TARGET_DIR").map(PathBuf::from).or_else(|| {
        // Cargo sets the directory of the package; the workspace is one level up.
        let package = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR")?);
        Some(package.parent()?.join("target"))
    });
    target.unwrap_or_else(|| PathBuf::from("target")).join("harness")
}

/// Replaces a file atomically, so that no process sees half of it.
pub(in crate::harness) fn replace(path: &Path, contents: &[u8]) -> Result<(), Failure> {
    let mut new = path.as_os_str().to_owned();
    new.push(format!(".{}", process::id()));
    let written = fs::write(&new, contents).and_then(|()| fs::rename(&new, path));
    written.map_err(|error| Failure::of_path("write", path, error))
}

/// Makes the directory of a name, or of a path.
pub(in crate::harness) fn make(name: impl AsRef<Path>) -> Result<PathBuf, Failure> {
    let directory = root().join(name);
    fs::create_dir_all(&directory).map_err(|error| Failure::of_path("make", &directory, error))?;
    Ok(directory)
}

impl Output {
    /// A name that no other run has.
    pub fn fresh_name(what: &str) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        format!("{what}_{}_{}", now.as_secs(), process::id())
    }

    /// Begins the directory `name`, which must not have results already.
    pub fn create(name: &str) -> Result<Self, Failure> {
        let output = Self::resume(name)?;
        if output.records.is_empty() {
            return Ok(output);
        }
        Err(Failure::Other(format!(
            "{} has results of {} runs already: choose another --name, or remove it",
            output.directory.display(),
            output.records.len()
        )))
    }

    /// Begins the directory `name` or resumes it.
    pub fn resume(name: &str) -> Result<Self, Failure> {
        let directory = make(name)?;
        let path = directory.join(RUNS);
        let failed = |error: io::Error| Failure::of_path("write", &path, error);
        regular(&path)?;
        let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let mut runs = opened.map_err(failed)?;
        // Not every file system has locks. The lock ends with the process in any case.
        if let Err(TryLockError::WouldBlock) = runs.try_lock() {
            return Err(Failure::Other(format!(
                "{} is being written by another harness: choose another --name",
                directory.display()
            )));
        }
        let (records, complete) = read(&path)?;
        // A line that was cut off by an abrupt end does not count.
        runs.set_len(complete).and_then(|()| runs.seek(SeekFrom::End(0))).map_err(failed)?;
        Ok(Self { directory, runs, records })
    }

    /// The finished runs.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// Where they are.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Adds a finished run.
    pub fn add(&mut self, record: Record) -> Result<(), Failure> {
        // One write, so that another process never sees half of the line.
        let line = serde_json::to_string(&record).map_err(io::Error::from);
        let written = line.and_then(|line| self.runs.write_all(format!("{line}\n").as_bytes()));
        written.map_err(|error| Failure::of_path("write", self.directory.join(RUNS), error))?;
        self.records.push(record);
        Ok(())
    }
}

/// The content of the directory `name`, which must exist, and its path.
pub fn load(name: &str) -> Result<(PathBuf, Vec<Record>), Failure> {
    let directory = root().join(name);
    let path = directory.join(RUNS);
    if name.is_empty() || !path.exists() {
        return Err(Failure::Other(format!(
            "there are no results of the name '{name}': {} is missing",
            path.display()
        )));
    }
    let (records, _) = read(&path)?;
    if records.is_empty() {
        return Err(Failure::Other(format!("there is no finished run in {}", path.display())));
    }
    Ok((directory, records))
}

/// Never reads a device or a pipe, which could block or not end.
fn regular(path: &Path) -> Result<(), Failure> {
    match path.metadata() {
        Ok(found) if !found.is_file() => Err(Failure::of_path("read", path, "it is not a file")),
        _ => Ok(()),
    }
}

/// The runs of a file, and how many bytes their lines have.
fn read(path: &Path) -> Result<(Vec<Record>, u64), Failure> {
    regular(path)?;
    let contents = fs::read_to_string(path).map_err(|error| Failure::of_path("read", path, error))?;
    let complete = contents.rfind('\n').map_or(0, |end| end + 1);
    let record = |(number, line)| {
        serde_json::from_str(line).map_err(|error| {
            Failure::Other(format!("line {} of {} is not a run: {error}", number + 1, path.display()))
        })
    };
    let records = contents[..complete].lines().enumerate().map(record).collect::<Result<_, _>>()?;
    Ok((records, complete as u64))
}
