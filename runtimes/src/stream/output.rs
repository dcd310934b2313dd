//! What runs leave behind: a directory with each run as a line of JSON, and tables made of them.

use std::{
    env, fmt,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    process,
    time::{SystemTime, UNIX_EPOCH},
};

#[cfg(unix)]
use std::fs::TryLockError;

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use tempfile::NamedTempFile;

use super::{
    Failure, Record, Spread, journal,
    record::{fields, text},
};
use crate::{exchange::Trips, footprint::Footprint, producers};

/// A finished run that results are made of. Its fields are its settings, its number and its figures.
pub trait Kept: Serialize + DeserializeOwned {
    /// The files with a line for each run, as JSON and as a table, without their endings.
    const RUNS: &'static str;
    /// The file with a line for each figure of runs with equal settings.
    const SUMMARY: &'static str;

    /// Its settings.
    type Setup: PartialEq + Serialize;
    /// Its figures.
    type Figures: Serialize;

    /// What was measured.
    fn setup(&self) -> &Self::Setup;

    /// What it came to.
    fn figures(&self) -> &Self::Figures;
}

/// A directory of results.
///
/// `runs.jsonl` grows by a line when a run is finished, so what ends early keeps what it has. `runs.csv`, a line for
/// each run, and `summary.csv`, a line for each figure of runs with equal settings, are replaced as a whole. Those are the
/// names of routed streams; other kinds of runs have their own.
#[derive(Debug)]
pub struct Output<R = Record> {
    directory: PathBuf,
    /// Held as long as this is the one that writes there.
    _lock: Option<File>,
    runs: File,
    records: Vec<R>,
}

impl Output {
    /// Where results are put if nothing else is said: `target/harness`, as Cargo sees it.
    #[must_use]
    pub fn root() -> PathBuf {
        let target = env::var_os("CARGO_TARGET_DIR").map(PathBuf::from).or_else(|| {
            // Cargo says where the package is that it runs; its workspace is one up.
            let package = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR")?);
            Some(package.parent()?.join("target"))
        });
        target.unwrap_or_else(|| PathBuf::from("target")).join("harness")
    }

    /// A name that no other run has.
    #[must_use]
    pub fn fresh_name(what: &str) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        format!("{what}_{}_{}", now.as_secs(), process::id())
    }
}

impl<R: Kept> Output<R> {
    /// Begins the directory `name`, which must not have results already.
    ///
    /// # Errors
    ///
    /// If it has, or cannot be written.
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

    /// Begins the directory `name` or goes on with it.
    ///
    /// # Errors
    ///
    /// If it cannot be read or written, or is not one of these.
    pub fn resume(name: &str) -> Result<Self, Failure> {
        let directory = directory(name)?;
        fs::create_dir_all(&directory).map_err(|error| failed("make", &directory, &error))?;
        let lock = lock(&directory)?;
        let path = runs::<R>(&directory);
        let records = if path.exists() { read(&path)? } else { Vec::new() };
        // A line that was cut off by an abrupt end is no run.
        let lines: String = records.iter().map(line).collect();
        replace(&path, lines.as_bytes())?;
        let runs =
            OpenOptions::new().append(true).open(&path).map_err(|error| failed("write", &path, &error))?;
        Ok(Self { directory, _lock: lock, runs, records })
    }

    /// The finished runs.
    #[must_use]
    pub fn records(&self) -> &[R] {
        &self.records
    }

    /// Where they are.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Adds a finished run.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn add(&mut self, record: R) -> Result<(), Failure> {
        // One write, so that another process never sees half of it.
        self.runs
            .write_all(line(&record).as_bytes())
            .map_err(|error| failed("write", &runs::<R>(&self.directory), &error))?;
        self.records.push(record);
        Ok(())
    }

    /// Writes the tables of what is finished.
    ///
    /// # Errors
    ///
    /// If they cannot be written.
    pub fn finish(&self) -> Result<(), Failure> {
        let runs = self.records.iter().map(fields).collect::<Vec<_>>();
        self.table(&format!("{}.csv", R::RUNS), &runs)?;
        self.table(R::SUMMARY, &summary(&self.records))
    }

    /// Writes a file as a whole.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn write(&self, name: &str, contents: &[u8]) -> Result<PathBuf, Failure> {
        write(&self.directory, name, contents)
    }

    fn table(&self, name: &str, rows: &[Map<String, Value>]) -> Result<(), Failure> {
        let mut table = csv::Writer::from_writer(Vec::new());
        let written = (|| {
            if let Some(first) = rows.first() {
                table.write_record(first.keys())?;
            }
            rows.iter().try_for_each(|row| table.write_record(row.values().map(cell)))
        })();
        let contents = written
            .map_err(io::Error::from)
            .and_then(|()| table.into_inner().map_err(csv::IntoInnerError::into_error));
        let contents = contents.map_err(|error| failed("write", &self.directory.join(name), &error))?;
        self.write(name, &contents).map(drop)
    }
}

/// What is in a directory of results.
#[derive(Debug)]
pub(super) struct Results {
    pub(super) directory: PathBuf,
    pub(super) runs: Vec<Record>,
    pub(super) trips: Vec<Trips>,
    pub(super) footprints: Vec<Footprint>,
    pub(super) producers: Vec<producers::Record>,
}

