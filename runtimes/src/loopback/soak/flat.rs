//! Whether something grew.

use super::gauge::Sample;

/// How much more the last quarter may have than the first: this factor, for sessions are as large as it happens,
const FACTOR: f64 = 1.25;

/// and what an allocator needs until it has seen every size,
const MEMORY: f64 = (16 << 20) as f64;

/// and a few sessions more.
const DESCRIPTORS: f64 = 16.0;

/// What something was in the first quarter of a soak, in the last one, and what it may have been there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Flat {
    /// The mean of the first quarter.
    pub first: f64,
    /// The mean of the last quarter.
    pub last: f64,
    /// The most that the latter may be.
    pub bound: f64,
}

impl Flat {
    fn new(values: &[f64], allowance: f64) -> Option<Self> {
        let quarter = values.len() / 4;
        if quarter == 0 {
            return None;
        }
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let (first, last) = (mean(&values[..quarter]), mean(&values[values.len() - quarter..]));
        Some(Self { first, last, bound: first * FACTOR + allowance })
    }

    /// Whether it is within the bound.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.last <= self.bound
    }
}

/// Resident memory and descriptors, or `None` where there are too few looks at them. The first tenth of the time is left
/// out: the threads and the buffers that stay come into being there.
#[must_use]
pub fn flat(samples: &[Sample]) -> Option<(Flat, Flat)> {
    let end = samples.last()?.at;
    let counted: Vec<_> = samples.iter().filter(|sample| sample.at * 10 >= end).collect();
    let of = |value: fn(&Sample) -> f64| counted.iter().map(|sample| value(sample)).collect::<Vec<_>>();
    let memory = Flat::new(&of(|sample| sample.resident as f64), MEMORY)?;
    let descriptors = Flat::new(&of(|sample| sample.descriptors as f64), DESCRIPTORS)?;
    Some((memory, descriptors))
}
