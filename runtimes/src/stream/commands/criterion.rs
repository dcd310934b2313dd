//! `criterion`: the benchmarks of the workspace, kept as a baseline.

use std::{
    env,
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::Duration,
};

use clap::ValueEnum;

use crate::stream::{
    Failure, Output, interrupt,
    output::directory,
    process,
    say::say,
    settings::{between, positive},
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

impl Bench {
    fn names(self) -> &'static [&'static str] {
        match self {
            Self::Read => &["read"],
            Self::Write => &["write"],
            Self::All => &["read", "write"],
        }
    }
}

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Which benchmarks
    #[arg(long, value_enum, default_value_t = Bench::All)]
    bench: Bench,

    /// Only those whose name, operation.implementation/runtime/size, this regular expression finds
    #[arg(long, value_name = "REGEX")]
    filter: Option<String>,

    /// How many samples are taken of each
    #[arg(long, value_name = "SAMPLES", default_value_t = 100, value_parser = between(10, 100_000))]
    sample_size: usize,

    /// How long each is measured, about
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = positive)]
    measurement_time: Duration,

    /// How long each runs before it is measured
    #[arg(long, value_name = "SECONDS", default_value = "3", value_parser = positive)]
    warm_up_time: Duration,

    /// The CPUs to run on, as taskset takes them, like 0 or 0,2-3 [default: all]
    #[arg(long, value_name = "CPUS")]
    cores: Option<String>,

    /// Count what perf stat counts, for each of the benchmark programs
    #[arg(long)]
    perf_stat: bool,

    /// The features to build with, separated by commas: the runtimes to measure on
    #[arg(long, value_name = "FEATURES")]
    features: Option<String>,

    /// The directory of the results under target/harness [default: a new one]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

impl Args {
    pub(super) fn run(&self) -> Result<(), Failure> {
        self.tools()?;
        let name = self.name.clone().unwrap_or_else(|| Output::fresh_name("criterion"));
        let directory = directory(&name)?;
        let mut files = self.files(&directory)?;
        // Building is neither pinned nor counted.
        for bench in self.bench.names() {
            run(self.cargo(Vec::new(), bench).arg("--no-run"), &mut io::sink())?;
        }
        for (bench, kept) in self.bench.names().iter().zip(&mut files) {
            let mut command = self.cargo(self.wrappers(&directory, bench), bench);
            command.arg("--").arg("--sample-size").arg(self.sample_size.to_string());
            command.arg("--measurement-time").arg(self.measurement_time.as_secs_f64().to_string());
            command.arg("--warm-up-time").arg(self.warm_up_time.as_secs_f64().to_string());
            command.args(&self.filter);
            run(&mut command, kept)?;
        }
        say!("results in {}", directory.display());
        Ok(())
    }

    /// What the output is kept in, by benchmark program. None of it is there before.
    fn files(&self, directory: &Path) -> Result<Vec<File>, Failure> {
        fs::create_dir_all(directory)
            .map_err(|error| Failure::Other(format!("cannot make {}: {error}", directory.display())))?;
        let paths = self.bench.names().iter().map(|bench| directory.join(format!("criterion-{bench}.txt")));
        let file = |path: PathBuf| {
            File::create_new(&path).map_err(|error| match error.kind() {
                io::ErrorKind::AlreadyExists => Failure::Other(format!(
                    "{} is there already: choose another --name, or remove it",
                    path.display()
                )),
                _ => Failure::Other(format!("cannot make {}: {error}", path.display())),
            })
        };
        paths.map(file).collect()
    }

    /// That what wraps the benchmarks is there and may be used.
    fn tools(&self) -> Result<(), Failure> {
        if let Some(cores) = &self.cores {
            attempt("taskset", &["--cpu-list", cores, "true"], "--cores")?;
        }
        if self.perf_stat {
            attempt("perf", &["stat", "--output", "/dev/null", "--", "true"], "--perf-stat")?;
        }
        Ok(())
    }

