//! Values of one kind.

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
    pub fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    /// The value below which `share` of the others are, or one between the two that are nearest to
    /// it.
    pub fn quantile(&self, share: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let place = share * sorted.len().saturating_sub(1) as f64;
        let at = |place: f64| sorted.get(place as usize).copied().unwrap_or(f64::NAN);
        at(place.floor()) + (at(place.ceil()) - at(place.floor())) * place.fract()
    }

    /// The least value.
    pub fn min(&self) -> f64 {
        self.0.iter().copied().fold(f64::NAN, f64::min)
    }

    /// The greatest value.
    pub fn max(&self) -> f64 {
        self.0.iter().copied().fold(f64::NAN, f64::max)
    }

    /// Each value divided by the one of the same place.
    pub fn ratios(&self, to: &Self) -> Self {
        self.0.iter().zip(&to.0).map(|(of, to)| of / to).collect()
    }
}
