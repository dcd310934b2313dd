//! Values of one kind, and what they have to keep within.

use std::fmt;

/// Values of one kind, in the order they were measured.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Spread {
    values: Vec<f64>,
}

impl Spread {
    /// Adds a value.
    pub fn add(&mut self, value: f64) {
        self.values.push(value);
    }

    /// The values.
    #[must_use]
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The value in the middle, or the mean of the two there.
    ///
    /// # Panics
    ///
    /// If there is no value.
    #[must_use]
    pub fn median(&self) -> f64 {
        let sorted = self.sorted();
        (sorted[(sorted.len() - 1) / 2] + sorted[sorted.len() / 2]) / 2.0
    }

    /// The least value.
    ///
    /// # Panics
    ///
    /// If there is no value.
    #[must_use]
    pub fn min(&self) -> f64 {
        self.sorted()[0]
    }

    /// The greatest value.
    ///
    /// # Panics
    ///
    /// If there is no value.
    #[must_use]
    pub fn max(&self) -> f64 {
        self.sorted()[self.values.len() - 1]
    }

    /// The mean.
    ///
    /// # Panics
    ///
    /// If there is no value.
    #[must_use]
    pub fn mean(&self) -> f64 {
        assert!(!self.values.is_empty(), "no value has a mean");
        self.values.iter().sum::<f64>() / self.values.len() as f64
    }

    /// The standard deviation of the sample; 0 for a single value.
    ///
    /// # Panics
    ///
    /// If there is no value.
    #[must_use]
    pub fn stdev(&self) -> f64 {
        let mean = self.mean();
        let squares = self.values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
        (squares / (self.values.len() - 1).max(1) as f64).sqrt()
    }

    fn sorted(&self) -> Vec<f64> {
        let mut sorted = self.values.clone();
        sorted.sort_by(f64::total_cmp);
        sorted
    }
}

/// What a median has to keep within.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Bound {
    /// It must not be less.
    pub at_least: Option<f64>,
    /// It must not be more.
    pub at_most: Option<f64>,
}

impl Bound {
    /// Whether `median` keeps within.
    #[must_use]
    pub fn holds(&self, median: f64) -> bool {
        self.at_least.is_none_or(|bound| median >= bound) && self.at_most.is_none_or(|bound| median <= bound)
    }

    /// The bound that is kept by what is no worse than `factor` times this one: so much of the least, the most divided by
    /// it.
    #[must_use]
    pub fn loosened(&self, factor: f64) -> Self {
        Self {
            at_least: self.at_least.map(|least| least * factor),
            at_most: self.at_most.map(|most| most / factor),
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.at_least, self.at_most) {
            (None, None) => f.write_str("no bound"),
            (Some(least), None) => write!(f, "at least {least}"),
            (None, Some(most)) => write!(f, "at most {most}"),
            (Some(least), Some(most)) => write!(f, "at least {least}, at most {most}"),
        }
    }
}
