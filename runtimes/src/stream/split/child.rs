//! A process that a parent has started: what it is to do, and how it ends with its parent.

use std::{
    io::{self, BufRead, Write},
    net::{Ipv4Addr, SocketAddr},
    process, thread,
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::{Driver, Service, Split, control::Identity, drive, serve};
use crate::stream::{Case, Failure, Processes, Report};

/// How long a service waits for the driver that its parent starts next.
const WAIT: Duration = Duration::from_secs(60);

/// The first line of a child's stdin. Its end is that of the parent.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Order {
    /// Be the service of a case.
    Serve(Case),
    /// Be the driver of a case, with its service there.
    Drive(Case, SocketAddr),
}

/// The lines of a child's stdout.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Event {
    /// The service listens there.
    Listens(SocketAddr),
    /// The driver has finished a round.
    Round,
    /// The driver has finished.
    Measured(Box<Report>),
}

/// Does what the parent says. Nothing may have started a thread before.
pub(in crate::stream) fn child() -> Result<(), Failure> {
    let broken = |error| Failure::Other(format!("the parent process gave no order: {error}"));
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line).map_err(broken)?;
    let order: Order = serde_json::from_str(&line).map_err(|error| broken(error.into()))?;
    let (Order::Serve(case) | Order::Drive(case, _)) = &order;
    let Processes::Two(Split { service_cores, driver_cores, driver_runtime, .. }) = &case.processes else {
        return Err(Failure::Other("a case in one process has no children".to_owned()));
    };
    let cores = match &order {
        Order::Serve(_) => service_cores,
        Order::Drive(..) => driver_cores,
    };
    if let Some(cores) = cores {
        cores.pin()?;
    }
    end_with_the_parent();
    match &order {
        Order::Serve(case) => serve(&Service {
            address: anywhere(),
            identity: Identity {
                runtime: case.runtime,
                implementation: case.implementation,
                settings: case.settings,
                cores: service_cores.clone(),
            },
            wait: WAIT,
            idle: Duration::ZERO,
            ready: &|address| say(&Event::Listens(address)),
        }),
        Order::Drive(case, service) => {
            let (_, report) = drive(&Driver {
                runtime: *driver_runtime,
                service: *service,
                sink: anywhere(),
                settings: case.settings,
                // A parent that is gone ends this process anyway.
                round: &|| drop(say(&Event::Round)),
            })?;
            say(&Event::Measured(Box::new(report)))
        }
    }
}

/// A free port, for nobody but this machine.
fn anywhere() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 0).into()
}

/// Ends this process when its parent does, however that comes about: the kernel closes the parent's end of the pipe.
fn end_with_the_parent() {
    thread::spawn(|| {
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        process::exit(1);
    });
}

fn say(event: &Event) -> Result<(), Failure> {
    let said = serde_json::to_string(event)
        .map_err(io::Error::from)
        .and_then(|line| writeln!(io::stdout().lock(), "{line}"));
    said.map_err(|error| Failure::Other(format!("the parent process does not listen: {error}")))
}
