//! A measurement in two processes: the service is started for it and ends with it, the driver is
//! this process.

use std::{
    env,
    ffi::OsString,
    io::{self, BufRead, BufReader, Write},
    net::{Ipv4Addr, SocketAddr},
    process::{self, ChildStdin, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

use super::{Cores, Driver, Identity, Profile, Service, Split, drive, serve};
use crate::harness::{Case, Failure, Measurement, interrupt, process_group};

/// How long the service may take to start and to end; under a profiler both are slow.
const LIMIT: Duration = Duration::from_secs(60);

/// How long it may take to end when it is no longer needed, and how often this process checks.
const GRACE: Duration = Duration::from_secs(5);
const TICK: Duration = Duration::from_millis(20);

/// The first line of the service's stdin; the end of stdin is that of this process. The answer is
/// one line: its address.
#[derive(Debug, Serialize, Deserialize)]
struct Order {
    case: Case,
    cores: Option<Cores>,
}

/// A free port of the loopback interface.
fn anywhere() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 0).into()
}

/// Measures a case once, with a fresh service.
pub(in crate::harness) fn measure(case: &Case, split: &Split) -> Result<Measurement, Failure> {
    let cores = split.service_cores.clone().or_else(Cores::before_pinning);
    let (mut service, address) = Child::start(&Order { case: case.clone(), cores }, split.profile.as_ref())?;
    let driver =
        Driver { runtime: split.driver_runtime, service: address, sink: anywhere(), settings: case.settings };
    let mut measurement = match drive(&driver) {
        Ok((_, measurement)) => measurement,
        Err(Failure::Interrupted) => return Err(Failure::Interrupted),
        // The driver may only know that the service is gone.
        Err(failure) => match service.ended(10 * TICK) {
            Ok(Some(status)) if !status.success() => {
                return Err(Failure::Other(format!("{failure}; the service process ended with {status}")));
            }
            _ => return Err(failure),
        },
    };
    match service.ended(LIMIT)? {
        Some(status) if status.success() => {}
        Some(status) => return Err(Failure::Other(format!("the service process ended with {status}"))),
        None => return Err(Failure::Other(format!("the service process still runs after {LIMIT:?}"))),
    }
    if let Some(profile) = &split.profile {
        let round = (case.settings.connections * case.settings.bytes_per_connection()) as u64;
        // The round before those that were measured is part of a profile.
        measurement.syscalls = profile.conclude(measurement.bytes + round)?;
    }
    Ok(measurement)
}

/// A process of this program, alone or under a profiler. It is ended when this is dropped.
struct Child {
    child: process::Child,
    /// Closed to tell the child, and by the kernel if this process is killed.
    stdin: Option<ChildStdin>,
}

impl Child {
    /// Starts the service, and waits for its address.
    fn start(order: &Order, profile: Option<&Profile>) -> Result<(Self, SocketAddr), Failure> {
        let failed = |error| Failure::Other(format!("the service process cannot be started: {error}"));
        let order = serde_json::to_string(order).map_err(|error| failed(error.into()))?;
        let mut words = profile.map_or_else(Vec::new, Profile::prefix);
        words.extend([env::current_exe().map_err(failed)?.into_os_string(), OsString::from("child")]);
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).stdin(Stdio::piped()).stdout(Stdio::piped());
        process_group::own(&mut command);
        let mut child = command.spawn().map_err(failed)?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let mut service = Self { child, stdin };
        if let Some(stdin) = &mut service.stdin {
            // A process that does not read this has ended, which shows when its answer is read.
            let _ = writeln!(stdin, "{order}");
        }
        let (sender, answer) = mpsc::channel();
        let mut stdout = BufReader::new(stdout.expect("stdout is a pipe"));
        thread::spawn(move || {
            let mut line = String::new();
            // The line is empty if the process has ended.
            let _ = stdout.read_line(&mut line);
            let _ = sender.send(line);
        });
        let until = Instant::now() + LIMIT;
        while Instant::now() < until {
            interrupt::check()?;
            let Ok(line) = answer.recv_timeout(TICK) else { continue };
            return match line.trim().parse() {
                Ok(address) => Ok((service, address)),
                Err(_) => Err(Failure::Other(match service.ended(GRACE)? {
                    Some(status) => format!("the service process ended with {status}"),
                    None => format!("the service process does not listen, it said {line:?}"),
                })),
            };
        }
        Err(Failure::Other(format!("the service process hangs: it said nothing for {LIMIT:?}")))
    }

    /// Its status, if it has ended within that time.
    fn ended(&mut self, limit: Duration) -> Result<Option<ExitStatus>, Failure> {
        let until = Instant::now() + limit;
        loop {
            interrupt::check()?;
            match self.child.try_wait() {
                Ok(None) if Instant::now() < until => thread::sleep(TICK),
                other => {
                    return other.map_err(|error| Failure::Other(format!("the service process: {error}")));
                }
            }
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let until = Instant::now() + GRACE;
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < until {
            thread::sleep(TICK);
        }
        // A profiler and what it watches are one group, which may have outlived its leader.
        process_group::end(&mut self.child, true);
        let _ = self.child.wait();
    }
}

/// Serves the case that the parent orders. Nothing may have started a thread before.
pub(in crate::harness) fn child() -> Result<(), Failure> {
    let broken = |error| Failure::Other(format!("the parent process gave no order: {error}"));
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line).map_err(broken)?;
    let Order { case, cores } = serde_json::from_str(&line).map_err(|error| broken(error.into()))?;
    if let Some(cores) = &cores {
        cores.pin()?;
    }
    // The kernel closes the parent's end of the pipe when the parent ends for any reason.
    thread::spawn(|| {
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        process::exit(1);
    });
    let Case { runtime, implementation, settings, .. } = case;
    serve(&Service {
        address: anywhere(),
        identity: Identity { runtime, implementation, settings, cores },
        wait: LIMIT,
        idle: Duration::ZERO,
        ready: &|address| {
            let told = writeln!(io::stdout().lock(), "{address}");
            told.map_err(|error| Failure::Other(format!("the parent process does not listen: {error}")))
        },
    })
}
