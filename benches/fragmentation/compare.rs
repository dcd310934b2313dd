//! `-- compare`: ratios from runs in turns, which other load on the machine distorts least.

use std::{fmt, process::exit, time::Duration};

use crate::{
    all, cut, freenet, ours, reassembly,
    rows::{MIB, Row, Run},
    wire,
};

/// How often both are measured, one after the other.
const TURNS: u32 = 101;
/// How often, where an iteration takes longer than a turn should.
const FEWEST_TURNS: u32 = 8;
const USAGE: &str = "compare [--seconds N] [FILTER..]
  N seconds for each pair, 1 if it is not given.
  Without a FILTER: all pairs. With some: those whose line has each of them in it.";

/// Runs the comparisons that `args` select, and ends the process if they are wrong.
pub fn run(args: impl Iterator<Item = String>) {
    let (seconds, filters) = parse(args).unwrap_or_else(|reason| {
        eprintln!("{reason}\n{USAGE}");
        exit(2);
    });
    let rows = all();
    let mut found = false;
    println!("{:68} {:>11} {:>13} {:>9}  quartiles, target", "", "ns each", "ns beside it", "ratio");
    for pair in pairs() {
        let find = |name: &Name| rows.iter().find(|row| name.is_of(row));
        // Not every set of features has all of them.
        let (Some(of), Some(with)) = (find(&pair.of), find(&pair.with)) else { continue };
        let line = format!("{} beside {}", pair.of, pair.with);
        if filters.iter().all(|filter| line.contains(filter)) {
            found = true;
            let time = Duration::from_secs_f64(seconds) / TURNS / 2;
            println!("{line:68} {}", Outcome::measure(of, with, time, pair.least));
        }
    }
    if !found {
        eprintln!("no pair has all of `{}` in its line", filters.join("`, `"));
        exit(2);
    }
    println!("bytes of a message in a packet of {} bytes: {}", ours::PACKET, goodput());
}

fn parse(mut args: impl Iterator<Item = String>) -> Result<(f64, Vec<String>), String> {
    let (mut seconds, mut filters) = (1.0, Vec::new());
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--seconds" => {
                let given = args.next().ok_or("--seconds needs a value")?;
                let number = given.parse().ok().filter(|seconds| (0.01..=3600.0).contains(seconds));
                seconds = number
                    .ok_or_else(|| format!("--seconds takes a number from 0.01 to 3600, not `{given}`"))?;
            }
            // Cargo adds it.
            "--bench" => {}
            flag if flag.starts_with('-') => return Err(format!("there is no flag `{flag}`")),
            _ => filters.push(arg),
        }
    }
    Ok((seconds, filters))
}

fn goodput() -> String {
    let freenet = format!("{} of Freenet", freenet::PIECE);
    #[cfg(any(feature = "secure", feature = "secure-rustcrypto"))]
    return format!("{} of ours, {freenet}", ours::payload::<futures_handoff::secure::PacketSealer>());
    #[cfg(not(any(feature = "secure", feature = "secure-rustcrypto")))]
    freenet
}

/// Which row it is.
struct Name {
    work: &'static str,
    name: &'static str,
    size: usize,
}

impl Name {
    fn is_of(&self, row: &Row) -> bool {
        (self.work, self.name, self.size) == (row.work, row.name, row.size)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}/{}", self.work, self.name, self.size)
    }
}

/// Two rows, and the target ratio of their speeds.
struct Pair {
    of: Name,
    with: Name,
    least: Option<f64>,
}

