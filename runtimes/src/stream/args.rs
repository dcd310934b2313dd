//! The command line.

use std::{error::Error, ffi::OsString, process::ExitCode};

use clap::{Args, Parser, Subcommand, error::ErrorKind};
use indicatif::ProgressBar;

use super::{
    Bound, Comparison, Failure, ImplementationName, Metric, Payloads, Report, RuntimeName, Settings, Spread,
    overview,
    run::{Runner, runner},
};

/// Measures routed streams through proxies, on every runtime.
///
/// Without a command: a short comparison of all runtimes and implementations over loopback sockets.
#[derive(Debug, Parser)]
#[command(name = "harness", version, arg_required_else_help = false)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measures one configuration and prints it as key=value
    Run(RunArgs),
    /// Compares implementations pair by pair, in one process
    Compare(CompareArgs),
}

#[derive(Debug, Args)]
struct RunArgs {
    /// The runtime
    #[arg(long, value_enum, default_value_t = RuntimeName::Local)]
    runtime: RuntimeName,

    /// What the proxy is made of
    #[arg(long, value_enum)]
    implementation: ImplementationName,

    #[command(flatten)]
    settings: Settings,
}

#[derive(Debug, Args)]
struct CompareArgs {
    /// The runtime
    #[arg(long, value_enum, default_value_t = RuntimeName::Local)]
    runtime: RuntimeName,

    /// What is compared
    #[arg(long, value_enum)]
    of: ImplementationName,

    /// What it is compared with
    #[arg(long, value_enum, value_delimiter = ',', required = true)]
    with: Vec<ImplementationName>,

    /// By which figure
    #[arg(long, value_enum, default_value_t = Metric::Throughput)]
    metric: Metric,

    /// How often each pair is measured
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pairs: u16,

    /// Fail if a median ratio is less
    #[arg(long, value_name = "RATIO")]
    at_least: Option<f64>,

    /// Fail if a median ratio is more
    #[arg(long, value_name = "RATIO")]
    at_most: Option<f64>,

    #[command(flatten)]
    settings: Settings,
}

/// What is to be done, ready to be done: nothing in it can be a wrong value any more.
#[derive(Debug)]
pub struct Job {
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Overview,
    Run { args: RunArgs, runner: Runner },
    Compare { args: CompareArgs, comparisons: Vec<(ImplementationName, Comparison)> },
}

/// Reads the command line, the name of the program first.
///
/// # Errors
///
/// One sentence on what is wrong.
pub fn parse(args: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> Result<Job, String> {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            error.exit()
        }
        Err(error) => return Err(sentence(&error)),
    };
    let kind = match cli.command {
        None => Kind::Overview,
        Some(Command::Run(args)) => {
            let runner = runner(args.runtime, args.implementation).map_err(|error| error.to_string())?;
            Kind::Run { args, runner }
        }
        Some(Command::Compare(args)) => {
            let compare = |&with| {
                let comparison = Comparison::new(args.metric, args.runtime, args.of, with)?;
                Ok((with, comparison))
            };
            let comparisons: Result<_, super::run::Unavailable> = args.with.iter().map(compare).collect();
            Kind::Compare { comparisons: comparisons.map_err(|error| error.to_string())?, args }
        }
    };
    Ok(Job { kind })
}

/// The first paragraph of what clap has to say, on one line.
fn sentence(error: &clap::Error) -> String {
    let text = error.to_string();
    let lines = text.lines().take_while(|line| !line.trim().is_empty()).map(str::trim);
    let joined = lines.collect::<Vec<_>>().join(" ");
    joined.strip_prefix("error: ").unwrap_or(&joined).to_owned()
}

/// The binary: 0 if all went well, 1 if a run failed or a bound was missed, 2 if the command line is wrong.
#[must_use]
pub fn main() -> ExitCode {
    let job = match parse(std::env::args_os()) {
        Ok(job) => job,
        Err(sentence) => {
            eprintln!("harness: {sentence}");
            return ExitCode::from(2);
        }
    };
    match job.run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            eprintln!("harness: {failure}");
            let mut source = failure.source();
            while let Some(cause) = source {
                source = cause.source();
                if source.is_none() {
                    eprintln!("harness: caused by: {cause}");
                }
            }
            ExitCode::FAILURE
        }
    }
}

