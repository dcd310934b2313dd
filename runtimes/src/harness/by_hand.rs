//! `run --role`: one of two processes that the user starts, also on two machines.

use std::{
    fs, io,
    net::{SocketAddr, ToSocketAddrs},
    path::PathBuf,
    time::Duration,
};

use clap::{Args, ValueEnum};

use super::{
    Case, Cores, Failure, Measurement, RuntimeName, Settings, Split, TransportName,
    console::log,
    interrupt,
    measure::settings::{between, seconds},
    results::replace,
    split::{Driver, Identity, Service, drive, serve},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Role {
    /// The whole run in one process
    Integrated,
    /// The proxies, on --runtime, until no more drivers come
    #[value(alias = "tcp_service")]
    TcpService,
    /// The two ends around the proxies, on --driver-runtime, and the results; the service reports
    /// which proxies it has
    #[value(alias = "tcp_driver")]
    TcpDriver,
}

/// The role of this process, if it is not the whole run.
#[derive(Debug, Args)]
pub(super) struct ByHand {
    /// The role of this process in a run
    #[arg(long, value_enum, default_value_t = Role::Integrated)]
    pub(super) role: Role,

    /// Where the service listens
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:39000", value_parser = address)]
    service_addr: SocketAddr,

    /// Where the driver listens for the output of the proxies; the service must be able to reach
    /// this address
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:39001", value_parser = address)]
    sink_addr: SocketAddr,

    /// A file to which the service writes its address when it listens
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

impl ByHand {
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
        if let Some(path) = &self.ready_file
            && let Err(error) = fs::remove_file(path)
            && error.kind() != io::ErrorKind::NotFound
        {
            // The file of an earlier service must not be mistaken for this one's.
            return Err(Failure::of_path("remove", path, error));
        }
        let Case { runtime, implementation, settings, .. } = case;
        let settings = Settings { transport: TransportName::Tcp, ..settings };
        serve(&Service {
            address: self.service_addr,
            identity: Identity { runtime, implementation, settings, cores: self.cores.clone() },
            wait: self.wait_seconds,
            idle: Duration::from_millis(self.idle_timeout_millis as u64),
            ready: &|address| {
                log!("{implementation} on {runtime} listens at {address}");
                let line = format!("{address}\n");
                self.ready_file.as_ref().map_or(Ok(()), |path| replace(path, line.as_bytes()))
            },
        })
    }

    /// Measures the service once, and returns its case.
    pub(super) fn drive(
        &self,
        runtime: RuntimeName,
        settings: Settings,
    ) -> Result<(Case, Measurement), Failure> {
        interrupt::check()?;
        let (service, measurement) = drive(&Driver {
            runtime,
            service: self.service_addr,
            sink: self.sink_addr,
            settings: Settings { transport: TransportName::Tcp, ..settings },
        })?;
        let Identity { runtime: service_runtime, implementation, settings, cores } = service;
        let split = Some(Split {
            service_cores: cores,
            driver_cores: self.cores.clone(),
            driver_runtime: runtime,
            profile: None,
        });
        Ok((Case { runtime: service_runtime, implementation, settings, split }, measurement))
    }
}
