//! `matrix`: every combination, in passes that can be gone on with.

use std::time::Duration;

use clap::{ArgMatches, Command, FromArgMatches};

use super::{
    axes::{list, not_given, values},
    growth::{self, Axis},
    progress::{Progress, estimate},
    selection::Selection,
    table,
};
use crate::stream::{
    Bench, Case, Failure, ImplementationName, Names, Output, Record, Settings, interrupt,
    plan::Plan,
    say::{say, show},
    settings::between,
};

const DECIDED: &str =
    "each stream gets its part of --bytes-per-round, and --lines says how much of that are lines";

#[derive(Debug, clap::Args)]
#[command(
    mut_arg("runtime", |flag| flag.default_value("all").help("Runtimes, separated by commas, or all")),
    mut_arg("scenario", |flag| flag.default_value("all")),
    mut_arg("connections", |flag| list(flag, ["1", "16", "64"]).help("Streams at a time, separated by commas")),
    mut_arg("frame_len", |flag| {
        list(flag, ["64", "1024", "16384"])
            .long("frame-sizes")
            .alias("frame-len")
            .help("Lengths of a line without its end, separated by commas")
    }),
    mut_arg("route_frames", |flag| flag.hide(true)),
    mut_arg("tunnel_bytes", |flag| flag.hide(true))
)]
pub(super) struct Args {
    /// What the proxy is made of: names, separated by commas, or all
    #[arg(long, value_name = "IMPLEMENTATIONS", default_value = "handoff,manual_vec,manual_buffered,raw_copy", value_parser = Names::<ImplementationName>::parse)]
    implementation: Names<ImplementationName>,

    /// How often each combination is measured, each time in a pass over all of them
    #[arg(long, value_name = "RUNS", default_value_t = 3, value_parser = between(1, 10_000))]
    runs: usize,

    /// What all streams of a round carry together, about
    #[arg(long, value_name = "BYTES", default_value_t = 8 << 20, value_parser = between(1, 4 << 30))]
    bytes_per_round: usize,

    /// How many per cent of each stream are lines; the rest is a tunnel
    #[arg(long, value_name = "PERCENT", default_value_t = 50, value_parser = between(1, 100))]
    lines: usize,

    /// Also print what a line and a byte cost along one axis, and by how much that changes
    #[arg(long, value_name = "AXIS", value_enum)]
    growth: Option<Axis>,

    /// The directory of the results under target/harness; one with results of the same matrix is gone on with
    /// [default: a new one]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    #[command(flatten)]
    axes: Axes,

    #[command(flatten)]
    selection: Selection,
}

/// The settings that have several values here.
#[derive(Debug)]
struct Axes {
    connections: Vec<usize>,
    frame_sizes: Vec<usize>,
}

/// The flags are those of the settings.
impl clap::Args for Axes {
    fn augment_args(command: Command) -> Command {
        command
    }

    fn augment_args_for_update(command: Command) -> Command {
        command
    }
}

