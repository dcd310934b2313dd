//! What `run` and its relatives measure.

use std::time::Duration;

use clap::{ArgMatches, Args, parser::ValueSource};

use super::{
    Case, Cores, Failure, ImplementationName, Names, RuntimeName, Scenario, Settings, Split, TransportName,
    runner,
};

/// Runtimes and scenarios, the settings that they share, and whether a measurement takes one
/// process or two.
#[derive(Debug, Args)]
pub(super) struct Selection {
    /// Runtimes, separated by commas, or all [default: tokio if it is compiled in, else local]
    #[arg(long, value_name = "RUNTIMES", value_parser = Names::<RuntimeName>::parse)]
    runtime: Option<Names<RuntimeName>>,

    /// The lengths of the arriving pieces: fragmented (64 bytes), coalesced (a whole read), or all
    #[arg(long, value_name = "SCENARIOS", default_value = "fragmented", value_parser = Names::<Scenario>::parse)]
    scenario: Names<Scenario>,

    #[command(flatten)]
    pub(super) settings: Settings,

    /// Give the proxies a process of their own, and the two ends around them another; with
    /// --transport tcp
    #[arg(long)]
    split: bool,

    /// Pin the process with the proxies to these cores, such as 0 or 0,2-3; implies --split
    #[arg(long, value_name = "CORES", value_parser = Cores::here)]
    service_cores: Option<Cores>,

    /// Pin the process around the proxies to these cores; implies --split
    #[arg(long, value_name = "CORES", value_parser = Cores::here)]
    driver_cores: Option<Cores>,

    /// The runtime of the process around the proxies [default: tokio_current if it is compiled in,
    /// else local]
    #[arg(long, value_name = "RUNTIME", value_enum)]
    driver_runtime: Option<RuntimeName>,

    /// Whether a profiler watches the process with the proxies, which must be one of its own then.
    #[arg(skip)]
    pub(super) watched: bool,
}

impl Selection {
    /// Sets defaults: a thread for each core of pinned proxies, and the time of a measurement.
    pub(super) fn settle(&mut self, matches: &ArgMatches, pinned: Option<&Cores>, duration: Duration) {
        if let Some(cores) = pinned.or(self.service_cores.as_ref())
            && matches.value_source("worker_threads") == Some(ValueSource::DefaultValue)
        {
            self.settings.worker_threads = cores.len();
        }
        self.settings.duration_seconds.get_or_insert(duration);
    }

    /// Pins this process, which is the driver if there are two. It must not have started a thread
    /// yet.
    pub(super) fn pin(&self) -> Result<(), Failure> {
        self.driver_cores.as_ref().map_or(Ok(()), Cores::pin)
    }

    /// The settings of each scenario.
    pub(super) fn workloads(&self) -> Vec<Settings> {
        self.scenario.names.iter().map(|&scenario| Settings { scenario, ..self.settings }).collect()
    }

    /// Whether one command is to have two processes.
    pub(super) fn is_split(&self) -> bool {
        self.split || self.watched || self.service_cores.is_some() || self.driver_cores.is_some()
    }

    /// How the two processes are run, if there are to be two.
    fn split(&self) -> Result<Option<Split>, String> {
        let transport = self.settings.transport;
        match (self.is_split(), self.driver_runtime) {
            (false, None) => Ok(None),
            (false, Some(_)) => Err("--driver-runtime is for two processes: add --split".to_owned()),
            (true, _) if transport != TransportName::Tcp => {
                Err(format!("two processes need --transport tcp, not {transport}"))
            }
            (true, _) => Ok(Some(Split {
                service_cores: self.service_cores.clone(),
                driver_cores: self.driver_cores.clone(),
                driver_runtime: self.driver_runtime()?,
                profile: None,
            })),
        }
    }

    /// What a driver runs on.
    pub(super) fn driver_runtime(&self) -> Result<RuntimeName, String> {
        let default = if cfg!(feature = "tokio") { RuntimeName::TokioCurrent } else { RuntimeName::Local };
        let runtime = self.driver_runtime.unwrap_or(default);
        // That implementation runs on every runtime.
        runner(runtime, ImplementationName::RawCopy).map(|_| runtime)
    }

    /// The cases with some implementations, scenario by scenario and runtime by runtime, so that
    /// compared cases are measured close together. Cases that cannot be measured are skipped if
    /// they come from `all`.
    pub(super) fn cases(&self, implementations: &Names<ImplementationName>) -> Result<Vec<Case>, String> {
        let usual = if cfg!(feature = "tokio") { RuntimeName::Tokio } else { RuntimeName::Local };
        let runtimes = self.runtime.clone().unwrap_or_else(|| Names::only(usual));
        self.settings.fit()?;
        let split = self.split()?;
        let (mut cases, mut missing) = (Vec::new(), None);
        for settings in self.workloads() {
            for &runtime in &runtimes.names {
                for &implementation in &implementations.names {
                    match runner(runtime, implementation) {
                        Ok(_) => cases.push(Case { runtime, implementation, settings, split: split.clone() }),
                        Err(unavailable) => missing = Some(unavailable),
                    }
                }
            }
        }
        match missing {
            Some(missing) if cases.is_empty() || !(runtimes.all || implementations.all) => Err(missing),
            _ => Ok(cases),
        }
    }
}
