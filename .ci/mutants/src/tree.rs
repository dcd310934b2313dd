//! The copy of the package that is changed and built.

use std::{
    error::Error,
    path::{Path, PathBuf},
};

/// A copy of everything that is under version control, as `.ci/mutation` makes it.
pub struct Tree {
    /// The original.
    pub from: PathBuf,
    /// The copy.
    pub root: PathBuf,
    /// Where it is built.
    pub target: PathBuf,
    /// Where results go.
    pub results: PathBuf,
}

impl Tree {
    /// The copy in `directory` of the tree that the command was started in.
    pub fn of(directory: &Path) -> Result<Self, Box<dyn Error>> {
        let from = std::env::current_dir()?;
        let directory = from.join(directory);
        let tree =
            Self { root: directory.join("tree"), target: directory.join("build"), results: directory, from };
        if !tree.root.is_dir() {
            return Err(
                format!("there is no copy in {}: `.ci/mutation` makes it", tree.root.display()).into()
            );
        }
        Ok(tree)
    }
}
