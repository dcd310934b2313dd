//! The command line.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    process::ExitCode,
};

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand, error::ErrorKind};

use super::{
    Failure, compare,
    console::{log, log_panics},
    criterion, interrupt, matrix, overview, report, run, split,
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
    /// Measures configurations and prints each run as key=value
    Run(run::Args),
    /// Compares implementations in turns and checks the ratio against a bound
    Compare(compare::Args),
    /// Measures every combination, in passes that can be resumed
    Matrix(matrix::Args),
    /// Runs the Criterion benchmarks and keeps their output
    Criterion(criterion::Args),
    /// Makes a page of results, with charts, and the same tables as Markdown
    Report(report::Args),
    /// One of the two processes of a measurement
    #[command(hide = true)]
    Child,
}

/// The first paragraph of the message of clap, on one line.
fn sentence(error: &clap::Error) -> String {
    let text = error.to_string();
    let lines = text.lines().take_while(|line| !line.trim().is_empty()).map(str::trim);
    let joined = lines.collect::<Vec<_>>().join(" ");
    joined.strip_prefix("error: ").unwrap_or(&joined).to_owned()
}

/// The binary. Its status is 0 on success, 1 if a run failed or a bound was missed, 2 if the
/// command line is wrong, 130 if it was interrupted, and that of a program that it ran and that
/// failed.
pub fn main() -> ExitCode {
    log_panics();
    let command = match command() {
        Ok(command) => command,
        Err(sentence) => {
            log!("{sentence}");
            return ExitCode::from(2);
        }
    };
    // A panic of a library, such as from a lack of threads or descriptors, has been logged by then.
    let done = catch_unwind(AssertUnwindSafe(|| run(command)));
    let failure = match done {
        Ok(Ok(true)) => return ExitCode::SUCCESS,
        Ok(Ok(false)) | Err(_) => return ExitCode::FAILURE,
        Ok(Err(failure)) => failure,
    };
    log!("{failure}");
    match failure {
        Failure::Interrupted => ExitCode::from(interrupt::STATUS),
        Failure::Ended { status, .. } => ExitCode::from(status),
        _ => ExitCode::FAILURE,
    }
}

/// The checked command, or a sentence about the error.
fn command() -> Result<Option<Command>, String> {
    let parsed = Cli::command().try_get_matches().and_then(|mut matches| {
        let cli = Cli::from_arg_matches(&matches)?;
        Ok((cli.command, matches.remove_subcommand().unwrap_or_default()))
    });
    let (mut command, (_, matches)) = match parsed {
        Ok(parsed) => parsed,
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            error.exit()
        }
        Err(error) => return Err(sentence(&error)),
    };
    match &mut command {
        Some(Command::Run(args)) => args.settle(&matches)?,
        Some(Command::Compare(args)) => args.settle(&matches)?,
        Some(Command::Matrix(args)) => args.settle(&matches)?,
        None | Some(Command::Criterion(_) | Command::Report(_) | Command::Child) => {}
    }
    Ok(command)
}

/// Runs it; returns whether every bound was kept.
fn run(command: Option<Command>) -> Result<bool, Failure> {
    // Before any thread starts. The parent handles signals.
    match &command {
        Some(Command::Child) => return split::child().map(|()| true),
        Some(Command::Run(args)) => args.pin()?,
        Some(Command::Compare(args)) => args.selection.pin()?,
        Some(Command::Matrix(args)) => args.selection.pin()?,
        None | Some(Command::Criterion(_) | Command::Report(_)) => {}
    }
    interrupt::install();
    match command {
        None => overview::run(),
        Some(Command::Run(args)) => args.run(),
        Some(Command::Compare(args)) => return args.run(),
        Some(Command::Matrix(args)) => args.run(),
        Some(Command::Criterion(args)) => args.run(),
        Some(Command::Report(args)) => args.run(),
        Some(Command::Child) => Ok(()),
    }
    .map(|()| true)
}
