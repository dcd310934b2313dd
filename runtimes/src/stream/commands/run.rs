//! `run`: figures, as they are.

use std::{fs, time::Duration};

use clap::ArgMatches;
use indicatif::ProgressBar;

use super::{
    roles::{Part, Role},
    selection::Selection,
};
use crate::stream::{
    Bench, Case, Failure, ImplementationName, Names, Output, Processes, Profile, Profiler, Record, interrupt,
    record::text,
    say::{say, show},
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

    /// Sample the process with the proxies by perf, into service.perf.data and reports beside the results; implies
    /// --split
    #[arg(long, conflicts_with = "strace")]
    perf: bool,

    /// Count the system calls of the process with the proxies by strace, into service.strace.summary beside the results;
    /// starting, setting up and the round before the measured ones count, too; implies --split
    #[arg(long)]
    strace: bool,

    #[command(flatten)]
    part: Part,

    #[command(flatten)]
    selection: Selection,
}

impl Args {
    pub(super) fn settle(&mut self, matches: &ArgMatches) {
        self.selection.division.watched = self.profiler().is_some();
        let cores = self.part.cores.as_ref().filter(|_| self.part.role == Role::TcpService);
        self.selection.settle(matches, cores);
    }

    fn profiler(&self) -> Option<Profiler> {
        match (self.perf, self.strace) {
            (true, _) => Some(Profiler::Perf),
            (_, true) => Some(Profiler::Strace),
            _ => None,
        }
    }

    pub(super) fn check(&self) -> Result<(), String> {
        self.part.check()?;
        if self.part.role != Role::Integrated && (self.selection.division.is_asked_for()) {
            return Err("--split and what implies it start both processes: leave --role out".to_owned());
        }
        match self.part.role {
            Role::Integrated => self.cases().map(drop),
            Role::TcpService => self.service().map(drop),
            Role::TcpDriver => {
                self.selection.settings.fit()?;
                self.selection.division.driver_runtime().map(drop)
            }
        }
    }

    /// Pins this process, which must not have started a thread yet.
    pub(super) fn pin(&self) -> Result<(), Failure> {
        self.part.cores.as_ref().map_or(Ok(()), |cores| cores.pin())
    }

    fn cases(&self) -> Result<Vec<Case>, String> {
        self.selection.cases(&self.implementation, Duration::ZERO)
    }

    /// The case of a service, which the scenario has no part in.
    fn service(&self) -> Result<Case, String> {
        let mut cases = self.cases()?;
        let case = cases.swap_remove(0);
        let same =
            |other: &Case| (other.runtime, other.implementation) == (case.runtime, case.implementation);
        if cases.iter().all(same) {
            Ok(case)
        } else {
            Err("a service has one implementation on one runtime".to_owned())
        }
    }

    pub(super) fn run(&self) -> Result<(), Failure> {
        if self.part.role == Role::TcpService {
            return self.part.serve(self.service().map_err(Failure::Other)?);
        }
        if let Some(profiler) = self.profiler() {
            profiler.check()?;
        }
        let name = self.name.clone().unwrap_or_else(|| Output::fresh_name("run"));
        let mut output = Output::create(&name)?;
        let measured = match self.part.role {
            Role::TcpDriver => self.drive(&mut output),
            _ => self.measure(&mut output),
        };
        output.finish()?;
        match output.records().len() {
            0 => {}
            1 => say!("1 run in {}", output.directory().display()),
            runs => say!("{runs} runs in {}", output.directory().display()),
        }
        measured
    }

    fn measure(&self, output: &mut Output) -> Result<(), Failure> {
        let cases = self.cases().map_err(Failure::Other)?;
        let mut bench = Bench::default();
        let progress = ProgressBar::new((self.runs * cases.len()) as u64);
        let measured = (1..=self.runs).try_for_each(|run| {
            cases.iter().try_for_each(|case| {
                if interrupt::is_set() {
                    return Err(Failure::Interrupted);
                }
                let case = self.profiled(case, run, self.runs * cases.len(), output)?;
                let report = bench.measure(&case)?;
                let record = Record::new(&case, run, &report);
                output.add(record.clone())?;
                progress.inc(1);
                progress.suspend(|| print(&record))
            })
        });
        progress.finish_and_clear();
        measured
    }

    /// The case with the profiler that watches it: the only one of a command beside its results, one of several in a
    /// directory of its own.
    fn profiled(&self, case: &Case, run: usize, all: usize, output: &Output) -> Result<Case, Failure> {
        let mut case = case.clone();
        if let (Some(profiler), Processes::Two(split)) = (self.profiler(), &mut case.processes) {
            let mut directory = output.directory().to_owned();
            if all > 1 {
                let scenario = case.settings.scenario;
                directory.push(format!("{}_{}_{scenario}_{run}", case.implementation, case.runtime));
                fs::create_dir_all(&directory).map_err(|error| {
                    Failure::Other(format!("cannot make {}: {error}", directory.display()))
                })?;
            }
            split.profile = Some(Profile { profiler, directory });
        }
        Ok(case)
    }

    fn drive(&self, output: &mut Output) -> Result<(), Failure> {
        let runtime = self.selection.division.driver_runtime().map_err(Failure::Other)?;
        let workloads = self.selection.workloads(Duration::ZERO);
        self.part.drive(runtime, &workloads, self.runs, output, print)
    }
}

fn print(record: &Record) -> Result<(), Failure> {
    record.fields().iter().try_for_each(|(name, value)| show!("{name}={}", text(value)))
}
