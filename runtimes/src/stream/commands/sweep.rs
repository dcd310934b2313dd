//! `sweep`: the gather threshold and the read size that a workload wants.

use std::time::Duration;

use clap::{ArgMatches, Command, FromArgMatches};
use serde_json::json;

use super::{axes::not_given, progress::Progress, selection::Selection, table};
use crate::stream::{
    Bench, Case, Failure, ImplementationName, Names, Output, Record, Settings, Spread, interrupt,
    say::{say, show},
    settings::between,
    tuning::{Choice, Grid, Limits, Point, Unfit},
};

#[derive(Debug, clap::Args)]
#[command(
    mut_arg("transport", |flag| flag.default_value("tcp")),
    mut_arg("frame_latency", |flag| {
        flag.default_value("true").help("Measure how long each line takes from its source to the comparison")
    }),
    mut_arg("gather_bytes", |flag| flag.hide(true)),
    mut_arg("read_reserve", |flag| flag.hide(true))
)]
pub(super) struct Args {
    /// What the proxy is made of: handoff, handoff_owned, manual_buffered or peer_2
    #[arg(long, value_enum, hide_possible_values = true, default_value_t = ImplementationName::Handoff)]
    implementation: ImplementationName,

    /// Gather thresholds in bytes: numbers and doublings like 1024..65536, separated by commas
    #[arg(long, value_name = "LIST", default_value = "0,1024..65536", value_parser = |given: &str| Steps::parse(given, 0))]
    gather: Steps,

    /// Read sizes in bytes: numbers and doublings like 4096..262144, separated by commas
    #[arg(long, value_name = "LIST", default_value = "4096..262144", value_parser = |given: &str| Steps::parse(given, 1))]
    read: Steps,

    /// How often each point is measured; what counts are medians
    #[arg(long, value_name = "PASSES", default_value_t = 5, value_parser = between(1, 1000))]
    passes: usize,

    /// Per cent that throughputs or latencies may differ by and still count as equal
    #[arg(long, value_name = "PERCENT", default_value = "5", value_parser = percent)]
    within: f64,

    /// The most that 99 of 100 streams may take
    #[arg(long, value_name = "MICROS", value_parser = micros)]
    max_p99_micros: Option<f64>,

    /// The most that 99 of 100 lines may take
    #[arg(long, value_name = "MICROS", value_parser = micros)]
    max_frame_p99_micros: Option<f64>,

    /// Measure every point, and not only those on the way to the best
    #[arg(long)]
    exhaustive: bool,

    /// The directory of the results under target/harness [default: a new one]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    #[command(flatten)]
    own: Own,

    #[command(flatten)]
    selection: Selection,
}

/// Refuses the flags that the sweep sets itself.
#[derive(Debug)]
struct Own;

impl clap::Args for Own {
    fn augment_args(command: Command) -> Command {
        command
    }

    fn augment_args_for_update(command: Command) -> Command {
        command
    }
}

impl FromArgMatches for Own {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        not_given(matches, "gather_bytes", "the thresholds to try are those of --gather")?;
        not_given(matches, "read_reserve", "the sizes to try are those of --read")?;
        Ok(Self)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// The values of one axis.
#[derive(Debug, Clone)]
struct Steps(Vec<usize>);

impl Steps {
    const MOST: usize = 64 << 20;

    fn parse(given: &str, least: usize) -> Result<Self, String> {
        let number = |text: &str| {
            let number =
                text.trim().parse::<usize>().map_err(|_| format!("'{text}' is not a number of bytes"))?;
            if (least..=Self::MOST).contains(&number) {
                Ok(number)
            } else {
                Err(format!("{number} is not in {least}..={}", Self::MOST))
            }
        };
        let mut steps = Vec::new();
        for part in given.split(',') {
            let Some((first, last)) = part.split_once("..") else {
                steps.push(number(part)?);
                continue;
            };
            let (first, last) = (number(first)?, number(last)?);
            if first == 0 || first > last {
                return Err(format!("no doublings lead from {first} to {last}"));
            }
            steps.extend(
                std::iter::successors(Some(first), |step| Some(2 * step)).take_while(|&step| step <= last),
            );
        }
        Ok(Self(steps))
    }
}

fn percent(given: &str) -> Result<f64, String> {
    let percent: f64 = given.parse().map_err(|_| "not a number".to_owned())?;
    if (0.0..100.0).contains(&percent) {
        Ok(percent)
    } else {
        Err(format!("{percent} is not from 0 to less than 100"))
    }
}

fn micros(given: &str) -> Result<f64, String> {
    let micros: f64 = given.parse().map_err(|_| "not a number".to_owned())?;
    if micros.is_finite() && micros > 0.0 {
        Ok(micros)
    } else {
        Err("not a finite number above 0".to_owned())
    }
}

fn unfit(unfit: Unfit) -> Failure {
    Failure::Other(unfit.to_string())
}

/// A point with all that was measured there.
struct Measured {
    case: Case,
    throughput: Spread,
    p99: Spread,
    frame_p99: Spread,
}

impl Measured {
    fn point(&self) -> Point {
        let settings = &self.case.settings;
        Point {
            gather_bytes: settings.gather_bytes,
            read_reserve: settings.read_reserve,
            mib_per_second: self.throughput.median(),
            p99_micros: self.p99.median(),
            frame_p99_micros: (!self.frame_p99.values().is_empty()).then(|| self.frame_p99.median()),
        }
    }
}

impl Args {
    /// Settles what depends on other flags, unless it was given.
    pub(super) fn settle(&mut self, matches: &ArgMatches) {
        self.selection.settle(matches, None);
    }

