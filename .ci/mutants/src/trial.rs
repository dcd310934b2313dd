//! Tries each mutant with the tests that come by it.

use crate::{
    list::Mutant,
    suite::{Run, Suite, Told, run},
    tree::Tree,
};
use indicatif::ProgressBar;
use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    sync::Mutex,
    thread,
    time::Duration,
};

/// What became of a mutant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// A test failed.
    Caught,
    /// A test did not end.
    TimedOut,
    /// All tests that come by it passed.
    Missed,
    /// No test comes by it.
    Unreached,
    /// It cannot be built in this way, or in any.
    Unbuilt,
}

/// How many quick tests are run together, beginning with the quickest.
const TOGETHER: usize = 12;

/// How much longer than without a mutant tests may take.
const SLOWER: u32 = 6;

/// The least time that tests are given.
const LEAST: Duration = Duration::from_secs(4);

/// Tries all of them.
pub fn run_all<'a>(
    tree: &Tree,
    suite: &Suite,
    mutants: &[&'a Mutant],
    left_out: &BTreeSet<usize>,
    jobs: usize,
) -> io::Result<Vec<(&'a Mutant, Fate)>> {
    let queue = Mutex::new(mutants.iter());
    let fates = Mutex::new(Vec::new());
    let bar = ProgressBar::new(mutants.len() as u64);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs)
            .map(|_| {
                scope.spawn(|| {
                    loop {
                        let next = queue.lock().expect("no worker panics").next();
                        let Some(mutant) = next else { return io::Result::Ok(()) };
                        let fate = if left_out.contains(&mutant.id) {
                            Fate::Unbuilt
                        } else {
                            try_one(tree, suite, mutant.id)?
                        };
                        if matches!(fate, Fate::Missed | Fate::Unreached) {
                            bar.suspend(|| println!("{fate:?}: {}", mutant.name));
                        }
                        fates.lock().expect("no worker panics").push((*mutant, fate));
                        bar.inc(1);
                    }
                })
            })
            .collect();
        workers.into_iter().try_for_each(|worker| worker.join().expect("it does not panic"))
    })?;
    bar.finish_and_clear();
    Ok(fates.into_inner().expect("no worker panics"))
}

fn try_one(tree: &Tree, suite: &Suite, id: usize) -> io::Result<Fate> {
    let tests: Vec<_> =
        suite.tests.iter().filter(|test| test.reaches.as_ref().is_none_or(|ids| ids.contains(&id))).collect();
    let reached = tests.iter().any(|test| test.reaches.is_some());
    let told = Told::Alive(id);
    for group in tests.chunks(TOGETHER) {
        let mut of_program: BTreeMap<usize, Vec<_>> = BTreeMap::new();
        for test in group {
            of_program.entry(test.program).or_default().push(*test);
        }
        for (program, tests) in of_program {
            let names: Vec<_> = tests.iter().map(|test| test.name.as_str()).collect();
            let takes: Duration = tests.iter().map(|test| test.takes).sum();
            match run(tree, &suite.programs[program], &names, &told, LEAST.max(takes * SLOWER))? {
                Run::Passed => {}
                Run::Failed => return Ok(Fate::Caught),
                Run::TimedOut => return Ok(Fate::TimedOut),
            }
        }
    }
    Ok(if reached { Fate::Missed } else { Fate::Unreached })
}