    fn wrappers(&self, directory: &Path, bench: &str) -> Vec<Vec<String>> {
        let mut wrappers = Vec::new();
        if self.perf_stat {
            let counts = directory.join(format!("{bench}.perf-stat.txt")).display().to_string();
            wrappers.push(vec![
                "perf".to_owned(),
                "stat".to_owned(),
                "-o".to_owned(),
                counts,
                "--".to_owned(),
            ]);
        }
        if let Some(cores) = &self.cores {
            wrappers.push(vec!["taskset".to_owned(), "--cpu-list".to_owned(), cores.clone()]);
        }
        wrappers
    }

    /// `cargo bench` of one program, within `wrappers`.
    fn cargo(&self, wrappers: Vec<Vec<String>>, bench: &str) -> Command {
        let mut words: Vec<_> = wrappers.into_iter().flatten().map(Into::into).collect();
        words.push(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        let mut words = words.into_iter();
        let mut command = Command::new(words.next().expect("there is cargo at least"));
        command.args(words).args(["bench", "--package", "futures-handoff", "--bench", bench]);
        // Cargo says where the package is that it runs; its workspace is one up.
        if let Some(package) = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from) {
            command.arg("--manifest-path").arg(package.with_file_name("Cargo.toml"));
        }
        if let Some(features) = &self.features {
            command.arg("--features").arg(features);
        }
        command
    }
}

/// Runs a tool once, to find out whether it can be used.
fn attempt(tool: &str, args: &[&str], flag: &str) -> Result<(), Failure> {
    let why = match Command::new(tool).args(args).stdin(Stdio::null()).output() {
        Ok(output) if output.status.success() => return Ok(()),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            said.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("it failed").to_owned()
        }
        Err(error) => error.to_string(),
    };
    Err(Failure::Other(format!("{flag} needs {tool}, which cannot be used: {why}")))
}

/// Runs a command to its end, or to that of the program; shows what it prints and keeps it.
fn run(command: &mut Command, kept: &mut (impl Write + Send)) -> Result<(), Failure> {
    let what = command.get_program().to_string_lossy().into_owned();
    let failed = |error: io::Error| Failure::Other(format!("cannot run {what}: {error}"));
    let (printed, writer) = io::pipe().map_err(failed)?;
    // In a group of its own, so that everything that it starts ends with it.
    process::group(command);
    command.stdin(Stdio::null()).stdout(writer.try_clone().map_err(failed)?).stderr(writer);
    let mut child = command.spawn().map_err(failed)?;
    // The command holds the ends that are written to.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let (status, copied) = thread::scope(|scope| {
        let copier = scope.spawn(|| copy(printed, kept));
        let status = wait(&mut child);
        (status, copier.join().expect("copying does not panic"))
    });
    if interrupt::is_set() {
        return Err(Failure::Interrupted);
    }
    let status = status.map_err(failed)?;
    copied.map_err(|error| Failure::Other(format!("cannot keep what {what} prints: {error}")))?;
    if status.success() { Ok(()) } else { Err(Failure::Ended { what, status: code(status) }) }
}

/// Waits for the child, and ends it if an end is asked for.
fn wait(child: &mut Child) -> io::Result<ExitStatus> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if interrupt::is_set() {
            process::end(child);
            return child.wait();
        }
        thread::sleep(Duration::from_millis(50));
    }
}

fn copy(mut from: impl Read, kept: &mut impl Write) -> io::Result<()> {
    let mut room = [0; 8 * 1024];
    loop {
        match from.read(&mut room) {
            Ok(0) => return Ok(()),
            Ok(n) => {
                kept.write_all(&room[..n])?;
                let mut shown = io::stdout().lock();
                // What is shown may end early; what is kept does not.
                let _ = shown.write_all(&room[..n]).and_then(|()| shown.flush());
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// The status to pass on.
fn code(status: ExitStatus) -> u8 {
    status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}
