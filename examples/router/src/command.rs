//! The command line.

use std::{
    ffi::OsString,
    io::{self, IsTerminal},
    num::NonZeroUsize,
    path::PathBuf,
    process::ExitCode,
    thread,
};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::level_filters::LevelFilter;

use crate::{
    config::Config,
    net::{self, Runtime},
    server,
};

const USAGE: &str = "\
usage: router [options] <file>

  --runtime <name>  tokio, smol or async-std; by default the first one that was built in
  --check           only say what is wrong with the file
  --log <level>     error, warn, info (one line for each connection) or off; by default info

The file is explained in examples/router/router.toml. SIGHUP reads it again; SIGTERM ends the router
when its connections have ended, and a second one at once.";

struct Options {
    runtime: Option<String>,
    check: bool,
    log: LevelFilter,
    file: PathBuf,
}

/// Runs the program with its arguments.
pub fn main() -> ExitCode {
    let options = match options() {
        Ok(Some(options)) => options,
        Ok(None) => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("router: {error}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    tracing_subscriber::fmt()
        .with_max_level(options.log)
        .with_target(false)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        // Internal errors would be printed to stderr, and a failure to print panics: a full disk
        // would end the program.
        .log_internal_errors(false)
        .init();
    match run(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("router: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: Options) -> Result<(), String> {
    let config = Config::read(&options.file).map_err(|error| error.to_string())?;
    if options.check {
        println!(
            "{} is good: listeners {}, upstreams {}",
            options.file.display(),
            config.listeners.len(),
            config.upstreams.len()
        );
        return Ok(());
    }
    let start = chosen(options.runtime.as_deref())?;
    start(options.file, config).map_err(|error| error.to_string())
}

type Start = fn(PathBuf, Config) -> io::Result<()>;

/// The function that starts the router on the runtime of that name, or on the first one.
fn chosen(name: Option<&str>) -> Result<Start, String> {
    let built: [(&str, Start); _] = [
        #[cfg(feature = "tokio")]
        (net::Tokio::NAME, start::<net::Tokio>),
        #[cfg(feature = "smol")]
        (net::Smol::NAME, start::<net::Smol>),
        #[cfg(feature = "async-std")]
        (net::AsyncStd::NAME, start::<net::AsyncStd>),
    ];
    let found = built.iter().find(|(built, _)| name.is_none_or(|name| name == *built));
    found.map(|(_, start)| *start).ok_or_else(|| {
        let names = built.map(|(built, _)| built);
        match name {
            Some(name) => format!("there is no runtime {name:?} in this program, only {names:?}"),
            None => {
                "this program was built without a runtime: build it with --features tokio, smol or async-std"
                    .into()
            }
        }
    })
}

fn start<R: Runtime>(file: PathBuf, config: Config) -> io::Result<()> {
    take_all_descriptors();
    let threads =
        config.threads.or_else(|| thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get);
    R::run(threads, server::run::<R>(file, config))
}

/// Raises the limit of descriptors to its maximum: a connection needs two, and most systems begin
/// with a thousand.
fn take_all_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    // If it cannot be raised, there are fewer.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}

/// The options, or `None` if help is requested.
fn options() -> Result<Option<Options>, lexopt::Error> {
    use lexopt::prelude::*;

    let (mut runtime, mut check, mut log, mut file) = (None, false, LevelFilter::INFO, None::<OsString>);
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("runtime") => runtime = Some(parser.value()?.string()?),
            Long("check") => check = true,
            Long("log") => log = parser.value()?.parse()?,
            Short('h') | Long("help") => return Ok(None),
            Value(value) if file.is_none() => file = Some(value),
            _ => return Err(argument.unexpected()),
        }
    }
    let file = file.ok_or("which file?")?.into();
    Ok(Some(Options { runtime, check, log, file }))
}
