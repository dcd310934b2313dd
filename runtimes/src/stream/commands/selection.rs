//! What `run` and its relatives measure.

use std::time::Duration;

use clap::Args;

use crate::stream::{Case, ImplementationName, Names, RuntimeName, Scenario, Settings};

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
}

impl Selection {
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
        let default = if cfg!(feature = "tokio") { RuntimeName::Tokio } else { RuntimeName::Local };
        let default = Names::only(default);
        let runtimes = self.runtime.as_ref().unwrap_or(&default);
        let duration_seconds = self.settings.duration_seconds.or(Some(duration));
        let settings = Settings { duration_seconds, ..self.settings };
        let cases = Case::product(&runtimes.names, &implementations.names, &self.scenario.names, settings);
        let (possible, not): (Vec<_>, Vec<_>) = cases.into_iter().partition(|case| case.check().is_ok());
        match not.first().map(Case::check) {
            Some(Err(unavailable)) if possible.is_empty() || !(runtimes.all || implementations.all) => {
                Err(unavailable.to_string())
            }
            _ => Ok(possible),
        }
    }
}
