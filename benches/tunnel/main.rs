//! Relays between two TCP connections: `Tunnel` compared with what the runtimes bring. The relay
//! and its peers are separate processes; with two cores or more, each has its own core.
//!
//! ```text
//! cargo bench --features tunnel,tokio,smol,async-std --bench tunnel -- [--rounds N] [--mib N] [FILTER..]
//! ```
//!
//! All relays of a workload are measured in turns. It prints the median rate of each, and the
//! medians of its ratios to the first one. Every byte is compared with the byte that was sent.
//! `cargo test --benches` only carries a little through each.
#![allow(unreachable_pub, reason = "its modules are those of one program")]

mod load;
mod relay;
mod table;

use std::{env, process::ExitCode};

use load::Load;
use relay::{RELAYS, Relay};

/// How much is measured.
struct Args {
    rounds: usize,
    mib: usize,
    filters: Vec<String>,
}

fn main() -> ExitCode {
    let mut args = env::args().skip(1);
    let first = args.next();
    if first.as_deref() == Some("relay") {
        relay::serve(&args.collect::<Vec<_>>());
        return ExitCode::SUCCESS;
    }
    match parse(first.into_iter().chain(args)) {
        Ok(args) => {
            run(&args);
            ExitCode::SUCCESS
        }
        Err(reason) => {
            eprintln!("{reason}\nusage: tunnel [--rounds N] [--mib N] [FILTER..]");
            ExitCode::from(2)
        }
    }
}

fn parse(mut args: impl Iterator<Item = String>) -> Result<Args, String> {
    let mut parsed = Args { rounds: 1, mib: 1, filters: Vec::new() };
    while let Some(arg) = args.next() {
        let mut number = |name| {
            let value = args.next().ok_or_else(|| format!("{name} needs a number"))?;
            value
                .parse()
                .ok()
                .filter(|n| *n > 0)
                .ok_or_else(|| format!("{name} takes a number from 1 on, not `{value}`"))
        };
        match arg.as_str() {
            "--rounds" => parsed.rounds = number("--rounds")?,
            "--mib" => parsed.mib = number("--mib")?,
            // Cargo adds it for `cargo bench`, and for `cargo test` it does not.
            "--bench" => (parsed.rounds, parsed.mib) = (parsed.rounds.max(9), parsed.mib.max(512)),
            flag if flag.starts_with('-') => return Err(format!("there is no flag `{flag}`")),
            _ => parsed.filters.push(arg),
        }
    }
    Ok(parsed)
}

fn run(args: &Args) {
    load::pin(1);
    for runtime in ["tokio", "smol", "async-std"] {
        let relays: Vec<&Relay> = RELAYS.iter().filter(|relay| relay.runtime == runtime).collect();
        for load in Load::all(args.mib) {
            let name = format!("{runtime} {load}");
            if relays.is_empty() || !args.filters.iter().all(|filter| name.contains(filter)) {
                continue;
            }
            let mut processes: Vec<_> = relays.iter().map(|relay| relay::Process::start(relay)).collect();
            let mut table = table::Table::new(&name, relays.iter().map(|relay| relay.name));
            // The first round warms up.
            for round in 0..=args.rounds {
                let mut results: Vec<_> = processes.iter_mut().enumerate().collect();
                // Another one begins each time, so that drift favours none.
                results.rotate_left(round % relays.len());
                let mut results: Vec<_> =
                    results.into_iter().map(|(at, process)| (at, load.run(process))).collect();
                results.sort_by_key(|(at, _)| *at);
                if round > 0 || args.rounds == 1 {
                    table.add(results.into_iter().map(|(_, taken)| taken));
                }
            }
            table.print(load.unit());
        }
    }
}
