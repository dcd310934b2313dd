//! `run --role`: one of two processes that are started by hand.

use std::{
    fs, io,
    net::{SocketAddr, ToSocketAddrs},
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{Args, ValueEnum};

use crate::stream::{
    Case, Cores, Failure, Output, Processes, Record, RuntimeName, Settings, Split, TransportName, interrupt,
    output::replace,
    say::say,
    settings::{between, seconds},
    split::{Driver, Identity, Service, drive, serve},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Role {
    /// All there is to a run
    Integrated,
    /// The proxies, on --runtime, until no driver comes any more
    #[value(alias = "tcp_service")]
    TcpService,
    /// The two ends around them, on --driver-runtime, and the results; what the proxies are is for the service to say
    #[value(alias = "tcp_driver")]
    TcpDriver,
}

/// What this process is, if it is not all there is to a run.
#[derive(Debug, Args)]
pub(super) struct Part {
    /// What this process has of a run
    #[arg(long, value_enum, default_value_t = Role::Integrated)]
    pub(super) role: Role,

    /// Where the service listens
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:39000", value_parser = address)]
    service_addr: SocketAddr,

    /// Where the driver listens for what the proxies send; the service must be able to reach it under this address
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:39001", value_parser = address)]
    sink_addr: SocketAddr,

    /// A file that the service writes when it listens: its address
    #[arg(long, value_name = "PATH")]
    ready_file: Option<PathBuf>,

    /// How long the service waits for its first driver
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    wait_seconds: Duration,

    /// How long the service waits for another driver
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 2000, value_parser = between(0, 86_400_000))]
    idle_timeout_millis: usize,

    /// Pin this process to these cores, such as 0 or 0,2-3
    #[arg(long, value_name = "CORES", value_parser = Cores::here)]
    pub(super) cores: Option<Cores>,
}

fn address(given: &str) -> Result<SocketAddr, String> {
    let mut found = given.to_socket_addrs().map_err(|error| format!("no such address: {error}"))?;
    found.next().ok_or_else(|| "the host has no address".to_owned())
}

impl Part {
    pub(super) fn check(&self) -> Result<(), String> {
        match self.role {
            Role::Integrated if self.cores.is_some() => {
                Err("--cores is for one process of two: see --service-cores and --driver-cores".to_owned())
            }
            Role::TcpDriver if self.sink_addr.ip().is_unspecified() => {
                Err(format!("the service cannot reach a sink at {}: give one address of it", self.sink_addr))
            }
            _ => Ok(()),
        }
    }

    /// Serves a case.
    pub(super) fn serve(&self, case: Case) -> Result<(), Failure> {
        if let Some(path) = &self.ready_file {
            forget(path)?;
        }
        let Case { runtime, implementation, settings, .. } = case;
        let settings = Settings { transport: TransportName::Tcp, ..settings };
        serve(&Service {
            address: self.service_addr,
            identity: Identity { runtime, implementation, settings, cores: self.cores.clone() },
            wait: self.wait_seconds,
            idle: Duration::from_millis(self.idle_timeout_millis as u64),
            ready: &|address| {
                say!("{implementation} on {runtime} listens at {address}");
                let line = format!("{address}\n");
                self.ready_file.as_ref().map_or(Ok(()), |path| replace(path, line.as_bytes()))
            },
        })
    }

    /// Measures the service `runs` times under each of some settings.
    pub(super) fn drive(
        &self,
        runtime: RuntimeName,
        workloads: &[Settings],
        runs: usize,
        output: &mut Output,
        mut done: impl FnMut(&Record) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        for run in 1..=runs {
            for settings in workloads {
                if interrupt::is_set() {
                    return Err(Failure::Interrupted);
                }
                let (service, report) = drive(&Driver {
                    runtime,
                    service: self.service_addr,
                    sink: self.sink_addr,
                    settings: Settings { transport: TransportName::Tcp, ..*settings },
                    round: &|| {},
                })?;
                let Identity { runtime: service_runtime, implementation, settings, cores } = service;
                let processes = Processes::Two(Split {
                    service_cores: cores,
                    driver_cores: self.cores.clone(),
                    driver_runtime: runtime,
                    profile: None,
                });
                let case = Case { runtime: service_runtime, implementation, settings, processes };
                let record = Record::new(&case, run, &report);
                output.add(record.clone())?;
                done(&record)?;
            }
        }
        Ok(())
    }
}

/// Nobody may take the file of an earlier service for this one's.
fn forget(path: &Path) -> Result<(), Failure> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Failure::Other(format!("cannot remove {}: {error}", path.display())))
        }
        _ => Ok(()),
    }
}
