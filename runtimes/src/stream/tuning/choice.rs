//! Which of the measured points to take.

use std::{error, fmt};

use serde::Serialize;

/// A gather threshold and a read size, and what was measured with them: medians, latencies in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Point {
    /// `gather_bytes`.
    pub gather_bytes: usize,
    /// `read_reserve`.
    pub read_reserve: usize,
    /// Throughput.
    pub mib_per_second: f64,
    /// What 99 of 100 streams keep within.
    pub p99_micros: f64,
    /// What 99 of 100 lines keep within, if lines were timed.
    pub frame_p99_micros: Option<f64>,
}

impl Point {
    /// The bytes that it takes.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.gather_bytes + self.read_reserve
    }

    /// What it is judged by among those that are fast enough: lines, or streams if there is none of lines.
    fn latency(&self) -> f64 {
        self.frame_p99_micros.unwrap_or(self.p99_micros)
    }

    fn check(&self) -> Result<(), Unfit> {
        let values = [
            ("throughput", Some(self.mib_per_second)),
            ("p99", Some(self.p99_micros)),
            ("frame p99", self.frame_p99_micros),
        ];
        let wrong = values
            .into_iter()
            .find(|(_, value)| value.is_some_and(|value| !(value.is_finite() && value > 0.0)));
        match wrong {
            Some((what, Some(value))) => Err(Unfit::Value { at: self.to_string(), what, value }),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "gather {}, read {}", self.gather_bytes, self.read_reserve)
    }
}

/// What a point has to keep within.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Limits {
    /// What is not told apart, as a share: of the throughput of the fastest, and of the lowest latency.
    pub within: f64,
    /// The most that 99 of 100 streams may take.
    pub max_p99_micros: Option<f64>,
    /// The most that 99 of 100 lines may take.
    pub max_frame_p99_micros: Option<f64>,
}

impl Limits {
    /// How many times a latency is its limit, for the one that is worst; up to 1 is kept.
    fn excess(&self, point: &Point) -> f64 {
        let stream = self.max_p99_micros.map(|limit| point.p99_micros / limit);
        let line = self.max_frame_p99_micros.zip(point.frame_p99_micros).map(|(limit, line)| line / limit);
        stream.into_iter().chain(line).fold(0.0, f64::max)
    }
}

/// Why there is nothing to choose from.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Unfit {
    /// There is no point.
    Nothing,
    /// A figure is not a number above 0.
    Value {
        /// Which point.
        at: String,
        /// Which figure.
        what: &'static str,
        /// What it is.
        value: f64,
    },
    /// A point has no latency of lines, and another one or a limit has.
    NoLines {
        /// Which point.
        at: String,
    },
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("nothing was measured"),
            Self::Value { at, what, value } => {
                write!(f, "the {what} of {at} is {value}, which is no measurement")
            }
            Self::NoLines { at } => write!(f, "the latency of lines was not measured for {at}"),
        }
    }
}

impl error::Error for Unfit {}

/// What is chosen. Points are named by their place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The point to take, or the one that comes nearest to the limits if none keeps them.
    pub point: usize,
    /// Whether it keeps the limits.
    pub keeps: bool,
    /// The fastest of all.
    pub fastest: usize,
    /// The fast ones among which it was chosen: as fast as the fastest of them, and within the limits.
    pub plateau: Vec<usize>,
}