impl FromArgMatches for Axes {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        not_given(matches, "route_frames", DECIDED)?;
        not_given(matches, "tunnel_bytes", DECIDED)?;
        Ok(Self { connections: values(matches, "connections"), frame_sizes: values(matches, "frame_len") })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args {
    /// Settles what depends on other flags, unless it was given.
    pub(super) fn settle(&mut self, matches: &ArgMatches) {
        self.selection.settle(matches, None);
    }

    pub(super) fn check(&self) -> Result<(), String> {
        let values = |axis| match axis {
            Axis::Connections => &self.axes.connections,
            Axis::FrameSizes => &self.axes.frame_sizes,
        };
        if let Some(axis) = self.growth
            && let [only] = values(axis)[..]
        {
            return Err(format!(
                "--growth needs two values of the {} at the least, not only {only}",
                axis.name()
            ));
        }
        self.cases().map(drop)
    }

    /// All combinations. Those that differ in the implementation follow each other, then those that differ in the
    /// runtime; what a new payload is needed for comes last.
    fn cases(&self) -> Result<Vec<Case>, String> {
        let bases = self.selection.cases(&self.implementation, Duration::from_millis(200))?;
        let mut cases = Vec::new();
        for &connections in &self.axes.connections {
            for &frame_len in &self.axes.frame_sizes {
                let share = Share::new(self.bytes_per_round, self.lines, connections, frame_len)?;
                share.of(self.selection.settings).fit()?;
                cases.extend(
                    bases.iter().map(|base| Case { settings: share.of(base.settings), ..base.clone() }),
                );
            }
        }
        Ok(cases)
    }

    pub(super) fn run(&self) -> Result<(), Failure> {
        let plan = Plan::new("matrix", self.cases().map_err(Failure::Other)?, self.runs);
        let name = self.name.clone().unwrap_or_else(|| Output::fresh_name("matrix"));
        let mut output = Output::resume(&name)?;
        plan.adopt(&output)?;
        let open = plan.open(output.records());
        if open.len() < plan.total() {
            let finished = plan.total() - open.len();
            say!("{finished} of {} runs are finished already and skipped", plan.total());
        }
        let measured = measure(&open, &mut output);
        output.finish()?;
        if let Err(Failure::Interrupted) = measured {
            let (finished, all) = (output.records().len(), plan.total());
            say!("{finished} of {all} runs are finished; the same command with --name {name} goes on");
        }
        measured?;
        show!("{}", table::matrix(output.records()))?;
        if let Some(axis) = self.growth {
            growth::print(axis, output.records())?;
        }
        say!("{} runs in {}", output.records().len(), output.directory().display());
        Ok(())
    }
}

/// Measures the runs; says before how long that will take, and after it how long it took.
fn measure(open: &[(usize, &Case)], output: &mut Output) -> Result<(), Failure> {
    let mut bench = Bench::default();
    let expected = estimate(&mut bench, open)?;
    say!("{} runs to measure, which will take about {:.0} s", open.len(), expected.as_secs_f64());
    let mut progress = Progress::new("runs", open.len(), expected);
    let measured = open.iter().try_for_each(|&(run, case)| {
        if interrupt::is_set() {
            return Err(Failure::Interrupted);
        }
        let report = bench.measure(case)?;
        output.add(Record::new(case, run, &report))?;
        progress.step();
        Ok(())
    });
    let taken = progress.finish();
    measured?;
    say!(
        "estimated {:.1} s, took {:.1} s ({:.2} times the estimate)",
        expected.as_secs_f64(),
        taken.as_secs_f64(),
        taken.as_secs_f64() / expected.as_secs_f64().max(f64::MIN_POSITIVE)
    );
    Ok(())
}

/// What one stream carries of the bytes of a round: some per cent are lines, the rest is a tunnel.
struct Share {
    connections: usize,
    frame_len: usize,
    route_frames: usize,
    tunnel_bytes: usize,
}

impl Share {
    fn new(
        bytes_per_round: usize,
        lines: usize,
        connections: usize,
        frame_len: usize,
    ) -> Result<Self, String> {
        let bytes = bytes_per_round / connections;
        let for_lines = bytes * lines / 100;
        let route_frames = for_lines / (frame_len + 1);
        if route_frames == 0 {
            return Err(format!(
                "--bytes-per-round {bytes_per_round} over {connections} streams leaves {for_lines} bytes of each for lines, \
                 and a line of {frame_len} bytes does not fit"
            ));
        }
        Ok(Self {
            connections,
            frame_len,
            route_frames,
            tunnel_bytes: bytes - route_frames * (frame_len + 1),
        })
    }

    fn of(&self, settings: Settings) -> Settings {
        let &Self { connections, frame_len, route_frames, tunnel_bytes } = self;
        Settings { connections, frame_len, route_frames, tunnel_bytes, ..settings }
    }
}
