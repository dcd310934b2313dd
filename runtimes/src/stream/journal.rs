//! A file of results that are not runs of streams: a line of JSON for each, written as soon as it is there.

use std::{
    fs::{self, File, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
};

use serde::{Serialize, de::DeserializeOwned};

use super::{
    Failure,
    output::{directory, failed, lock, read},
};

/// What idle connections keep.
pub(super) const FOOTPRINT: &str = "footprint.jsonl";

/// What many producers cost.
pub(super) const PRODUCERS: &str = "producers.jsonl";

/// The file of a directory of results that is being written.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    /// Held as long as this is the one that writes there.
    _lock: Option<File>,
}

impl Journal {
    /// Begins `file` in the directory of the name `name`, where it must not be yet.
    ///
    /// # Errors
    ///
    /// If it is, or cannot be written.
    pub(super) fn create(name: &str, file: &str) -> Result<Self, Failure> {
        let directory = directory(name)?;
        fs::create_dir_all(&directory).map_err(|error| failed("make", &directory, &error))?;
        let lock = lock(&directory)?;
        let path = directory.join(file);
        if path.metadata().is_ok_and(|found| found.len() > 0) {
            return Err(Failure::Other(format!(
                "{} is there already: choose another --name, or remove it",
                path.display()
            )));
        }
        let opened = OpenOptions::new().create(true).append(true).open(&path);
        let file = opened.map_err(|error| failed("write", &path, &error))?;
        Ok(Self { path, file, _lock: lock })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Adds a line.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub(super) fn add(&mut self, result: &impl Serialize) -> Result<(), Failure> {
        let written = serde_json::to_string(result).map_err(Into::into);
        // One write, so that another process never sees half of it.
        let written = written.and_then(|line| self.file.write_all(format!("{line}\n").as_bytes()));
        written.map_err(|error| failed("write", &self.path, &error))
    }
}

/// What is in a file, or nothing if there is none.
///
/// # Errors
///
/// If it cannot be read.
pub(super) fn finished<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>, Failure> {
    if path.exists() { read(path) } else { Ok(Vec::new()) }
}
