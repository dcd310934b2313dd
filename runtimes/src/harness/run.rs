//! `run`: plain figures.

use std::time::Duration;

use clap::ArgMatches;

use super::{
    Case, Cores, Failure, ImplementationName, Measurer, Names, Output, Profile, Profiler, Record,
    by_hand::{ByHand, Role},
    console::{log, print_line},
    measure::settings::between,
    results::make,
    selection::Selection,
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The implementations: names, separated by commas, or all
    #[arg(long, value_name = "IMPLEMENTATIONS", default_value = "handoff", value_parser = Names::<ImplementationName>::parse)]
    implementation: Names<ImplementationName>,

    /// How often each is measured, in turns
    #[arg(long, value_name = "RUNS", default_value_t = 1, value_parser = between(1, 10_000))]
    runs: usize,

    /// The directory of the results under target/harness [default: a new one]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    /// Sample the process with the proxies by perf, into service.perf.data and reports beside the
    /// results; implies --split
    #[arg(long, conflicts_with = "strace")]
    perf: bool,

    /// Count the system calls of the process with the proxies by strace, into
    /// service.strace.summary beside the results; starting, setting up and the round before the
    /// measured ones count, too; implies --split
    #[arg(long)]
    strace: bool,

    #[command(flatten)]
    by_hand: ByHand,

    #[command(flatten)]
    selection: Selection,
}

impl Args {
    /// Resolves flags that depend on other flags, and checks that they are consistent.
    pub(super) fn settle(&mut self, matches: &ArgMatches) -> Result<(), String> {
        self.selection.watched = self.profiler().is_some();
        let cores = self.by_hand.cores.as_ref().filter(|_| self.by_hand.role == Role::TcpService);
        self.selection.settle(matches, cores, Duration::ZERO);
        self.by_hand.check()?;
        if self.by_hand.role != Role::Integrated && self.selection.is_split() {
            return Err("--split, also when it is implied, starts both processes: remove --role".to_owned());
        }
        match self.by_hand.role {
            Role::Integrated => self.selection.cases(&self.implementation).map(drop),
            Role::TcpService => self.service().map(drop),
            Role::TcpDriver => {
                self.selection.settings.fit()?;
                self.selection.driver_runtime().map(drop)
            }
        }
    }

    /// Pins this process, which must not have started a thread yet.
    pub(super) fn pin(&self) -> Result<(), Failure> {
        self.by_hand.cores.as_ref().map_or_else(|| self.selection.pin(), Cores::pin)
    }

    fn profiler(&self) -> Option<Profiler> {
        let strace = self.strace.then_some(Profiler::Strace);
        if self.perf { Some(Profiler::Perf) } else { strace }
    }

    /// The case of a service, which does not depend on the scenario.
    fn service(&self) -> Result<Case, String> {
        let mut cases = self.selection.cases(&self.implementation)?;
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
        if self.by_hand.role == Role::TcpService {
            return self.by_hand.serve(self.service()?);
        }
        if let Some(profiler) = self.profiler() {
            profiler.check()?;
        }
        let mut output = Output::create(&self.name.clone().unwrap_or_else(|| Output::fresh_name("run")))?;
        let mut measurer = Measurer::default();
        let measured = if self.by_hand.role == Role::TcpDriver {
            let runtime = self.selection.driver_runtime()?;
            self.in_turns(&mut output, &self.selection.workloads(), |&settings, _, _| {
                self.by_hand.drive(runtime, settings)
            })
        } else {
            let cases = self.selection.cases(&self.implementation)?;
            self.in_turns(&mut output, &cases, |case, run, output| {
                let case = self.profiled(case, run, self.runs * cases.len(), output)?;
                let measurement = measurer.measure(&case)?;
                Ok((case, measurement))
            })
        };
        if !output.records().is_empty() {
            log!("{} runs in {}", output.records().len(), output.directory().display());
        }
        measured
    }

    /// Measures each case as often as requested; keeps and prints each run.
    fn in_turns<T>(
        &self,
        output: &mut Output,
        things: &[T],
        mut measure: impl FnMut(&T, usize, &Output) -> Result<(Case, super::Measurement), Failure>,
    ) -> Result<(), Failure> {
        for run in 1..=self.runs {
            for thing in things {
                let (case, measurement) = measure(thing, run, output)?;
                let record = Record::new(&case, run, &measurement);
                output.add(record.clone())?;
                for name in record.fields.keys() {
                    print_line!("{name}={}", record.text(name))?;
                }
            }
        }
        Ok(())
    }

    /// The case with its profiler. If a command has one case, the output of the profiler is beside
    /// its results; if it has several, each has its own directory.
    fn profiled(&self, case: &Case, run: usize, all: usize, output: &Output) -> Result<Case, Failure> {
        let mut case = case.clone();
        if let (Some(profiler), Some(split)) = (self.profiler(), &mut case.split) {
            let mut directory = output.directory().to_owned();
            if all > 1 {
                let scenario = case.settings.scenario;
                directory.push(format!("{}_{}_{scenario}_{run}", case.implementation, case.runtime));
            }
            split.profile = Some(Profile { profiler, directory: make(directory)? });
        }
        Ok(case)
    }
}
