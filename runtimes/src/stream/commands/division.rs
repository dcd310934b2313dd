//! Whether a measurement takes one process or two.

use clap::Args;

use crate::stream::{Cores, ImplementationName, Processes, RuntimeName, Split, TransportName, runner};

/// How the work is divided between processes.
#[derive(Debug, Args)]
pub(super) struct Division {
    /// Give the proxies a process of their own, and the two ends around them another; with --transport tcp
    #[arg(long)]
    split: bool,

    /// Pin the process with the proxies to these cores, such as 0 or 0,2-3; implies --split
    #[arg(long, value_name = "CORES", value_parser = Cores::here)]
    service_cores: Option<Cores>,

    /// Pin the process around the proxies to these cores; implies --split
    #[arg(long, value_name = "CORES", value_parser = Cores::here)]
    driver_cores: Option<Cores>,

    /// What the process around the proxies runs on, whatever they run on [default: tokio_current if it is compiled in,
    /// else local]
    #[arg(long, value_name = "RUNTIME", value_enum)]
    driver_runtime: Option<RuntimeName>,

    /// Whether the command watches the process with the proxies, which must be one of its own then.
    #[arg(skip)]
    pub(super) watched: bool,
}

impl Division {
    /// One process or two.
    ///
    /// # Errors
    ///
    /// If that cannot be.
    pub(super) fn processes(&self, transport: TransportName) -> Result<Processes, String> {
        if !self.is_asked_for() {
            return match self.driver_runtime {
                None => Ok(Processes::One),
                Some(_) => Err("--driver-runtime is for two processes: add --split".to_owned()),
            };
        }
        let processes = Processes::Two(Split {
            service_cores: self.service_cores.clone(),
            driver_cores: self.driver_cores.clone(),
            driver_runtime: self.driver_runtime()?,
            profile: None,
        });
        processes.check(transport).map(|()| processes)
    }

    /// Whether any of it was asked for that is for one command with two processes.
    pub(super) fn is_asked_for(&self) -> bool {
        self.split || self.watched || self.service_cores.is_some() || self.driver_cores.is_some()
    }

    /// What a driver runs on.
    ///
    /// # Errors
    ///
    /// If that is not compiled in.
    pub(super) fn driver_runtime(&self) -> Result<RuntimeName, String> {
        let default = if cfg!(feature = "tokio") { RuntimeName::TokioCurrent } else { RuntimeName::Local };
        let runtime = self.driver_runtime.unwrap_or(default);
        // That implementation runs on each one there is.
        match runner(runtime, ImplementationName::RawCopy) {
            Ok(_) => Ok(runtime),
            Err(unavailable) => Err(unavailable.to_string()),
        }
    }

    /// What the process with the proxies is pinned to.
    pub(super) fn service_cores(&self) -> Option<&Cores> {
        self.service_cores.as_ref()
    }
}
