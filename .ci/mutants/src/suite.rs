//! The tests, how long each takes, and which mutants it comes by.

use crate::{compile::Program, tree::Tree};
use indicatif::ProgressIterator;
use std::{
    collections::BTreeSet,
    error::Error,
    fs, io,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};
use wait_timeout::ChildExt;

/// A test of a program.
pub struct Test {
    /// The program's place among them.
    pub program: usize,
    /// Its name there.
    pub name: String,
    /// How long it takes without a mutant.
    pub takes: Duration,
    /// The mutants that it comes by; `None` where that is not known.
    pub reaches: Option<BTreeSet<usize>>,
}

/// All tests that pass without a mutant.
pub struct Suite {
    /// The programs.
    pub programs: Vec<Program>,
    /// The tests, the quickest first.
    pub tests: Vec<Test>,
}

/// How a run of tests went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Run {
    /// All passed.
    Passed,
    /// One failed.
    Failed,
    /// It took too long.
    TimedOut,
}

/// What a program is told about mutants.
pub enum Told<'a> {
    /// This one is alive.
    Alive(usize),
    /// It is to note those it comes by.
    Notes(&'a Path),
}

/// Runs these tests of a program.
pub fn run(
    tree: &Tree,
    program: &Program,
    tests: &[&str],
    told: &Told<'_>,
    limit: Duration,
) -> io::Result<Run> {
    let mut command = Command::new(&program.path);
    command.args(["--exact", "--test-threads", "1", "--quiet"]).args(tests);
    match told {
        Told::Alive(id) => command.env("MUTANT", id.to_string()),
        Told::Notes(path) => command.env("MUTANT_NOTES", path),
    };
    let mut child = command
        .current_dir(&tree.root)
        .env("CARGO_MANIFEST_DIR", &tree.root)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    match child.wait_timeout(limit)? {
        Some(status) if status.success() => Ok(Run::Passed),
        Some(_) => Ok(Run::Failed),
        None => {
            child.kill()?;
            child.wait()?;
            Ok(Run::TimedOut)
        }
    }
}

impl Suite {
    /// Runs each test by itself.
    pub fn explore(tree: &Tree, programs: Vec<Program>) -> Result<Self, Box<dyn Error>> {
        let mut listed = Vec::new();
        for (n, program) in programs.iter().enumerate() {
            let output = Command::new(&program.path)
                .args(["--list", "--format", "terse"])
                .current_dir(&tree.root)
                .output()?;
            for line in String::from_utf8(output.stdout)?.lines() {
                if let Some(name) = line.strip_suffix(": test") {
                    listed.push((n, name.to_owned()));
                }
            }
        }
        println!("{} tests in {} programs", listed.len(), programs.len());
        let notes = tree.results.join("notes");
        let mut tests = Vec::new();
        for (program, name) in listed.into_iter().progress() {
            let _ = fs::remove_file(&notes);
            let start = Instant::now();
            let limit = Duration::from_secs(300);
            let program_run = |told: &Told<'_>| run(tree, &programs[program], &[&name], told, limit);
            let noted = program_run(&Told::Notes(&notes))?;
            let takes = start.elapsed();
            let reaches = if noted == Run::Passed {
                let ids = fs::read(&notes).unwrap_or_default();
                let ids =
                    ids.chunks_exact(4).map(|id| u32::from_le_bytes(id.try_into().expect("four bytes")));
                Some(ids.map(|id| id as usize).collect())
            } else if program_run(&Told::Alive(0))? == Run::Passed {
                // Taking notes allocates, which some tests count.
                None
            } else {
                println!("left out, fails without a mutant: {} {name}", programs[program].name);
                continue;
            };
            tests.push(Test { program, name, takes, reaches });
        }
        tests.sort_by_key(|test| test.takes);
        let total: Duration = tests.iter().map(|test| test.takes).sum();
        println!("{} tests pass, in {total:.0?}; the slowest:", tests.len());
        for test in tests.iter().rev().take(12) {
            println!("  {:.1?} {} {}", test.takes, programs[test.program].name, test.name);
        }
        Ok(Self { programs, tests })
    }
}