impl Choice {
    /// Chooses the point with the lowest latency of lines among those that are as fast as the fastest and keep the
    /// limits; of those that are equal in that, the one that takes the least memory. If the limits leave none that is
    /// as fast as that, the fastest that keeps them takes its place.
    ///
    /// Without latencies of lines, those of streams decide.
    ///
    /// # Errors
    ///
    /// If there is no point, or a figure is missing or no number.
    pub fn of(points: &[Point], limits: &Limits) -> Result<Self, Unfit> {
        points.iter().try_for_each(Point::check)?;
        let lines = limits.max_frame_p99_micros.is_some()
            || points.iter().any(|point| point.frame_p99_micros.is_some());
        if let Some(point) = points.iter().find(|point| lines && point.frame_p99_micros.is_none()) {
            return Err(Unfit::NoLines { at: point.to_string() });
        }
        let all: Vec<_> = (0..points.len()).collect();
        let speed = |&index: &usize| points[index].mib_per_second;
        let excess = |&index: &usize| limits.excess(&points[index]);
        let fastest = greatest(&all, speed).ok_or(Unfit::Nothing)?;

        let keeping: Vec<_> = all.iter().copied().filter(|index| excess(index) <= 1.0).collect();
        let as_fast_as = |best: usize| {
            let bound = speed(&best) * (1.0 - limits.within);
            keeping.iter().copied().filter(|index| speed(index) >= bound).collect::<Vec<_>>()
        };
        let mut plateau = as_fast_as(fastest);
        if plateau.is_empty() {
            let Some(best) = greatest(&keeping, speed) else {
                let least = all.iter().map(excess).fold(f64::INFINITY, f64::min);
                let nearest: Vec<_> = all.iter().copied().filter(|index| excess(index) <= least).collect();
                let point = greatest(&nearest, speed).unwrap_or(fastest);
                return Ok(Self { point, keeps: false, fastest, plateau });
            };
            plateau = as_fast_as(best);
        }
        let lowest = plateau.iter().map(|&index| points[index].latency()).fold(f64::INFINITY, f64::min);
        let bound = lowest * (1.0 + limits.within);
        let equal = plateau.iter().copied().filter(|&index| points[index].latency() <= bound);
        let frugal = equal.min_by(|&a, &b| {
            let by_memory = points[a].memory().cmp(&points[b].memory());
            by_memory.then(points[a].latency().total_cmp(&points[b].latency()))
        });
        Ok(Self { point: frugal.unwrap_or(fastest), keeps: true, fastest, plateau })
    }

    /// Why that one, in two or three sentences.
    ///
    /// # Panics
    ///
    /// If these are not the points that it was chosen from.
    #[must_use]
    pub fn why(&self, points: &[Point], limits: &Limits) -> String {
        let (chosen, fastest) = (&points[self.point], &points[self.fastest]);
        let what = if chosen.frame_p99_micros.is_some() { "frame p99" } else { "stream p99" };
        let within = 100.0 * limits.within;
        let first = format!("The fastest point is {fastest} with {:.0} MiB/s.", fastest.mib_per_second);
        if !self.keeps {
            return format!(
                "{first} No point keeps the limits; {chosen} comes nearest, at {:.2} times its limit.",
                limits.excess(chosen)
            );
        }
        let best = self.plateau.iter().map(|&index| points[index].mib_per_second).fold(0.0, f64::max);
        let among = self.plateau.len();
        let second = if best < fastest.mib_per_second * (1.0 - limits.within) {
            format!(
                "It breaks the limits, as does all within {within} % of it; of those that keep them, {among} reach \
                 {best:.0} MiB/s or come within {within} % of that."
            )
        } else {
            let all = points.len();
            format!("Of the {all} points measured, {among} come within {within} % of it and keep the limits.")
        };
        let lowest = self.plateau.iter().map(|&index| points[index].latency()).fold(f64::INFINITY, f64::min);
        let third = if chosen.latency() > lowest {
            format!(
                "{chosen} takes the least memory of those whose {what} is within {within} % of the lowest of these, \
                 {lowest:.0} us."
            )
        } else {
            format!("{chosen} has the lowest {what} of these, {lowest:.0} us.")
        };
        format!("{first} {second} {third}")
    }
}

/// The one with the greatest value, of equal ones the first.
fn greatest(of: &[usize], value: impl Fn(&usize) -> f64) -> Option<usize> {
    of.iter().copied().reduce(|best, index| if value(&index) > value(&best) { index } else { best })
}
