//! Says what became of the mutants.

use crate::{tree::Tree, trial::Fate};
use std::{collections::BTreeMap, fs, io};

/// Prints and writes the score and those that no test finds; true if there are none.
pub fn report(tree: &Tree, fates: &[(String, Fate)]) -> io::Result<bool> {
    let mut by_fate: BTreeMap<Fate, Vec<&str>> = BTreeMap::new();
    for (name, fate) in fates {
        by_fate.entry(*fate).or_default().push(name);
    }
    let mut lines = String::new();
    for (fate, names) in &mut by_fate {
        names.sort_unstable();
        for name in names {
            lines += &format!("{fate:?}\t{name}\n");
        }
    }
    let path = tree.results.join("outcomes.txt");
    fs::write(&path, lines)?;
    for fate in [Fate::Unreached, Fate::Missed] {
        for name in by_fate.get(&fate).into_iter().flatten() {
            println!("{fate:?}: {name}");
        }
    }
    let count = |fate| by_fate.get(&fate).map_or(0, Vec::len);
    let (caught, missed) =
        (count(Fate::Caught) + count(Fate::TimedOut), count(Fate::Missed) + count(Fate::Unreached));
    println!(
        "{caught} of {} caught, {} of them by a time limit; {} cannot be built here; all in {}",
        caught + missed,
        count(Fate::TimedOut),
        count(Fate::Unbuilt),
        path.display()
    );
    Ok(missed == 0)
}
