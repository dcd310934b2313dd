//! How a cost changes with what is measured.

/// A cost at two or more places of an axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Growth {
    /// By place; never fewer than two.
    points: Vec<(usize, f64)>,
}

impl Growth {
    /// The growth through some points, in any order; none if these are fewer than two or a cost is not a number above 0.
    #[must_use]
    pub fn through(mut points: Vec<(usize, f64)>) -> Option<Self> {
        points.sort_by_key(|&(place, _)| place);
        let costs = points.iter().all(|&(_, cost)| cost.is_finite() && cost > 0.0);
        (costs && points.len() > 1).then_some(Self { points })
    }

    /// The points, by place.
    #[must_use]
    pub fn points(&self) -> &[(usize, f64)] {
        &self.points
    }

    /// The cost at the last place for each one at the first.
    #[must_use]
    pub fn factor(&self) -> f64 {
        self.points[self.points.len() - 1].1 / self.points[0].1
    }

    /// By how many per cent the greatest cost exceeds the least, wherever they are.
    #[must_use]
    pub fn flat_within(&self) -> f64 {
        let costs = || self.points.iter().map(|&(_, cost)| cost);
        100.0 * (costs().fold(0.0, f64::max) / costs().fold(f64::INFINITY, f64::min) - 1.0)
    }
}
