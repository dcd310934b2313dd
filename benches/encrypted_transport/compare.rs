//! `-- compare`: ratios from runs in turns, which other load on the machine distorts least.

use std::{fmt, process::exit, time::Duration};

use crate::{
    exchange::{Shape, Taken, Work},
    rows::{Cipher, Implementation, Row},
};

/// How often both are measured, one after the other.
const TURNS: u32 = 15;
const USAGE: &str = "compare [--seconds N] [--runtime NAME] [FILTER..]
  N seconds for each pair, 10 if it is not given, on one runtime, Tokio if it is not given.
  Without a FILTER: the pairs for which a ratio is promised. With some: all pairs whose line has each of them in it.";

/// Runs the comparisons that `args` select, and ends the process if they are wrong.
pub fn run(args: impl Iterator<Item = String>) {
    let selected = Args::parse(args).and_then(|args| Ok((args.pairs()?, args.seconds)));
    let (pairs, seconds) = selected.unwrap_or_else(|reason| {
        eprintln!("{reason}\n{USAGE}");
        exit(2);
    });
    for pair in pairs {
        println!("{pair} {}", pair.measure(Duration::from_secs_f64(seconds) / TURNS / 2));
    }
}

struct Args {
    seconds: f64,
    runtime: String,
    filters: Vec<String>,
}

impl Args {
    fn parse(mut args: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut parsed = Self { seconds: 10.0, runtime: "tokio".to_owned(), filters: Vec::new() };
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or_else(|| format!("{arg} needs a value"));
            match arg.as_str() {
                "--seconds" => {
                    let given = value()?;
                    let seconds = given.parse().ok().filter(|seconds| (0.1..=86_400.0).contains(seconds));
                    parsed.seconds = seconds.ok_or_else(|| {
                        format!("--seconds takes a number from 0.1 to 86400, not `{given}`")
                    })?;
                }
                "--runtime" => parsed.runtime = value()?,
                // Cargo adds it.
                "--bench" => {}
                flag if flag.starts_with('-') => return Err(format!("there is no flag `{flag}`")),
                _ => parsed.filters.push(arg),
            }
        }
        Ok(parsed)
    }

    fn pairs(&self) -> Result<Vec<Pair>, String> {
        let mut rows = Row::all();
        rows.retain(|row| row.runtime == self.runtime);
        let (own, others): (Vec<_>, Vec<_>) =
            rows.into_iter().partition(|row| row.implementation == Implementation::Handoff);
        let mut pairs = Vec::new();
        for work in Work::all() {
            for &of in &own {
                pairs.extend(others.iter().filter(|with| with.rivals(&of)).map(|&with| Pair {
                    work,
                    of,
                    with,
                }));
            }
        }
        pairs.retain(|pair| {
            let line = pair.to_string();
            if self.filters.is_empty() {
                pair.promised().is_some()
            } else {
                self.filters.iter().all(|filter| line.contains(filter))
            }
        });
        if pairs.is_empty() {
            return Err(format!("nothing like that is there to compare on the runtime `{}`", self.runtime));
        }
        Ok(pairs)
    }
}

impl Row {
    /// Whether the ratio of the two is meaningful. An implementation with one cipher is compared
    /// with both.
    fn rivals(&self, of: &Self) -> bool {
        self.cipher == of.cipher || matches!(self.implementation, Implementation::Commonware(_))
    }
}

/// Two rows that do the same work.
struct Pair {
    work: Work,
    of: Row,
    with: Row,
}

impl fmt::Display for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { work, of, with } = self;
        write!(f, "work={work} of={of} with={with} runtime={}", of.runtime)
    }
}

