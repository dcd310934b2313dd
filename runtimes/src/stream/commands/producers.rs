//! `producers`: what a write costs when many producers share a writer.

use super::producers_table as table;
use crate::{
    producers::{Completion, Crowd, Implementation, Record, Waited, Work, Written, compared, wait, write},
    stream::{
        Failure, Names, Output, RuntimeName, interrupt,
        journal::{Journal, PRODUCERS},
        say::{say, show},
        settings::between,
    },
};

const PRODUCER_NUMBERS: [usize; 4] = [1, 4, 16, 64];
const WAITING_NUMBERS: [usize; 3] = [10, 100, 1000];

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// How many tasks write, separated by commas [default: 1,4,16,64; with --waiting 10,100,1000]
    #[arg(long, value_name = "PRODUCERS", value_delimiter = ',', value_parser = between(1, 10_000))]
    producers: Option<Vec<usize>>,

    /// What a write is followed by: names, separated by commas, or all
    #[arg(
        long, value_name = "COMPLETIONS", default_value = "all", value_parser = Names::<Completion>::parse,
        conflicts_with = "waiting"
    )]
    completion: Names<Completion>,

    /// What the handoff is compared with: names, separated by commas, or all
    #[arg(long, value_name = "IMPLEMENTATIONS", default_value = "all", value_parser = Names::<Implementation>::parse)]
    with: Names<Implementation>,

    /// Runtimes, separated by commas, or all [default: tokio if it is compiled in, else local]
    #[arg(long, value_name = "RUNTIMES", value_parser = Names::<RuntimeName>::parse)]
    runtime: Option<Names<RuntimeName>>,

    /// How long a chunk is
    #[arg(long, value_name = "BYTES", default_value_t = 64, value_parser = between(1, 1 << 20))]
    chunk_len: usize,

    /// Writes of all producers together in one measurement
    #[arg(long, value_name = "WRITES", default_value_t = 200_000, value_parser = between(1, 1_000_000_000), conflicts_with = "waiting")]
    writes: usize,

    /// How often each pair is measured
    #[arg(long, value_name = "PAIRS", default_value_t = 7, value_parser = between(1, 1000), conflicts_with = "waiting")]
    pairs: usize,

    /// The threads of a runtime that has several
    #[arg(long, value_name = "THREADS", default_value_t = 2, value_parser = between(1, 1024))]
    worker_threads: usize,

    /// Count how often writes are polled that wait for room, instead of timing writes
    #[arg(long)]
    waiting: bool,

    /// How many chunks there is room for
    #[arg(long, value_name = "CHUNKS", default_value_t = 4, value_parser = between(1, 1000), requires = "waiting")]
    room: usize,

    /// Writes of each producer
    #[arg(long, value_name = "WRITES", default_value_t = 3, value_parser = between(1, 10_000), requires = "waiting")]
    writes_each: usize,

    /// The directory of the results under target/harness [default: a new one]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

impl Args {
    pub(super) fn check(&self) -> Result<(), String> {
        let runtimes = self.runtimes()?;
        self.implementations(&runtimes).map(drop)
    }

    /// Those that can be measured on.
    fn runtimes(&self) -> Result<Vec<RuntimeName>, String> {
        let default = if cfg!(feature = "tokio") { RuntimeName::Tokio } else { RuntimeName::Local };
        let default = Names::only(default);
        let asked = self.runtime.as_ref().unwrap_or(&default);
        let check = |runtime| Implementation::Handoff.check(runtime);
        let (compiled, missing): (Vec<_>, Vec<_>) =
            asked.names.iter().copied().partition(|&runtime| check(runtime).is_ok());
        match missing.first().map(|&runtime| check(runtime)) {
            Some(Err(unavailable)) if !asked.all => Err(unavailable.to_string()),
            _ => Ok(compiled),
        }
    }