fn pairs() -> Vec<Pair> {
    let mut pairs = Vec::new();
    let mut add = |work, of, with, size, least: Option<f64>| {
        let name = |name| Name { work, name, size };
        pairs.push(Pair { of: name(of), with: name(with), least });
    };
    for size in cut::SIZES {
        let promised = |least: f64| (size == MIB).then_some(least);
        for (of, of_slices) in [("fragment", 1.5), ("borrowed", 4.0)] {
            add("cut", of, "split_off", size, promised(2700.0));
            add("cut", of, "slice_of_new", size, None);
            add("cut", of, "slice", size, promised(of_slices));
            add("cut", of, "slice_preallocated", size, promised(of_slices));
            add("cut", of, "chunks_copy", size, promised(5.0));
        }
        add("cut", "fragment_collected", "slice", size, None);
    }
    for size in wire::PACKETS {
        add("prepare", "handoff", "freenet_arc", size, None);
        add("prepare", "handoff", "freenet_box", size, None);
        add("prepare", "handoff", "freenet_aws_lc_box", size, None);
        add("prepare", "handoff_plain", "freenet_box", size, None);
    }
    add("send", "handoff", "freenet", wire::MESSAGE, Some(4.0));
    add("send", "handoff", "freenet_aws_lc", wire::MESSAGE, Some(1.5));
    add("end_to_end", "handoff", "freenet", wire::MESSAGE, Some(4.0));
    add("end_to_end", "handoff", "freenet_aws_lc", wire::MESSAGE, None);
    for order in ["in_order", "reversed", "shuffled", "twice"] {
        for size in reassembly::SIZES {
            let promised = (order == "in_order" && size == MIB).then_some(2.0);
            add(order, "handoff", "slots", size, promised);
            add(order, "handoff", "slots_of_packets", size, promised);
            add(order, "handoff", "tree", size, None);
        }
    }
    for work in ["reversed", "shuffled"] {
        pairs.extend(reassembly::SIZES.map(|size| {
            let name = |work| Name { work, name: "handoff", size };
            Pair { of: name(work), with: name("in_order"), least: Some(1.0 / 1.3) }
        }));
    }
    for name in ["fragment", "borrowed"] {
        pairs.extend(cut::LONG.map(|size| {
            let name = |size| Name { work: "cut", name, size };
            Pair { of: name(size), with: name(cut::SIZES[0]), least: Some(0.8) }
        }));
    }
    pairs
}

/// How long one unit took, in nanoseconds, in each turn.
struct Outcome {
    turns: Vec<(f64, f64)>,
    least: Option<f64>,
}

impl Outcome {
    /// Runs both in turns, each for about `time` in each turn.
    fn measure(of: &Row, with: &Row, time: Duration, least: Option<f64>) -> Self {
        let mut of = Measured::new(of, time);
        let mut with = Measured::new(with, time);
        let mut turns = Vec::new();
        let start = Clock::now();
        for turn in 0..TURNS {
            // Every other turn runs in reverse, so that drift favours neither.
            if turn % 2 == 0 {
                let of = of.measure();
                turns.push((of, with.measure()));
            } else {
                let with = with.measure();
                turns.push((of.measure(), with));
            }
            if turn >= FEWEST_TURNS && Clock::now() - start > 2.0 * f64::from(TURNS) * time.as_secs_f64() {
                break;
            }
        }
        Self { turns, least }
    }

    /// The value that this part of all of them does not exceed.
    fn part(&self, part: f64, value: impl Fn(&(f64, f64)) -> f64) -> f64 {
        let mut values: Vec<_> = self.turns.iter().map(value).collect();
        values.sort_by(f64::total_cmp);
        values[((values.len() - 1) as f64 * part).round() as usize]
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (of, with) = (self.part(0.5, |turn| turn.0), self.part(0.5, |turn| turn.1));
        let [quarter, median, three_quarters] =
            [0.25, 0.5, 0.75].map(|part| self.part(part, |(of, with)| with / of));
        write!(f, "{of:11.1} {with:13.1} {median:9.2}  {quarter:.2}..{three_quarters:.2}")?;
        match self.least {
            Some(least) if median >= least => write!(f, ", at least {least:.2}: kept"),
            Some(least) => write!(f, ", at least {least:.2}: MISSED"),
            None => Ok(()),
        }
    }
}

/// A row, and how many of its iterations take the time to measure.
struct Measured {
    run: Run,
    iterations: u64,
    units: u64,
}

impl Measured {
    fn new(row: &Row, time: Duration) -> Self {
        let mut measured = Self { run: row.prepare(), iterations: 1, units: row.units };
        loop {
            let taken = measured.measure() * (measured.iterations * measured.units) as f64 * 1e-9;
            let needed = measured.iterations as f64 * time.as_secs_f64() / taken;
            // Short runs are too inexact.
            if needed <= 2.0 * measured.iterations as f64 {
                measured.iterations = (needed as u64).max(1);
                return measured;
            }
            measured.iterations *= 2;
        }
    }

    fn measure(&mut self) -> f64 {
        let start = Clock::now();
        for _ in 0..self.iterations {
            (self.run)();
        }
        (Clock::now() - start) * 1e9 / (self.iterations * self.units) as f64
    }
}

/// The CPU time of the thread if it is available: it does not include what other programs take of
/// the processor.
struct Clock;

impl Clock {
    /// In seconds.
    #[cfg(unix)]
    fn now() -> f64 {
        use rustix::time::{ClockId, clock_gettime};

        let now = clock_gettime(ClockId::ThreadCPUTime);
        now.tv_sec as f64 + now.tv_nsec as f64 * 1e-9
    }

    #[cfg(not(unix))]
    fn now() -> f64 {
        use std::{sync::LazyLock, time::Instant};

        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        START.elapsed().as_secs_f64()
    }
}