    pub(super) fn check(&self) -> Result<(), String> {
        let base = self.base()?;
        if self.max_frame_p99_micros.is_some()
            && !(base.settings.frame_latency() && base.settings.route_frames > 0)
        {
            return Err("--max-frame-p99-micros needs lines and --frame-latency true".to_owned());
        }
        Ok(())
    }

    /// The case that the points are variants of: the same workload for all of them.
    fn base(&self) -> Result<Case, String> {
        use ImplementationName::{Handoff, HandoffOwned, ManualBuffered, Peer2};
        if !matches!(self.implementation, Handoff | HandoffOwned | ManualBuffered | Peer2) {
            return Err(format!("{} does not gather: there is nothing to sweep", self.implementation));
        }
        let cases = self.selection.cases(&Names::only(self.implementation), Duration::from_millis(250))?;
        let [base] = &cases[..] else {
            return Err(format!(
                "a sweep is about one workload, and these are {}: give one --runtime and one --scenario",
                cases.len()
            ));
        };
        // The pieces do not become shorter with the reads, and there are always some for a read to gather.
        let largest = self.read.0.iter().copied().max().unwrap_or_default();
        let arrival = Settings { read_reserve: largest, ..base.settings }.arrival();
        Ok(Case { settings: Settings { input_fragment: Some(arrival), ..base.settings }, ..base.clone() })
    }

    fn limits(&self) -> Limits {
        Limits {
            within: self.within / 100.0,
            max_p99_micros: self.max_p99_micros,
            max_frame_p99_micros: self.max_frame_p99_micros,
        }
    }

    /// Whether there is a point that keeps the limits.
    pub(super) fn run(&self) -> Result<bool, Failure> {
        let base = self.base().map_err(Failure::Other)?;
        let name = self.name.clone().unwrap_or_else(|| Output::fresh_name("sweep"));
        let mut output = Output::create(&name)?;
        let mut measured = Vec::new();
        let searched = self.search(&base, &mut measured, &mut output);
        output.finish()?;
        searched?;
        self.conclude(&measured, &output)
    }

    /// Measures until there is nothing left that could be better.
    fn search(&self, base: &Case, measured: &mut Vec<Measured>, output: &mut Output) -> Result<(), Failure> {
        let grid = Grid::new(self.gather.0.clone(), self.read.0.clone());
        let mut bench = Bench::default();
        loop {
            let points: Vec<_> = measured.iter().map(Measured::point).collect();
            let next = if !self.exhaustive {
                grid.next(&points, &self.limits()).map_err(unfit)?
            } else if points.is_empty() {
                grid.points()
            } else {
                Vec::new()
            };
            if next.is_empty() {
                return Ok(());
            }
            let new = measured.len()..measured.len() + next.len();
            measured.extend(next.into_iter().map(|(gather_bytes, read_reserve)| Measured {
                case: Case {
                    settings: Settings { gather_bytes, read_reserve, ..base.settings },
                    ..base.clone()
                },
                throughput: Spread::default(),
                p99: Spread::default(),
                frame_p99: Spread::default(),
            }));
            // What is compared with the new ones is measured again beside them, so that what drifts favours nobody.
            let best = Choice::of(&points, &self.limits()).ok().map(|choice| choice.point);
            let batch: Vec<_> = best.into_iter().chain(new).collect();
            self.measure(&batch, measured, &mut bench, output)?;
        }
    }

    /// Measures some points in turns; every other pass goes backwards.
    fn measure(
        &self,
        batch: &[usize],
        measured: &mut [Measured],
        bench: &mut Bench,
        output: &mut Output,
    ) -> Result<(), Failure> {
        let runs = self.passes * batch.len();
        let duration = measured[batch[0]].case.settings.duration();
        let mut progress = Progress::new("runs", runs, duration.mul_f64(runs as f64));
        let done = (0..self.passes).try_for_each(|pass| {
            let mut order = batch.to_vec();
            if !pass.is_multiple_of(2) {
                order.reverse();
            }
            order.into_iter().try_for_each(|index| {
                if interrupt::is_set() {
                    return Err(Failure::Interrupted);
                }
                let Measured { case, throughput, p99, frame_p99 } = &mut measured[index];
                let report = bench.measure(case)?;
                let record = Record::new(case, throughput.values().len() + 1, &report);
                throughput.add(record.figures.mib_per_sec);
                p99.add(record.figures.latency_p99_micros);
                record.figures.frame_latency_p99_micros.into_iter().for_each(|micros| frame_p99.add(micros));
                output.add(record)?;
                progress.step();
                Ok(())
            })
        });
        progress.finish();
        done
    }

    /// Prints the points and the choice.
    fn conclude(&self, measured: &[Measured], output: &Output) -> Result<bool, Failure> {
        let mut points: Vec<_> = measured.iter().map(Measured::point).collect();
        points.sort_by_key(|point| (point.gather_bytes, point.read_reserve));
        let limits = self.limits();
        let choice = Choice::of(&points, &limits).map_err(unfit)?;
        let why = choice.why(&points, &limits);
        let grid = Grid::new(self.gather.0.clone(), self.read.0.clone()).points().len();
        let chosen = points[choice.point];
        let result = json!({
            "keeps_limits": choice.keeps,
            "choice": choice.keeps.then_some(chosen),
            "nearest": (!choice.keeps).then_some(chosen),
            "why": why,
            "limits": limits,
            "grid_points": grid,
            "points": points,
        });
        let path = output.write("sweep.json", format!("{result:#}\n").as_bytes())?;
        show!("{}", table::sweep(&points, &choice))?;
        if choice.keeps {
            show!("--gather-bytes {} --read-reserve {}", chosen.gather_bytes, chosen.read_reserve)?;
            show!("{why}")?;
        } else {
            say!("no choice: {why}");
        }
        say!("{} of {grid} points measured, results in {}", points.len(), path.display());
        Ok(choice.keeps)
    }
}
