//! The command line.

mod axes;
mod compare;
mod criterion;
mod division;
mod exchange;
mod footprint;
mod goals;
mod growth;
mod instructions;
mod matrix;
mod metric;
mod overview;
mod pair;
mod producers;
mod producers_table;
mod progress;
mod report;
mod roles;
mod run;
mod selection;
#[cfg(unix)]
mod soak;
mod sweep;
mod table;

use std::{
    ffi::OsString,
    panic::{AssertUnwindSafe, catch_unwind},
    process::ExitCode,
};

use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand, error::ErrorKind};

use super::{
    Failure, interrupt,
    say::{panics_as_sentences, say},
    split,
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
    /// Compares implementations in turns and holds the ratio to a bound
    Compare(compare::Args),
    /// Measures what is aimed at and says whether it is met
    Goals(goals::Args),
    /// Measures every combination, in passes that can be gone on with
    Matrix(matrix::Args),
    /// Finds the gather threshold and the read size that a workload wants
    Sweep(sweep::Args),
    /// Makes round trips with a handle and without, in turns
    Exchange(exchange::Args),
    /// Runs the Criterion benchmarks and keeps what they print
    Criterion(criterion::Args),
    /// Counts the instructions of single operations
    Instructions(instructions::Args),
    /// Measures what a write costs when many producers share a writer
    Producers(producers::Args),
    /// Counts what memory an idle connection keeps
    Footprint(footprint::Args),
    /// Makes a page of results, as HTML and as Markdown
    Report(report::Args),
    /// Keeps a routed proxy under random faults over sockets, and looks at what it holds
    #[cfg(unix)]
    Soak(soak::Args),
    /// What is counted by another
    #[command(hide = true)]
    Counted(instructions::Counted),
    /// One of two processes of a measurement
    #[command(hide = true)]
    Child,
}

/// What is to be done, ready to be done: nothing in it can be a wrong value any more.
#[derive(Debug)]
pub struct Job {
    command: Option<Command>,
}

/// Reads the command line, the name of the program first.
///
/// # Errors
///
/// One sentence on what is wrong.
pub fn parse(args: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> Result<Job, String> {
    let mut command = match command(args) {
        Ok(command) => command,
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            error.exit()
        }
        Err(error) => return Err(sentence(&error)),
    };
    match &mut command {
        None
        | Some((
            Command::Criterion(_)
            | Command::Instructions(_)
            | Command::Counted(_)
            | Command::Report(_)
            | Command::Child,
            _,
        )) => Ok(()),
        Some((Command::Run(args), matches)) => {
            args.settle(matches);
            args.check()
        }
        Some((Command::Compare(args), matches)) => {
            args.settle(matches);
            args.check()
        }
        Some((Command::Goals(args), _)) => args.check(),
        Some((Command::Matrix(args), matches)) => {
            args.settle(matches);
            args.check()
        }
        Some((Command::Producers(args), _)) => args.check(),
        Some((Command::Footprint(args), _)) => args.check(),
        Some((Command::Sweep(args), matches)) => {
            args.settle(matches);
            args.check()
        }
        Some((Command::Exchange(args), _)) => args.check(),
        #[cfg(unix)]
        Some((Command::Soak(args), _)) => args.check(),
    }?;
    Ok(Job { command: command.map(|(command, _)| command) })
}

/// The command, and what was said and what left out to get it.
fn command(
    args: impl IntoIterator<Item = impl Into<OsString> + Clone>,
) -> clap::error::Result<Option<(Command, ArgMatches)>> {
    let mut matches = Cli::command().try_get_matches_from(args)?;
    let cli = Cli::from_arg_matches(&matches)?;
    Ok(cli.command.zip(matches.remove_subcommand().map(|(_, matches)| matches)))
}

/// The first paragraph of what clap has to say, on one line.
fn sentence(error: &clap::Error) -> String {
    let text = error.to_string();
    let lines = text.lines().take_while(|line| !line.trim().is_empty()).map(str::trim);
    let joined = lines.collect::<Vec<_>>().join(" ");
    joined.strip_prefix("error: ").unwrap_or(&joined).to_owned()
}

/// The binary: 0 if all went well, 1 if a run failed or a bound was missed, 2 if the command line is wrong, 130 if it was
/// interrupted; the status of a program that it ran and that failed.
#[must_use]
pub fn main() -> ExitCode {
    panics_as_sentences();
    let job = match parse(std::env::args_os()) {
        Ok(job) => job,
        Err(sentence) => {
            say!("{sentence}");
            return ExitCode::from(2);
        }
    };
    // What a library panics about, a lack of threads or descriptors, has been said by then.
    let done = catch_unwind(AssertUnwindSafe(|| job.prepare().and_then(|()| job.run())));
    done.map_or(ExitCode::FAILURE, status)
}

fn status(done: Result<bool, Failure>) -> ExitCode {
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            say!("{failure}");
            match failure {
                Failure::Interrupted => ExitCode::from(interrupt::STATUS),
                Failure::Ended { status, .. } => ExitCode::from(status),
                _ => ExitCode::FAILURE,
            }
        }
    }
}

impl Job {
    /// What comes before there are threads.
    fn prepare(&self) -> Result<(), Failure> {
        match &self.command {
            // Signals are for the parent.
            Some(Command::Child) => return Ok(()),
            Some(Command::Run(args)) => args.pin()?,
            _ => {}
        }
        interrupt::install();
        Ok(())
    }

    /// Does it; whether every bound was kept.
    fn run(self) -> Result<bool, Failure> {
        match self.command {
            None => overview::run().map(|()| true),
            Some(Command::Run(args)) => args.run().map(|()| true),
            Some(Command::Compare(args)) => args.run(),
            Some(Command::Goals(args)) => args.run(),
            Some(Command::Matrix(args)) => args.run().map(|()| true),
            Some(Command::Sweep(args)) => args.run(),
            Some(Command::Exchange(args)) => args.run().map(|()| true),
            Some(Command::Criterion(args)) => args.run().map(|()| true),
            Some(Command::Instructions(args)) => args.run().map(|()| true),
            Some(Command::Counted(args)) => args.run().map(|()| true),
            Some(Command::Producers(args)) => args.run().map(|()| true),
            Some(Command::Footprint(args)) => args.run().map(|()| true),
            Some(Command::Report(args)) => args.run().map(|()| true),
            #[cfg(unix)]
            Some(Command::Soak(args)) => args.run().map(|()| true),
            Some(Command::Child) => split::child().map(|()| true),
        }
    }
}