    /// What is measured on each runtime, the handoff first.
    fn implementations(
        &self,
        runtimes: &[RuntimeName],
    ) -> Result<Vec<(RuntimeName, Vec<Implementation>)>, String> {
        let all = self.with.all || self.runtime.as_ref().is_some_and(|runtime| runtime.all);
        let mut measured = Vec::new();
        for &runtime in runtimes {
            let mut implementations = vec![Implementation::Handoff];
            for &with in self.with.names.iter().filter(|&&with| with != Implementation::Handoff) {
                match with.check(runtime) {
                    Ok(()) => implementations.push(with),
                    Err(_) if all => {}
                    Err(unavailable) => return Err(unavailable.to_string()),
                }
            }
            measured.push((runtime, implementations));
        }
        Ok(measured)
    }

    pub(super) fn run(&self) -> Result<(), Failure> {
        let measured = self.runtimes().and_then(|runtimes| self.implementations(&runtimes));
        let measured = measured.map_err(Failure::Other)?;
        let name = self.name.clone().unwrap_or_else(|| Output::fresh_name("producers"));
        let mut journal = Journal::create(&name, PRODUCERS)?;
        if self.waiting {
            let waited = self.wait(&measured, &mut journal)?;
            show!(
                "polls of a write's future for each write that was admitted, and the most of one, by producers"
            )?;
            show!("{}", table::polls(&waited))?;
        } else {
            let written = self.write(&measured, &mut journal)?;
            show!(
                "nanoseconds for a write, by producers; the last column is the last of these divided by the first"
            )?;
            show!("{}", table::costs(&written))?;
            show!("handoff divided by the other, pair by pair: median (least to greatest)")?;
            show!("{}", table::ratios(&compared(&written)))?;
        }
        say!("results in {}", journal.path().display());
        Ok(())
    }

    fn numbers(&self) -> Vec<usize> {
        let default = if self.waiting { WAITING_NUMBERS.to_vec() } else { PRODUCER_NUMBERS.to_vec() };
        let mut numbers = self.producers.clone().unwrap_or(default);
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }

    fn write(
        &self,
        measured: &[(RuntimeName, Vec<Implementation>)],
        journal: &mut Journal,
    ) -> Result<Vec<Written>, Failure> {
        let mut written = Vec::new();
        for (runtime, implementations) in measured {
            for &completion in &self.completion.names {
                for producers in self.numbers() {
                    let able = implementations.iter().filter(|implementation| implementation.has(completion));
                    let works: Vec<_> = able
                        .map(|&implementation| Work {
                            runtime: *runtime,
                            worker_threads: self.worker_threads,
                            implementation,
                            completion,
                            producers,
                            chunk_len: self.chunk_len,
                            writes: self.writes as u64,
                        })
                        .collect();
                    self.pairs(works, &mut written, journal)?;
                }
            }
        }
        Ok(written)
    }

    /// Measures all of `works` in turns. What goes first changes with the pair, so that what drifts favours nobody.
    fn pairs(
        &self,
        mut works: Vec<Work>,
        written: &mut Vec<Written>,
        journal: &mut Journal,
    ) -> Result<(), Failure> {
        // The first pair is checked and not counted.
        for pair in 0..=self.pairs {
            for work in &works {
                if interrupt::is_set() {
                    return Err(Failure::Interrupted);
                }
                let measured = write(work, pair)?;
                if pair > 0 {
                    journal.add(&Record::Written(measured.clone()))?;
                    written.push(measured);
                }
            }
            works.reverse();
        }
        Ok(())
    }

    fn wait(
        &self,
        measured: &[(RuntimeName, Vec<Implementation>)],
        journal: &mut Journal,
    ) -> Result<Vec<Waited>, Failure> {
        let mut waited = Vec::new();
        for (runtime, implementations) in measured {
            for &implementation in implementations {
                for producers in self.numbers() {
                    if interrupt::is_set() {
                        return Err(Failure::Interrupted);
                    }
                    let counted = wait(&Crowd {
                        runtime: *runtime,
                        worker_threads: self.worker_threads,
                        implementation,
                        producers,
                        chunk_len: self.chunk_len,
                        room: self.room,
                        writes_each: self.writes_each as u64,
                    })?;
                    journal.add(&Record::Waited(counted.clone()))?;
                    waited.push(counted);
                }
            }
        }
        Ok(waited)
    }
}
