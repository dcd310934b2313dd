//! `soak`: a routed proxy under random faults over loopback sockets.

use std::time::{Duration, Instant};

use crate::{
    loopback::soak::{Fault, Flat, Sample, Soak, Soaked, check, flat, soak},
    stream::{
        Failure, RuntimeName, interrupt,
        say::{say, show},
        settings::{between, positive},
    },
};

/// Between two lines about what is seen.
const PAUSE: Duration = Duration::from_secs(5);

const MIB: f64 = (1 << 20) as f64;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The runtime of the proxy [default: tokio if it is compiled in, else local]
    #[arg(long, value_enum)]
    runtime: Option<RuntimeName>,

    /// How long
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = positive)]
    seconds: Duration,

    /// Sessions at a time, of three connections each
    #[arg(long, value_name = "SESSIONS", default_value_t = 32, value_parser = between(1, 10_000))]
    connections: usize,

    /// The seed of the first session; each has the next one
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    seed: u64,

    /// Threads of a multi-threaded runtime
    #[arg(long, alias = "workers", value_name = "THREADS", default_value_t = 2, value_parser = between(1, 1024))]
    worker_threads: usize,
}

impl Args {
    fn runtime(&self) -> RuntimeName {
        let default = if cfg!(feature = "tokio") { RuntimeName::Tokio } else { RuntimeName::Local };
        self.runtime.unwrap_or(default)
    }

    pub(super) fn check(&self) -> Result<(), String> {
        check(self.runtime()).map_err(|unavailable| unavailable.to_string())
    }

    /// Fails if content was lost, something hangs, or something grows.
    pub(super) fn run(&self) -> Result<(), Failure> {
        let runtime = self.runtime();
        let what = Soak {
            runtime,
            seed: self.seed,
            time: self.seconds,
            connections: self.connections,
            worker_threads: self.worker_threads,
        };
        let mut spoken = Instant::now();
        let mut unheard = None;
        let soaked = soak(what, |sample| {
            if spoken.elapsed() >= PAUSE {
                spoken = Instant::now();
                unheard = show!("{}", line(sample)).err();
            }
            unheard.is_none() && !interrupt::is_set()
        })?;
        unheard.map_or(Ok(()), Err)?;
        print(runtime, &soaked)?;
        if interrupt::is_set() {
            return Err(Failure::Interrupted);
        }
        verdict(&what, &soaked)
    }
}

fn line(sample: &Sample) -> String {
    let Sample { at, resident, descriptors, pending, live, sessions, compared } = sample;
    format!(
        "{:4} s: {sessions} sessions over, {live} live, RSS {:.1} MiB, {descriptors} descriptors, {:.2} MiB pending, {:.0} MiB compared",
        at.as_secs(),
        *resident as f64 / MIB,
        *pending as f64 / MIB,
        *compared as f64 / MIB,
    )
}

/// What was done, and what was seen.
fn print(runtime: RuntimeName, soaked: &Soaked) -> Result<(), Failure> {
    if let Some(last) = soaked.samples.last() {
        show!("{}", line(last))?;
    }
    show!("{runtime}: {} sessions, {:.1} MiB compared", soaked.sessions, soaked.compared as f64 / MIB)?;
    for fault in Fault::ALL {
        let count = soaked.faults.get(fault.name()).copied().unwrap_or_default();
        show!("  {count:>10}  {}", fault.name())?;
    }
    let most = |of: fn(&Sample) -> usize| soaked.samples.iter().map(of).max().unwrap_or_default();
    show!(
        "at the most: {} live, {:.2} MiB pending, {} descriptors; after the last session {} descriptors, before the first {}",
        most(|sample| sample.live),
        most(|sample| sample.pending) as f64 / MIB,
        most(|sample| sample.descriptors),
        soaked.after,
        soaked.before,
    )
}

fn verdict(what: &Soak, soaked: &Soaked) -> Result<(), Failure> {
    let Soaked { before, after, .. } = *soaked;
    if let Some(finding) = &soaked.finding {
        let Soak { runtime, .. } = what;
        say!("each session by itself: cargo harness soak --runtime {runtime} --connections 1 --seed SEED");
        return Err(Failure::Other(format!("{runtime}: {finding}")));
    }
    let Some((memory, descriptors)) = flat(&soaked.samples) else {
        return Err(Failure::Other("it was too short to tell whether anything grows".to_owned()));
    };
    let words = |flat: &Flat, unit: f64, name: &str| {
        let Flat { first, last, bound } = flat;
        let held = if flat.holds() { "flat" } else { "it grows" };
        format!(
            "{:.1}{name} in the first quarter, {:.1} in the last, bound {:.1}: {held}",
            first / unit,
            last / unit,
            bound / unit
        )
    };
    show!("RSS: {}", words(&memory, MIB, " MiB"))?;
    show!("descriptors: {}", words(&descriptors, 1.0, ""))?;
    if after > before {
        return Err(Failure::Other(format!(
            "{after} descriptors are open after the last session, and {before} were before the first"
        )));
    }
    if !memory.holds() || !descriptors.holds() {
        return Err(Failure::Other("more is held at the end than the bound allows".to_owned()));
    }
    Ok(())
}
