//! `exchange`: round trips and bursts, with a handle and without.

use std::time::Duration;

use super::progress::Progress;
use crate::{
    exchange::{self, Exchange, MAX_BURST_BYTES, MAX_FRAME_LEN, Policy, Transport, Trips},
    stream::{
        Failure, Names, Output, RuntimeName, interrupt,
        say::{say, show},
        settings::{between, positive},
    },
};

/// How long a run takes about, where the first line of progress has to say something.
const GUESS: Duration = Duration::from_millis(150);

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Runtimes, separated by commas, or all [default: tokio if it is compiled in, else local]
    #[arg(long, value_name = "RUNTIMES", value_parser = Names::<RuntimeName>::parse)]
    runtime: Option<Names<RuntimeName>>,

    /// What carries the bytes: tcp (loopback sockets), duplex (in-memory pipes), or all
    #[arg(long, value_name = "TRANSPORTS", default_value = "all", value_parser = Names::<Transport>::parse)]
    transport: Names<Transport>,

    /// How many frames are written before the answer is waited for, separated by commas
    #[arg(long, value_name = "FRAMES", value_delimiter = ',', default_value = "1", value_parser = between(1, 65_536))]
    burst: Vec<usize>,

    /// Lengths of a frame, separated by commas
    #[arg(long, value_name = "BYTES", value_delimiter = ',', default_value = "64,1024", value_parser = between(1, MAX_FRAME_LEN as u64))]
    frame_len: Vec<usize>,

    /// How a burst is written: names, separated by commas, or all. What all are compared with, direct, is measured anyway
    #[arg(long, value_name = "POLICIES", default_value = "all", value_parser = Names::<Policy>::parse)]
    policy: Names<Policy>,

    /// Round trips of a run [default: what 10000 frames take over tcp and 100000 over duplex, 100 at the least]
    #[arg(long, value_name = "ROUNDS", value_parser = between(1, 10_000_000))]
    rounds: Option<usize>,

    /// How often each is measured, in turns: each time direct and all others once, the next time in the other order
    #[arg(long, value_name = "PAIRS", default_value_t = 7, value_parser = between(1, 1000))]
    pairs: usize,

    /// Threads of a multi-threaded runtime
    #[arg(long, alias = "workers", value_name = "THREADS", default_value_t = 2, value_parser = between(1, 1024))]
    worker_threads: usize,

    /// How long a run may take before it counts as a hang
    #[arg(long, value_name = "SECONDS", default_value = "120", value_parser = positive)]
    stall_seconds: Duration,

    /// The directory of the results under target/harness [default: a new one]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

impl Args {
    pub(super) fn check(&self) -> Result<(), String> {
        self.exchanges().map(drop)
    }

    /// What is measured: beside each other what differs in the policy only, the baseline first.
    fn exchanges(&self) -> Result<Vec<Vec<Exchange>>, String> {
        let runtimes = self.runtimes()?;
        let mut policies = vec![Policy::BASELINE];
        policies.extend(self.policy.names.iter().filter(|&&policy| policy != Policy::BASELINE));
        let mut exchanges = Vec::new();
        for burst in once(&self.burst) {
            for frame_len in once(&self.frame_len) {
                if burst * frame_len > MAX_BURST_BYTES {
                    return Err(format!(
                        "a burst may be {MAX_BURST_BYTES} bytes long, and --burst {burst} of --frame-len {frame_len} is {}",
                        burst * frame_len
                    ));
                }
                for &transport in &self.transport.names {
                    for &runtime in &runtimes {
                        let rounds = self.rounds.unwrap_or_else(|| rounds(transport, burst));
                        let worker_threads = self.worker_threads;
                        let of = |&policy| Exchange {
                            runtime,
                            transport,
                            burst,
                            frame_len,
                            rounds,
                            worker_threads,
                            policy,
                        };
                        exchanges.push(policies.iter().map(of).collect());
                    }
                }
            }
        }
        Ok(exchanges)
    }

    /// The runtimes. Those that are not compiled in are left out, if `all` asked for them.
    fn runtimes(&self) -> Result<Vec<RuntimeName>, String> {
        let default = if cfg!(feature = "tokio") { RuntimeName::Tokio } else { RuntimeName::Local };
        let Some(runtimes) = &self.runtime else { return Ok(vec![default]) };
        let possible = runtimes.names.iter().map(|&name| exchange::check(name).map(|()| name));
        if runtimes.all {
            return Ok(possible.flatten().collect());
        }
        possible.collect::<Result<_, _>>().map_err(|unavailable| unavailable.to_string())
    }

    pub(super) fn run(&self) -> Result<(), Failure> {
        let exchanges = self.exchanges().map_err(Failure::Other)?;
        let name = self.name.clone().unwrap_or_else(|| Output::fresh_name("exchange"));
        let mut output = Output::<Trips>::create(&name)?;
        let measured = self.measure(&exchanges, &mut output);
        output.finish()?;
        if measured.is_ok() {
            show!("{}", exchange::table(output.records()))?;
        }
        match output.records().len() {
            0 => {}
            1 => say!("1 run in {}", output.directory().display()),
            runs => say!("{runs} runs in {}", output.directory().display()),
        }
        measured
    }

    fn measure(&self, exchanges: &[Vec<Exchange>], output: &mut Output<Trips>) -> Result<(), Failure> {
        let runs = self.pairs * exchanges.iter().map(Vec::len).sum::<usize>();
        let mut progress = Progress::new("exchange", runs, GUESS * u32::try_from(runs).unwrap_or(u32::MAX));
        let measured = (1..=self.pairs).try_for_each(|run| {
            exchanges.iter().try_for_each(|beside| {
                let mut order: Vec<_> = beside.iter().collect();
                // What goes first changes, so that what drifts favours nobody.
                if run.is_multiple_of(2) {
                    order.reverse();
                }
                order.into_iter().try_for_each(|exchange| {
                    if interrupt::is_set() {
                        return Err(Failure::Interrupted);
                    }
                    let figures = exchange::measure(exchange, self.stall_seconds)?;
                    output.add(Trips { exchange: exchange.clone(), run, figures })?;
                    progress.step();
                    Ok(())
                })
            })
        });
        progress.finish();
        measured
    }
}

/// As many as make a run long enough for its CPU time to be told.
fn rounds(transport: Transport, burst: usize) -> usize {
    let frames: usize = match transport {
        Transport::Tcp => 10_000,
        Transport::Duplex => 100_000,
    };
    frames.div_ceil(burst).max(100)
}

/// Each value once.
fn once(values: &[usize]) -> Vec<usize> {
    let mut known = Vec::new();
    for &value in values {
        if !known.contains(&value) {
            known.push(value);
        }
    }
    known
}
