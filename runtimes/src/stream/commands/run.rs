//! `run`: figures, as they are.

use std::time::Duration;

use indicatif::ProgressBar;

use super::selection::Selection;
use crate::stream::{
    Bench, Case, Failure, ImplementationName, Names, Output, Record, interrupt, record::text,
    settings::between,
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// What the proxy is made of: names, separated by commas, or all
    #[arg(long, value_name = "IMPLEMENTATIONS", default_value = "handoff", value_parser = Names::<ImplementationName>::parse)]
    implementation: Names<ImplementationName>,

    /// How often each is measured, in turns
    #[arg(long, value_name = "RUNS", default_value_t = 1, value_parser = between(1, 10_000))]
    runs: usize,

    /// The directory of the results under target/harness [default: a new one]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    #[command(flatten)]
    selection: Selection,
}

impl Args {
    pub(super) fn check(&self) -> Result<(), String> {
        self.cases().map(drop)
    }

    fn cases(&self) -> Result<Vec<Case>, String> {
        self.selection.cases(&self.implementation, Duration::ZERO)
    }

    pub(super) fn run(&self) -> Result<(), Failure> {
        let cases = self.cases().map_err(Failure::Other)?;
        let name = self.name.clone().unwrap_or_else(|| Output::fresh_name("run"));
        let mut output = Output::create(&name)?;
        let mut bench = Bench::default();
        let progress = ProgressBar::new((self.runs * cases.len()) as u64);
        let measured = (1..=self.runs).try_for_each(|run| {
            cases.iter().try_for_each(|case| {
                if interrupt::is_set() {
                    return Err(Failure::Interrupted);
                }
                let report = bench.measure(case)?;
                let record = Record::new(case, run, &report);
                progress.suspend(|| print(&record));
                progress.inc(1);
                output.add(record)
            })
        });
        progress.finish_and_clear();
        output.finish()?;
        eprintln!("harness: {} runs in {}", output.records().len(), output.directory().display());
        measured
    }
}

fn print(record: &Record) {
    for (name, value) in record.fields() {
        println!("{name}={}", text(&value));
    }
}
