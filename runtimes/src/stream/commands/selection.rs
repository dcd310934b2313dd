//! What `run` and its relatives measure.

use std::time::Duration;

use clap::{ArgMatches, Args, parser::ValueSource};

use super::division::Division;
use crate::stream::{Case, Cores, ImplementationName, Names, RuntimeName, Scenario, Settings};

/// What is measured on if nothing else was said.
pub(super) fn usual_runtime() -> RuntimeName {
    if cfg!(feature = "tokio") { RuntimeName::Tokio } else { RuntimeName::Local }
}

/// Runtimes and scenarios, and the settings that they share.
#[derive(Debug, Args)]
pub(super) struct Selection {
    /// Runtimes, separated by commas, or all [default: tokio if it is compiled in, else local]
    #[arg(long, value_name = "RUNTIMES", value_parser = Names::<RuntimeName>::parse)]
    runtime: Option<Names<RuntimeName>>,

    /// How long the pieces are that the bytes arrive in: fragmented (64 bytes), coalesced (a whole read), or all
    #[arg(long, value_name = "SCENARIOS", default_value = "fragmented", value_parser = Names::<Scenario>::parse)]
    scenario: Names<Scenario>,

    #[command(flatten)]
    pub(super) settings: Settings,

    #[command(flatten)]
    pub(super) division: Division,
}

impl Selection {
    /// Gives proxies that are pinned a thread for each of their cores, if nothing else was said.
    pub(super) fn settle(&mut self, matches: &ArgMatches, pinned: Option<&Cores>) {
        if let Some(cores) = pinned.or(self.division.service_cores())
            && matches.value_source("worker_threads") == Some(ValueSource::DefaultValue)
        {
            self.settings.worker_threads = cores.len();
        }
    }

    /// The settings of each scenario, which take `duration` if nothing else was said.
    pub(super) fn workloads(&self, duration: Duration) -> Vec<Settings> {
        let duration_seconds = self.settings.duration_seconds.or(Some(duration));
        let settings = Settings { duration_seconds, ..self.settings };
        self.scenario.names.iter().map(|&scenario| Settings { scenario, ..settings }).collect()
    }

    /// The cases with some implementations, each of which takes `duration` if nothing else was said. Those that cannot be measured are left out, if `all`
    /// asked for them.
    ///
    /// # Errors
    ///
    /// If one that was named cannot be measured, or none is left.
    pub(super) fn cases(
        &self,
        implementations: &Names<ImplementationName>,
        duration: Duration,
    ) -> Result<Vec<Case>, String> {
        let default = Names::only(usual_runtime());
        let runtimes = self.runtime.as_ref().unwrap_or(&default);
        let duration_seconds = self.settings.duration_seconds.or(Some(duration));
        let settings = Settings { duration_seconds, ..self.settings };
        settings.fit()?;
        let processes = self.division.processes(settings.transport)?;
        let mut cases =
            Case::product(&runtimes.names, &implementations.names, &self.scenario.names, settings);
        cases.iter_mut().for_each(|case| case.processes = processes.clone());
        let (possible, not): (Vec<_>, Vec<_>) = cases.into_iter().partition(|case| case.check().is_ok());
        match not.first().map(Case::check) {
            Some(Err(unavailable)) if possible.is_empty() || !(runtimes.all || implementations.all) => {
                Err(unavailable.to_string())
            }
            _ => Ok(possible),
        }
    }
}
