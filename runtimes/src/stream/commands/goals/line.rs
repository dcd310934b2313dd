//! A row as a command.

use clap::{ArgMatches, parser::ValueSource};

use super::rows::Goal;
use crate::stream::{
    ImplementationName, RuntimeName,
    commands::{Command, axes::not_given, command, compare, parse},
};

/// Flags of `compare` that cannot follow the `--`, and what is to be done instead.
const DECIDED: [(&str, &str); 5] = [
    ("metric", "each row has its own"),
    ("at_least", "each row has its own aim"),
    ("at_most", "each row has its own aim"),
    ("pairs", "give it before the --"),
    ("runtime", "give it before the --"),
];

/// What all rows have in common.
#[derive(Debug)]
pub(super) struct Shared<'a> {
    runtime: RuntimeName,
    pairs: usize,
    /// What replaces the settings of every row.
    words: &'a [String],
    /// The names of the flags in it, as the parser knows them.
    flags: Vec<String>,
}

impl<'a> Shared<'a> {
    /// # Errors
    ///
    /// If `words` are no flags of `compare`, or some that each row has of its own.
    pub(super) fn new(runtime: RuntimeName, pairs: usize, words: &'a [String]) -> Result<Self, clap::Error> {
        let any = ImplementationName::RawCopy.to_string();
        let line = ["harness", "compare", "--of", &any, "--with", &any].map(str::to_owned);
        let parsed = command(line.iter().chain(words))?;
        let matches = parsed.map_or_else(ArgMatches::default, |(_, matches)| matches);
        DECIDED.iter().try_for_each(|(flag, instead)| not_given(&matches, flag, instead))?;
        let given = |id: &&str| matches.value_source(id) == Some(ValueSource::CommandLine);
        let flags = matches.ids().map(clap::Id::as_str).filter(given).map(str::to_owned).collect();
        Ok(Self { runtime, pairs, words, flags })
    }

    /// The words after the name of the program.
    pub(super) fn words(&self, goal: &Goal) -> Vec<String> {
        let mut words: Vec<_> = ["compare", "--of", &goal.of.to_string(), "--with", &goal.with.to_string()]
            .map(str::to_owned)
            .into();
        let mut add = |flag: &str, value: String| words.extend([flag.to_owned(), value]);
        add("--metric", goal.metric.to_string());
        goal.aim.at_least.into_iter().for_each(|ratio| add("--at-least", ratio.to_string()));
        goal.aim.at_most.into_iter().for_each(|ratio| add("--at-most", ratio.to_string()));
        add("--runtime", self.runtime.to_string());
        add("--pairs", self.pairs.to_string());
        for (flag, value) in flags(&[goal.group.settings(), goal.settings]) {
            if !self.flags.contains(&flag.trim_start_matches("--").replace('-', "_")) {
                words.push(flag.to_owned());
                words.extend(value.map(str::to_owned));
            }
        }
        words.extend_from_slice(self.words);
        words
    }
}

/// What `compare` makes of the words of a row.
///
/// # Errors
///
/// Why it cannot be measured here.
pub(super) fn comparison(words: &[String]) -> Result<compare::Args, String> {
    let line = [&["harness".to_owned()], words].concat();
    match parse(line)?.command {
        Some(Command::Compare(args)) => Ok(args),
        other => Err(format!("{other:?} is no comparison")),
    }
}

/// Flags with their values, if they have any. A later one replaces an earlier one of the same name.
fn flags<'a>(settings: &[&'a str]) -> Vec<(&'a str, Option<&'a str>)> {
    let mut flags: Vec<(&str, Option<&str>)> = Vec::new();
    for word in settings.iter().flat_map(|settings| settings.split_whitespace()) {
        if !word.starts_with("--") {
            if let Some((_, value)) = flags.last_mut() {
                *value = Some(word);
            }
            continue;
        }
        flags.retain(|(flag, _)| *flag != word);
        flags.push((word, None));
    }
    flags
}
