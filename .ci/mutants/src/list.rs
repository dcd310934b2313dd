//! The mutants, as `cargo mutants` lists them.

use serde::Deserialize;
use std::{error::Error, ops::Range, process::Command};

/// One change of the source.
#[derive(Debug, Deserialize)]
pub struct Mutant {
    /// The file, from the root of the package.
    pub file: String,
    /// What kind of change it is.
    pub genre: Genre,
    /// Place and change, in words.
    pub name: String,
    /// What is put there.
    pub replacement: String,
    span: Span,
    /// Its number, from one.
    #[serde(default)]
    pub id: usize,
}

/// The kinds of changes.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub enum Genre {
    /// A function returns something at once.
    FnValue,
    /// An operator between two operands is another.
    BinaryOperator,
    /// An operator before an operand is gone.
    UnaryOperator,
    /// The condition of an arm is always true, or never.
    MatchArmGuard,
    /// An arm is gone.
    MatchArm,
    /// A field is taken from the base of a struct expression.
    StructField,
}

#[derive(Debug, Deserialize)]
struct Span {
    start: Place,
    end: Place,
}

#[derive(Debug, Deserialize)]
struct Place {
    line: usize,
    column: usize,
}

impl Place {
    fn offset(&self, source: &str) -> usize {
        let line_at: usize = source.split_inclusive('\n').take(self.line - 1).map(str::len).sum();
        let line = &source[line_at..];
        line_at + line.chars().take(self.column - 1).map(char::len_utf8).sum::<usize>()
    }
}

impl Mutant {
    /// Its name without the place in the file.
    pub fn anywhere(&self) -> String {
        let change = self.name.splitn(4, ':').last().unwrap_or_default();
        format!("{}:{change}", self.file)
    }

    /// The bytes that it replaces.
    pub fn range(&self, source: &str) -> Range<usize> {
        self.span.start.offset(source)..self.span.end.offset(source)
    }
}

/// All mutants of the files.
pub fn mutants(files: &[String]) -> Result<Vec<Mutant>, Box<dyn Error>> {
    let mut command = Command::new("cargo");
    command.args(["mutants", "--list", "--json"]);
    for file in files {
        command.args(["--file", file]);
    }
    let listed = command.output()?;
    if !listed.status.success() {
        return Err(format!(
            "cargo mutants ({}): {}; `cargo install cargo-mutants --locked` installs it",
            listed.status,
            String::from_utf8_lossy(&listed.stderr).trim()
        )
        .into());
    }
    let mut mutants: Vec<Mutant> = serde_json::from_slice(&listed.stdout)?;
    for (n, mutant) in mutants.iter_mut().enumerate() {
        mutant.id = n + 1;
    }
    Ok(mutants)
}
