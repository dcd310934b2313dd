//! Runs the tests against every mutant that `cargo mutants` lists for the read and the write side.
//!
//! ```text
//! .ci/mutation
//! ```
//!
//! `cargo mutants` builds every mutant by itself, which takes a day here. This builds all of them into one program, in which
//! each mutant is a branch that is taken when an environment variable names it, notes which test comes by which mutant, and
//! runs for each mutant only those tests, until one fails. The mutants are those of `cargo mutants --list`, word for word.
//! Those that cannot be built this way (in a `const`, say) are reported by name, to be given to `cargo mutants` itself.
#![forbid(unsafe_code)]

mod compile;
mod list;
mod report;
mod rewrite;
mod suite;
mod tree;
mod trial;

use clap::Parser;
use std::{collections::BTreeSet, error::Error, path::PathBuf, process::ExitCode};

/// What the command line says.
#[derive(Parser)]
struct Arguments {
    /// Directories or files whose mutants are made, as globs.
    #[arg(long, default_values = ["src/read/**", "src/write/**"])]
    file: Vec<String>,
    /// Only mutants in whose name this occurs; may be given more than once.
    #[arg(long)]
    name: Vec<String>,
    /// How many mutants are tried at the same time.
    #[arg(long, default_value_t = 2)]
    jobs: usize,
    /// The test programs of the package that are left out.
    #[arg(long, value_delimiter = ',')]
    without: Vec<String>,
    /// Where the copy, its build and the results are.
    #[arg(long, default_value = "target/mutants")]
    directory: PathBuf,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

fn run(arguments: &Arguments) -> Result<bool, Box<dyn Error>> {
    let mutants = list::mutants(&arguments.file)?;
    println!("{} mutants", mutants.len());
    let tree = tree::Tree::of(&arguments.directory)?;
    let mut left_out = BTreeSet::new();
    loop {
        let marks = rewrite::rewrite(&tree, &mutants, &left_out)?;
        let refused = compile::refused(&tree, &marks)?;
        if refused.is_empty() {
            break;
        }
        println!("{} cannot be built", refused.len());
        left_out.extend(refused);
    }
    let programs = compile::programs(&tree, &arguments.without)?;
    let suite = suite::Suite::explore(&tree, programs)?;
    let chosen: Vec<_> = mutants
        .iter()
        .filter(|mutant| {
            arguments.name.is_empty() || arguments.name.iter().any(|name| mutant.name.contains(name))
        })
        .collect();
    let fates = trial::run_all(&tree, &suite, &chosen, &left_out, arguments.jobs)?;
    report::report(&tree, &fates, chosen.len() == mutants.len())
}
