//! A measurement in two processes, which are started for it and end with it.

use std::time::Duration;

use super::{
    LIMIT, Split,
    child::{Event, Order},
    process::Process,
};
use crate::stream::{Case, Failure, Report};

/// How long a process may take to start; under a profiler that is slow.
const START: Duration = Duration::from_secs(30);

/// How long a process may take to end; a profiler has things to write.
const END: Duration = Duration::from_secs(60);

/// Measures a case once, with fresh processes.
pub(in crate::stream) fn measure(case: &Case, split: &Split) -> Result<Report, Failure> {
    case.processes.check(case.settings.transport).map_err(Failure::Other)?;
    let profile = split.profile.as_ref();
    let mut service = Process::start("service", &Order::Serve(case.clone()), profile)?;
    let address = match service.next(START)? {
        Event::Listens(address) => address,
        other => return Err(Failure::Other(format!("the service process said {other:?} at its start"))),
    };
    let mut driver = Process::start("driver", &Order::Drive(case.clone(), address), None)?;
    let mut report = match report(&mut driver, case) {
        Ok(report) => report,
        Err(Failure::Interrupted) => return Err(Failure::Interrupted),
        // The driver may know no more than that the service is gone.
        Err(failure) => match service.ended() {
            Some(cause) => return Err(Failure::Other(format!("{failure}; {cause}"))),
            None => return Err(failure),
        },
    };
    driver.finish(END)?;
    service.finish(END)?;
    if let Some(profile) = profile {
        let round = (case.settings.connections * case.settings.bytes_per_connection()) as u64;
        // The round before those that were measured is part of a profile.
        report.syscalls = profile.conclude(report.bytes + round)?;
    }
    Ok(*report)
}

/// Waits for the driver's report as long as it finishes one round after the other.
fn report(driver: &mut Process, case: &Case) -> Result<Box<Report>, Failure> {
    let limit = START + case.settings.stall_seconds + 4 * LIMIT;
    loop {
        match driver.next(limit)? {
            Event::Round => {}
            Event::Measured(report) => return Ok(report),
            other => return Err(Failure::Other(format!("the driver process said {other:?}"))),
        }
    }
}
