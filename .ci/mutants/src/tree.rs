//! The copy of the package that is changed and built.

use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// A copy of everything that is under version control.
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
    /// Copies the tree that the command was started in.
    pub fn copy(directory: &Path) -> Result<Self, Box<dyn Error>> {
        let from = std::env::current_dir()?;
        let directory = from.join(directory);
        let tree =
            Self { root: directory.join("tree"), target: directory.join("build"), results: directory, from };
        let listed = Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .output()?;
        if !listed.status.success() {
            return Err("`git ls-files` fails: start this at the root of the repository".into());
        }
        if tree.root.exists() {
            fs::remove_dir_all(&tree.root)?;
        }
        for name in String::from_utf8(listed.stdout)?.split_terminator('\0') {
            let (from, to) = (tree.from.join(name), tree.root.join(name));
            // One that was deleted may be listed.
            if from.is_file() {
                fs::create_dir_all(to.parent().expect("it has a name"))?;
                fs::copy(&from, &to)?;
            }
        }
        let lock = tree.from.join("Cargo.lock");
        if lock.is_file() {
            fs::copy(lock, tree.root.join("Cargo.lock"))?;
        }
        Ok(tree)
    }
}