impl Job {
    /// Does it; whether every bound was kept.
    fn run(self) -> Result<bool, Failure> {
        match self.kind {
            Kind::Overview => overview::run().map(|()| true),
            Kind::Run { args, runner } => {
                crate::set_workers(args.settings.workers);
                let payloads = Payloads::new(&args.settings);
                let report = runner(&args.settings, &payloads)?;
                print(&args, &report);
                Ok(true)
            }
            Kind::Compare { args, comparisons } => compare(&args, &comparisons),
        }
    }
}

fn compare(args: &CompareArgs, comparisons: &[(ImplementationName, Comparison)]) -> Result<bool, Failure> {
    crate::set_workers(args.settings.workers);
    let payloads = Payloads::new(&args.settings);
    let progress = ProgressBar::new(u64::from(args.pairs) * comparisons.len() as u64);
    let mut spreads = vec![Spread::default(); comparisons.len()];
    for pair in 0..args.pairs {
        for ((_, comparison), spread) in comparisons.iter().zip(&mut spreads) {
            spread.add(comparison.pair(usize::from(pair), &args.settings, &payloads)?);
            progress.inc(1);
        }
    }
    progress.finish_and_clear();

    let bound = Bound { at_least: args.at_least, at_most: args.at_most };
    let mut kept = true;
    for ((with, _), spread) in comparisons.iter().zip(&spreads) {
        let ratios = spread.values().iter().map(|ratio| format!("{ratio:.3}")).collect::<Vec<_>>();
        println!(
            "of={} with={with} runtime={} transport={} arrival={} metric={} pairs={} median={:.3} min={:.3} max={:.3} ratios={}",
            args.of,
            args.runtime,
            args.settings.transport,
            args.settings.arrival(),
            args.metric,
            args.pairs,
            spread.median(),
            spread.min(),
            spread.max(),
            ratios.join(","),
        );
        if !bound.holds(spread.median()) {
            kept = false;
            eprintln!(
                "harness: the {} of {} is {:.3} times that of {with}, out of bounds{}{}",
                args.metric,
                args.of,
                spread.median(),
                args.at_least.map_or_else(String::new, |bound| format!(" (at least {bound})")),
                args.at_most.map_or_else(String::new, |bound| format!(" (at most {bound})")),
            );
        }
    }
    Ok(kept)
}

fn print(args: &RunArgs, report: &Report) {
    let settings = &args.settings;
    let micros = |quantile| format!("{:.1}", report.latency(quantile).as_secs_f64() * 1e6);
    let seconds = report.wall.as_secs_f64();
    let pairs = [
        ("runtime", args.runtime.to_string()),
        ("transport", settings.transport.to_string()),
        ("implementation", args.implementation.to_string()),
        ("scenario", settings.scenario.to_string()),
        ("arrival", settings.arrival().to_string()),
        ("completion", settings.completion.to_string()),
        ("window", settings.window.to_string()),
        ("workers", settings.workers.to_string()),
        ("connections", settings.connections.to_string()),
        ("route_frames", settings.route_frames.to_string()),
        ("frame_len", settings.frame_len.to_string()),
        ("tunnel_bytes", settings.tunnel_bytes.to_string()),
        ("read_reserve", settings.read_reserve.to_string()),
        ("write_pending_bytes", settings.write_pending_bytes().to_string()),
        ("duplex_capacity", settings.duplex_capacity.to_string()),
        ("burst", settings.burst.to_string()),
        ("iterations", report.iterations.to_string()),
        ("total_streams", report.streams.to_string()),
        ("total_bytes", report.bytes.to_string()),
        ("total_seconds", format!("{seconds:.6}")),
        ("mib_per_sec", format!("{:.3}", report.mib_per_second())),
        ("streams_per_sec", format!("{:.3}", report.streams as f64 / seconds)),
        ("cpu_user_seconds", format!("{:.6}", report.user.as_secs_f64())),
        ("cpu_system_seconds", format!("{:.6}", report.system.as_secs_f64())),
        ("cpu_total_seconds", format!("{:.6}", report.cpu().as_secs_f64())),
        ("cpu_avg_cores", format!("{:.3}", report.cpu().as_secs_f64() / seconds)),
        ("cpu_ns_per_byte", format!("{:.4}", report.cpu_nanos_per_byte())),
        ("latency_p50_micros", micros(0.5)),
        ("latency_p95_micros", micros(0.95)),
        ("latency_p99_micros", micros(0.99)),
        ("latency_max_micros", micros(1.0)),
    ];
    for (key, value) in pairs {
        println!("{key}={value}");
    }
}