/// The directory `name` and what was finished there, of which there must be something.
///
/// # Errors
///
/// If there is nothing, or it cannot be read.
pub(super) fn load(name: &str) -> Result<Results, Failure> {
    let directory = directory(name)?;
    let path = runs::<Record>(&directory);
    let results = Results {
        runs: journal::finished(&path)?,
        trips: journal::finished(&runs::<Trips>(&directory))?,
        footprints: journal::finished(&directory.join(journal::FOOTPRINT))?,
        producers: journal::finished(&directory.join(journal::PRODUCERS))?,
        directory,
    };
    let Results { runs, trips, footprints, producers, .. } = &results;
    if !(runs.is_empty() && trips.is_empty() && footprints.is_empty() && producers.is_empty()) {
        return Ok(results);
    }
    Err(Failure::Other(if path.exists() {
        format!("there is no finished run in {}", path.display())
    } else {
        format!("there are no results of the name '{name}': {} is missing", path.display())
    }))
}

/// Writes a file as a whole into a directory, which is made if it is missing.
///
/// # Errors
///
/// If it cannot be written.
pub(super) fn write(directory: &Path, name: &str, contents: &[u8]) -> Result<PathBuf, Failure> {
    fs::create_dir_all(directory).map_err(|error| failed("make", directory, &error))?;
    let path = directory.join(name);
    replace(&path, contents)?;
    Ok(path)
}

/// The directory of a name. A path is taken as it is.
pub(super) fn directory(name: &str) -> Result<PathBuf, Failure> {
    if name.is_empty() {
        return Err(Failure::Other("the name of results must not be empty".to_owned()));
    }
    Ok(Output::root().join(name))
}

fn runs<R: Kept>(directory: &Path) -> PathBuf {
    directory.join(format!("{}.jsonl", R::RUNS))
}

fn line<R: Kept>(record: &R) -> String {
    format!("{}\n", Value::Object(fields(record)))
}

/// A value in a table: what could not be had is empty.
fn cell(value: &Value) -> String {
    if value.is_null() { String::new() } else { text(value) }
}

/// Two at a time would replace each other's runs. The lock ends with the process, however that does.
#[cfg(unix)]
pub(super) fn lock(directory: &Path) -> Result<Option<File>, Failure> {
    let lock = File::open(directory).map_err(|error| failed("open", directory, &error))?;
    match lock.try_lock() {
        Err(TryLockError::WouldBlock) => Err(Failure::Other(format!(
            "{} is being written by another harness: choose another --name",
            directory.display()
        ))),
        // Not every file system has locks.
        _ => Ok(Some(lock)),
    }
}

/// A directory cannot be locked here.
#[cfg(not(unix))]
pub(super) fn lock(_: &Path) -> Result<Option<File>, Failure> {
    Ok(None)
}

/// The lines of a file, each a value of its own.
///
/// # Errors
///
/// If one of them is no such value, or the file cannot be read.
pub(super) fn read<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>, Failure> {
    // What is read without an end, or not before somebody writes, is never asked.
    if path.metadata().is_ok_and(|found| !found.is_file()) {
        return Err(failed("read", path, &"it is not a file"));
    }
    let contents = fs::read_to_string(path).map_err(|error| failed("read", path, &error))?;
    let mut records = Vec::new();
    for (number, line) in contents.split_inclusive('\n').enumerate() {
        match serde_json::from_str(line) {
            Ok(record) => records.push(record),
            // Cut off: what wrote it ended abruptly.
            Err(_) if !line.ends_with('\n') => {}
            Err(error) => {
                return Err(Failure::Other(format!(
                    "line {} of {} is not a run: {error}",
                    number + 1,
                    path.display()
                )));
            }
        }
    }
    Ok(records)
}

/// Replaces a file, so that nobody ever sees half of it.
pub(super) fn replace(path: &Path, contents: &[u8]) -> Result<(), Failure> {
    let directory = path.parent().unwrap_or(Path::new("."));
    let written = NamedTempFile::new_in(directory).and_then(|mut file| {
        file.write_all(contents)?;
        file.persist(path)?;
        Ok(())
    });
    written.map_err(|error| failed("write", path, &error))
}

pub(super) fn failed(what: &str, path: &Path, error: &dyn fmt::Display) -> Failure {
    Failure::Other(format!("cannot {what} {}: {error}", path.display()))
}

/// Median, extremes, mean and deviation of each figure, for each group of runs with equal settings.
fn summary<R: Kept>(records: &[R]) -> Vec<Map<String, Value>> {
    let mut rows = Vec::new();
    for group in groups(records) {
        let setup = fields(group[0].setup());
        for metric in fields(group[0].figures()).keys() {
            let mut spread = Spread::default();
            for record in &group {
                if let Some(value) = fields(record.figures()).get(metric).and_then(Value::as_f64) {
                    spread.add(value);
                }
            }
            if spread.values().is_empty() {
                continue;
            }
            let mut row = setup.clone();
            row.insert("metric".to_owned(), metric.as_str().into());
            row.insert("runs".to_owned(), spread.values().len().into());
            let figures = [
                ("median", spread.median()),
                ("min", spread.min()),
                ("max", spread.max()),
                ("mean", spread.mean()),
                ("stdev", spread.stdev()),
            ];
            row.extend(figures.map(|(name, value)| (name.to_owned(), value.into())));
            rows.push(row);
        }
    }
    rows
}

/// Runs with equal settings, in the order of the first of each.
pub(crate) fn groups<R: Kept>(records: &[R]) -> Vec<Vec<&R>> {
    let mut groups: Vec<Vec<&R>> = Vec::new();
    for record in records {
        match groups.iter_mut().find(|group| group[0].setup() == record.setup()) {
            Some(group) => group.push(record),
            None => groups.push(vec![record]),
        }
    }
    groups
}
