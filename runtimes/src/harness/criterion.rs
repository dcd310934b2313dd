//! `criterion`: the benchmarks of the workspace, kept as a baseline.

use std::{
    env,
    fs::{self, File},
    io,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use clap::ValueEnum;

use super::{
    Cores, Failure, Output,
    console::{log, print_line},
    interrupt,
    measure::settings::{between, positive},
    process_group,
    results::make,
};

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Bench {
    /// The read half
    Read,
    /// The write half
    Write,
    /// Both, one after the other
    All,
}

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Which benchmarks
    #[arg(long, value_enum, default_value_t = Bench::All)]
    bench: Bench,

    /// Only benchmarks whose name, operation.implementation/runtime/size, matches this regular
    /// expression
    #[arg(long, value_name = "REGEX")]
    filter: Option<String>,

    /// How many samples are taken of each
    #[arg(long, value_name = "SAMPLES", default_value_t = 100, value_parser = between(10, 100_000))]
    sample_size: usize,

    /// About how long each is measured
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = positive)]
    measurement_time: Duration,

    /// How long each runs before it is measured
    #[arg(long, value_name = "SECONDS", default_value = "3", value_parser = positive)]
    warm_up_time: Duration,

    /// The cores to run on, such as 0 or 0,2-3 [default: all]
    #[arg(long, value_name = "CORES", value_parser = Cores::here)]
    cores: Option<Cores>,

    /// The features to build with, separated by commas: the runtimes to measure on
    #[arg(long, value_name = "FEATURES")]
    features: Option<String>,

    /// The directory of the results under target/harness [default: a new one]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

impl Args {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let benches: &[&str] = match self.bench {
            Bench::Read => &["read"],
            Bench::Write => &["write"],
            Bench::All => &["read", "write"],
        };
        let directory = make(self.name.clone().unwrap_or_else(|| Output::fresh_name("criterion")))?;
        let paths = benches.iter().map(|bench| directory.join(format!("criterion-{bench}.txt")));
        let files = paths.map(|path| File::create_new(&path).map_err(|error| (path, error)));
        let files = files.collect::<Result<Vec<_>, _>>().map_err(|(path, error)| {
            Failure::Other(format!("cannot make {}: {error}; choose another --name", path.display()))
        })?;
        // The build is neither pinned nor timed.
        for bench in benches {
            let mut command = self.cargo(bench);
            command.arg("--no-run");
            run(command, None)?;
        }
        if let Some(cores) = &self.cores {
            cores.pin()?;
        }
        for (bench, kept) in benches.iter().zip(files) {
            let mut command = self.cargo(bench);
            command.arg("--").arg("--sample-size").arg(self.sample_size.to_string());
            command.arg("--measurement-time").arg(self.measurement_time.as_secs_f64().to_string());
            command.arg("--warm-up-time").arg(self.warm_up_time.as_secs_f64().to_string());
            command.args(&self.filter);
            run(command, Some(kept))?;
            let kept = directory.join(format!("criterion-{bench}.txt"));
            let printed =
                fs::read_to_string(&kept).map_err(|error| Failure::of_path("read", &kept, error))?;
            print_line!("{}", printed.trim_end())?;
        }
        log!("results in {}", directory.display());
        Ok(())
    }

    /// `cargo bench` of one program.
    fn cargo(&self, bench: &str) -> Command {
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.args(["bench", "--package", "futures-handoff", "--bench", bench]);
        // Cargo sets the directory of the package; the workspace is one level up.
        if let Some(package) = env::var_os("CARGO_MANIFEST_DIR") {
            command.arg("--manifest-path").arg(Path::new(&package).with_file_name("Cargo.toml"));
        }
        if let Some(features) = &self.features {
            command.arg("--features").arg(features);
        }
        command
    }
}

/// Runs a command until it or this program ends; keeps or shows its output.
fn run(mut command: Command, kept: Option<File>) -> Result<(), Failure> {
    let program = command.get_program().to_string_lossy().into_owned();
    let failed = |error: io::Error| Failure::Other(format!("cannot run {program}: {error}"));
    process_group::own(&mut command);
    command.stdin(Stdio::null()).stdout(kept.map_or_else(Stdio::inherit, Stdio::from));
    let mut child = command.spawn().map_err(failed)?;
    let status = loop {
        if let Some(status) = child.try_wait().map_err(failed)? {
            break status;
        }
        if let Err(interrupted) = interrupt::check() {
            process_group::end(&mut child, false);
            child.wait().map_err(failed)?;
            return Err(interrupted);
        }
        thread::sleep(Duration::from_millis(50));
    };
    if status.success() {
        return Ok(());
    }
    let status = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
    Err(Failure::Ended { program, status })
}
