//! What a directory of results is to hold, so that it can be gone on with.

use std::{collections::HashSet, fs, io};

use serde_json::{Map, Value};

use super::{Case, Failure, Output, Record, record::Setup, record::fields};

const PLAN: &str = "plan.json";

/// The cases of a command and how often each is measured; in the file, every setting with the values that occur.
#[derive(Debug)]
pub(super) struct Plan {
    command: &'static str,
    cases: Vec<Case>,
    runs: usize,
}

impl Plan {
    pub(super) fn new(command: &'static str, cases: Vec<Case>, runs: usize) -> Self {
        Self { command, cases, runs }
    }

    /// How many runs that is.
    pub(super) fn total(&self) -> usize {
        self.cases.len() * self.runs
    }

    /// Makes the directory one of this plan, or finds that it is.
    ///
    /// # Errors
    ///
    /// If it belongs to another plan or has results of none, and if it cannot be read or written.
    pub(super) fn adopt(&self, output: &Output) -> Result<(), Failure> {
        let path = output.directory().join(PLAN);
        let refused = |what: String| {
            Err(Failure::Other(format!("{} {what}: choose another --name", output.directory().display())))
        };
        let wanted = self.settings();
        let found = match fs::read(&path) {
            Ok(contents) => serde_json::from_slice::<Map<String, Value>>(&contents),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if output.records().is_empty() {
                    let contents = format!("{:#}\n", Value::Object(wanted));
                    return output.write(PLAN, contents.as_bytes()).map(drop);
                }
                return refused(format!("has results that are not of a {}", self.command));
            }
            Err(error) => return Err(Failure::Other(format!("cannot read {}: {error}", path.display()))),
        };
        let Ok(found) = found else {
            return refused(format!("has a {PLAN} that is no plan"));
        };
        let other = wanted.iter().find(|(name, value)| found.get(*name) != Some(value));
        let other =
            other.map(|(name, _)| name).or_else(|| found.keys().find(|name| !wanted.contains_key(*name)));
        let Some(name) = other else {
            return Ok(());
        };
        let show =
            |plan: &Map<String, Value>| plan.get(name).map_or_else(|| "not set".to_owned(), Value::to_string);
        let (was, is) = (show(&found), show(&wanted));
        refused(format!(
            "holds a {} of other settings ({name} was {was} there and is {is} here)",
            self.command
        ))
    }

    /// The runs that are not finished. Every other pass goes backwards, so that what drifts favours nobody.
    pub(super) fn open(&self, finished: &[Record]) -> Vec<(usize, &Case)> {
        let key = |setup: &Setup, run: usize| (Value::Object(fields(setup)).to_string(), run);
        let finished: HashSet<_> = finished.iter().map(|record| key(&record.setup, record.run)).collect();
        let mut open = Vec::new();
        for run in 1..=self.runs {
            let from = open.len();
            let pass = self.cases.iter().filter(|case| !finished.contains(&key(&Setup::new(case), run)));
            open.extend(pass.map(|case| (run, case)));
            if run.is_multiple_of(2) {
                open[from..].reverse();
            }
        }
        open
    }

    fn settings(&self) -> Map<String, Value> {
        let mut plan = Map::new();
        plan.insert("command".to_owned(), self.command.into());
        plan.insert("cases".to_owned(), self.cases.len().into());
        plan.insert("runs".to_owned(), self.runs.into());
        for case in &self.cases {
            let mut settings = fields(&Setup::new(case));
            settings.insert("frame_latency".to_owned(), case.settings.frame_latency().into());
            for (name, value) in settings {
                let values = plan.entry(name).or_insert_with(|| Value::Array(Vec::new()));
                if let Value::Array(values) = values
                    && !values.contains(&value)
                {
                    values.push(value);
                }
            }
        }
        plan
    }
}
