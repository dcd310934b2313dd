//! Values of one kind, and what their median has to keep within.

use std::fmt;

/// Values of one kind, in the order they were measured.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Samples(pub Vec<f64>);

impl FromIterator<f64> for Samples {
    fn from_iter<T: IntoIterator<Item = f64>>(values: T) -> Self {
        Self(values.into_iter().collect())
    }
}

/// The statistics of no value are not a number.
impl Samples {
    /// The value in the middle, or the mean of the two there.
    #[must_use]
    pub fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let at = |place: usize| sorted.get(place).copied().unwrap_or(f64::NAN);
        (at(sorted.len().saturating_sub(1) / 2) + at(sorted.len() / 2)) / 2.0
    }

    /// The least value.
    #[must_use]
    pub fn min(&self) -> f64 {
        self.0.iter().copied().fold(f64::NAN, f64::min)
    }

    /// The greatest value.
    #[must_use]
    pub fn max(&self) -> f64 {
        self.0.iter().copied().fold(f64::NAN, f64::max)
    }

    /// Each value divided by the one of the same place.
    #[must_use]
    pub fn ratios(&self, to: &Self) -> Self {
        self.0.iter().zip(&to.0).map(|(of, to)| of / to).collect()
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
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [("at least", self.at_least), ("at most", self.at_most)];
        let parts = parts.into_iter().filter_map(|(what, bound)| Some(format!("{what} {}", bound?)));
        f.write_str(&parts.collect::<Vec<_>>().join(", "))
    }
}