impl Pair {
    /// The least ratio of the speeds.
    fn promised(&self) -> Option<f64> {
        match (self.with.implementation, self.work.shape, self.work.size, self.of.cipher) {
            (Implementation::Commonware("v0"), Shape::InTurn, _, Cipher::ChaCha20) => Some(1.0),
            (Implementation::Commonware("v0"), Shape::Pipelined, 64, Cipher::ChaCha20) => Some(3.0),
            (Implementation::Commonware("v0"), Shape::Batched, 64, Cipher::ChaCha20) => Some(3.0),
            (Implementation::Commonware("v0"), Shape::Pipelined, 16_384, Cipher::ChaCha20) => Some(1.1),
            (Implementation::Commonware("v0"), Shape::Pipelined, 16_384, Cipher::Aes256) => Some(1.5),
            (Implementation::Snow, Shape::Pipelined, 16_384, _) => Some(2.0),
            _ => None,
        }
    }

    /// Runs both in turns, each for about `time` in each turn.
    fn measure(&self, time: Duration) -> Outcome {
        let [iterations_of, iterations_with] =
            [self.of, self.with].map(|row| iterations(row, self.work, time));
        let of = || Speed::of(self.work, iterations_of, self.of.run(self.work, iterations_of));
        let with = || Speed::of(self.work, iterations_with, self.with.run(self.work, iterations_with));
        let turns = (0..TURNS).map(|turn| {
            // Every other turn runs in reverse, so that drift favours neither.
            if turn % 2 == 0 {
                let of = of();
                (of, with())
            } else {
                let with = with();
                (of(), with)
            }
        });
        Outcome { turns: turns.collect(), promised: self.promised() }
    }
}

/// How many iterations take about `time`.
fn iterations(row: Row, work: Work, time: Duration) -> u64 {
    let mut iterations = 1;
    loop {
        let taken = row.run(work, iterations).time;
        if taken * 8 >= time {
            let needed = iterations as f64 * time.as_secs_f64() / taken.as_secs_f64();
            return (needed as u64).max(1);
        }
        iterations *= 2;
    }
}

/// MiB in a second.
#[derive(Clone, Copy)]
struct Speed {
    time: f64,
    /// In a second of CPU time.
    cpu: Option<f64>,
}

impl Speed {
    fn of(work: Work, iterations: u64, taken: Taken) -> Self {
        let speed =
            |time: Duration| (iterations * work.bytes()) as f64 / time.as_secs_f64() / f64::from(1 << 20);
        Self { time: speed(taken.time), cpu: taken.cpu.map(speed) }
    }
}

/// The speeds of both in each turn.
struct Outcome {
    turns: Vec<(Speed, Speed)>,
    promised: Option<f64>,
}

impl Outcome {
    fn sorted(&self, value: impl Fn(&(Speed, Speed)) -> Option<f64>) -> Sorted {
        let mut values: Vec<_> = self.turns.iter().filter_map(value).collect();
        values.sort_by(f64::total_cmp);
        Sorted(values)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = self.sorted(|(of, _)| Some(of.time)).part(0.5);
        let with = self.sorted(|(_, with)| Some(with.time)).part(0.5);
        let ratios = self.sorted(|(of, with)| Some(of.time / with.time));
        write!(f, "of_mib_per_sec={of:.1} with_mib_per_sec={with:.1} turns={TURNS} {ratios}")?;
        let by_cpu = self.sorted(|(of, with)| of.cpu.zip(with.cpu).map(|(of, with)| of / with));
        if !by_cpu.0.is_empty() {
            write!(f, " by_cpu_time: {by_cpu}")?;
        }
        match self.promised {
            Some(promised) if ratios.part(0.5) >= promised => write!(f, " at_least={promised} kept"),
            Some(promised) => write!(f, " at_least={promised} missed"),
            None => Ok(()),
        }
    }
}

/// Ratios in order of size.
struct Sorted(Vec<f64>);

impl Sorted {
    /// The value that this part of all of them does not exceed.
    fn part(&self, part: f64) -> f64 {
        self.0[((self.0.len() - 1) as f64 * part).round() as usize]
    }
}

impl fmt::Display for Sorted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [least, quarter, median, three_quarters, greatest] =
            [0.0, 0.25, 0.5, 0.75, 1.0].map(|part| self.part(part));
        write!(
            f,
            "median={median:.3} quartiles={quarter:.3}..{three_quarters:.3} all={least:.3}..{greatest:.3}"
        )
    }
}
