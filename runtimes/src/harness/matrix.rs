//! `matrix`: every combination, in passes that can be gone on with.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use clap::{Arg, ArgAction, ArgMatches, parser::ValueSource};
use comfy_table::Table;
use serde_json::{Map, Value};

use super::{
    Case, Failure, ImplementationName, Measurer, Names, Output, Record, Samples, Settings,
    console::{log, print_line},
    measure::settings::between,
    overview::table,
    results::{groups, setup, text},
    selection::Selection,
};

const LENGTHS: [&str; 2] = ["route_frames", "tunnel_bytes"];

#[derive(Debug, clap::Args)]
#[command(
    mut_arg("runtime", |flag| flag.default_value("all").help("Runtimes, separated by commas, or all")),
    mut_arg("scenario", |flag| flag.default_value("all")),
    mut_arg("connections", |flag| list(flag, ["1", "16", "64"]).help("Streams at a time, separated by commas")),
    mut_arg("frame_len", |flag| {
        list(flag, ["64", "1024", "16384"])
            .long("frame-sizes")
            .alias("frame-len")
            .help("Lengths of a line without its end, separated by commas")
    }),
    mut_arg(LENGTHS[0], |flag| flag.hide(true)),
    mut_arg(LENGTHS[1], |flag| flag.hide(true))
)]
pub(super) struct Args {
    /// The implementations: names, separated by commas, or all
    #[arg(long, value_name = "IMPLEMENTATIONS", default_value = "handoff,manual_vec,manual_buffered,raw_copy", value_parser = Names::<ImplementationName>::parse)]
    implementation: Names<ImplementationName>,

    /// How often each combination is measured, each time in a pass over all of them
    #[arg(long, value_name = "RUNS", default_value_t = 3, value_parser = between(1, 10_000))]
    runs: usize,

    /// What all streams of a round carry together, about
    #[arg(long, value_name = "BYTES", default_value_t = 8 << 20, value_parser = between(1, 4 << 30))]
    bytes_per_round: usize,

    /// How many per cent of each stream are lines; the rest is a tunnel
    #[arg(long, value_name = "PERCENT", default_value_t = 50, value_parser = between(1, 100))]
    lines: usize,

    /// The directory of the results under target/harness; one with results of the same matrix is
    /// gone on with [default: a new one]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    #[arg(skip)]
    connections: Vec<usize>,

    #[arg(skip)]
    frame_sizes: Vec<usize>,

    #[command(flatten)]
    pub(super) selection: Selection,
}

