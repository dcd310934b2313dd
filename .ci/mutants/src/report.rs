//! Says what became of the mutants.

use crate::{list::Mutant, tree::Tree, trial::Fate};
use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
    fs,
};

/// Where the mutants are listed that no test can find, each with the reason.
const ARGUED: &str = ".ci/mutants/survivors";

/// The listed ones, without their reasons.
fn argued(tree: &Tree) -> Result<BTreeSet<String>, Box<dyn Error>> {
    let text = fs::read_to_string(tree.from.join(ARGUED))?;
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| match line.split_once(" // ") {
            Some((name, _)) => Ok(name.to_owned()),
            None => Err(format!("{ARGUED}: no reason is given in: {line}").into()),
        })
        .collect()
}

/// Prints and writes the score and those that no test finds; true if there is a reason for each, and no reason too many.
/// `all` says that no mutant of the files was left out.
pub fn report(tree: &Tree, fates: &[(&Mutant, Fate)], all: bool) -> Result<bool, Box<dyn Error>> {
    let argued = argued(tree)?;
    let mut by_fate: BTreeMap<Fate, Vec<&Mutant>> = BTreeMap::new();
    for (mutant, fate) in fates {
        by_fate.entry(*fate).or_default().push(mutant);
    }
    let mut lines = String::new();
    for (fate, mutants) in &mut by_fate {
        mutants.sort_unstable_by_key(|mutant| mutant.id);
        for mutant in mutants {
            lines += &format!("{fate:?}\t{}\n", mutant.name);
        }
    }
    let path = tree.results.join("outcomes.txt");
    fs::write(&path, lines)?;

    let missed: Vec<_> =
        [Fate::Unreached, Fate::Missed].iter().filter_map(|fate| by_fate.get(fate)).flatten().collect();
    let unexplained: Vec<_> = missed.iter().filter(|mutant| !argued.contains(&mutant.anywhere())).collect();
    for mutant in &unexplained {
        println!("no test finds, and no reason is given: {}", mutant.name);
    }
    let found: BTreeSet<_> = missed.iter().map(|mutant| mutant.anywhere()).collect();
    let files: BTreeSet<_> = fates.iter().map(|(mutant, _)| mutant.file.as_str()).collect();
    let is_of_these = |name: &str| all && name.split_once(':').is_some_and(|(file, _)| files.contains(file));
    let needless: Vec<_> = argued.iter().filter(|name| is_of_these(name) && !found.contains(*name)).collect();
    for name in &needless {
        println!("{ARGUED} has a reason for one that is found, or is none: {name}");
    }
    let count = |fate| by_fate.get(&fate).map_or(0, Vec::len);
    let caught = count(Fate::Caught) + count(Fate::TimedOut);
    let tried = caught + missed.len();
    println!(
        "{caught} of {tried} found ({:.1} %), {} of them by a time limit; a reason for {} of the other {}; {} are none, as they do \
         not compile here; each in {}",
        100.0 * caught as f64 / tried.max(1) as f64,
        count(Fate::TimedOut),
        missed.len() - unexplained.len(),
        missed.len(),
        count(Fate::Unbuilt),
        path.display()
    );
    Ok(unexplained.is_empty() && needless.is_empty())
}