/// A flag of a run, now with several values, separated by commas.
fn list(flag: Arg, default: [&'static str; 3]) -> Arg {
    flag.action(ArgAction::Append).value_delimiter(',').default_values(default)
}

impl Args {
    pub(super) fn settle(&mut self, matches: &ArgMatches) -> Result<(), String> {
        self.selection.settle(matches, None, Duration::from_millis(250));
        if let Some(flag) =
            LENGTHS.iter().find(|id| matches.value_source(id) == Some(ValueSource::CommandLine))
        {
            return Err(format!(
                "--{} cannot be given: each stream gets its part of --bytes-per-round, and --lines says how much of \
                 that are lines",
                flag.replace('_', "-")
            ));
        }
        let values = |id| matches.get_many(id).into_iter().flatten().copied().collect();
        (self.connections, self.frame_sizes) = (values("connections"), values("frame_len"));
        self.cases().map(drop)
    }

    /// Each combination: what is to be compared is measured close together.
    fn cases(&self) -> Result<Vec<Case>, String> {
        let bases = self.selection.cases(&self.implementation)?;
        let mut cases: Vec<Case> = Vec::new();
        for &connections in &self.connections {
            for &frame_len in &self.frame_sizes {
                let bytes = self.bytes_per_round / connections;
                let for_lines = bytes * self.lines / 100;
                let route_frames = for_lines / (frame_len + 1);
                if route_frames == 0 {
                    return Err(format!(
                        "--bytes-per-round {} over {connections} streams leaves {for_lines} bytes of each for lines, \
                         and a line of {frame_len} bytes does not fit",
                        self.bytes_per_round
                    ));
                }
                let tunnel_bytes = bytes - route_frames * (frame_len + 1);
                for base in &bases {
                    let settings =
                        Settings { connections, frame_len, route_frames, tunnel_bytes, ..base.settings };
                    settings.fit()?;
                    let case = Case { settings, ..base.clone() };
                    if !cases.contains(&case) {
                        cases.push(case);
                    }
                }
            }
        }
        Ok(cases)
    }

    pub(super) fn run(&self) -> Result<(), Failure> {
        let cases = self.cases()?;
        let name = self.name.clone().unwrap_or_else(|| Output::fresh_name("matrix"));
        let mut output = Output::resume(&name)?;
        let open = open(&cases, self.runs, &output)?;
        let all = cases.len() * self.runs;
        if open.len() < all {
            log!("{} of {all} runs are finished already and skipped", all - open.len());
        }
        let measured = measure(&open, &mut output);
        if let Err(Failure::Interrupted) = measured {
            let finished = output.records().len();
            log!("{finished} of {all} runs are finished; the same command with --name {name} goes on");
        }
        measured?;
        log!("{} runs in {}", output.records().len(), output.directory().display());
        print_line!("{}", throughputs(output.records()))
    }
}

/// The runs that are not finished. Every other pass goes backwards, so that what drifts favours no
/// side.
fn open<'a>(cases: &'a [Case], runs: usize, output: &Output) -> Result<Vec<(usize, &'a Case)>, Failure> {
    let setups: Vec<_> = cases.iter().map(setup).collect();
    let mut finished = HashSet::new();
    for record in output.records() {
        let Some(case) = setups.iter().position(|setup| record.setup().eq(setup)) else {
            return Err(other_matrix(output, record, &setups));
        };
        finished.insert((record.run(), case));
    }
    let mut open = Vec::new();
    for run in 1..=runs {
        let from = open.len();
        let pass = (0..cases.len()).filter(|&case| !finished.contains(&(run as u64, case)));
        open.extend(pass.map(|case| (run, &cases[case])));
        if run % 2 == 0 {
            open[from..].reverse();
        }
    }
    Ok(open)
}

/// The sentence on a run that is not one of this matrix, with the first setting that is none of it.
fn other_matrix(output: &Output, record: &Record, setups: &[Map<String, Value>]) -> Failure {
    let unknown =
        |(name, value): &(&String, &Value)| setups.iter().all(|setup| setup.get(*name) != Some(value));
    let which = record.setup().find(unknown).map_or_else(
        || "a combination that is not of this one".to_owned(),
        |(name, value)| format!("{name}={}", text(value)),
    );
    Failure::Other(format!(
        "{} has a run of another matrix, with {which}: choose another --name",
        output.directory().display()
    ))
}

/// Measures the runs, and reports at times how long the rest will take.
fn measure(open: &[(usize, &Case)], output: &mut Output) -> Result<(), Failure> {
    let mut measurer = Measurer::default();
    let begun = Instant::now();
    for (done, &(run, case)) in open.iter().enumerate() {
        if done == 1 || done > 0 && done.is_multiple_of(open.len().div_ceil(10)) {
            let left = begun.elapsed().mul_f64((open.len() - done) as f64 / done as f64);
            log!("{done} of {} runs, about {:.0} s left", open.len(), left.as_secs_f64());
        }
        let measurement = measurer.measure(case)?;
        output.add(Record::new(case, run, &measurement))?;
    }
    Ok(())
}

/// One line for each combination but the implementations, which are the columns: medians of MiB in
/// a second.
fn throughputs(records: &[Record]) -> Table {
    let mut names: Vec<_> = records.iter().map(|record| record.text("implementation")).collect();
    names.sort();
    names.dedup();
    let axes = ["connections", "frame_len", "scenario", "runtime"];
    let rows = groups(records, &["implementation"]).into_iter().map(|group| {
        let median = |name: &String| {
            let of = group.iter().copied().filter(|record| record.text("implementation") == *name);
            format!("{:.0}", Samples::of(of, "mib_per_sec").median())
        };
        axes.map(|axis| group[0].text(axis)).into_iter().chain(names.iter().map(median)).collect()
    });
    let header = ["connections", "frame size", "arrivals", "runtime"].map(str::to_owned);
    let columns = names.iter().map(|name| format!("{name} MiB/s"));
    table(axes.len(), header.into_iter().chain(columns).collect(), rows)
}
