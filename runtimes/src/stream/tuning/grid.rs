//! Which points to measure.

use super::{Choice, Limits, Point, Unfit};

/// A gather threshold and a read size.
type At = (usize, usize);

/// The points that can be chosen: each gather threshold with each read size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grid {
    gather: Vec<usize>,
    read: Vec<usize>,
}

impl Grid {
    /// The grid of these values.
    #[must_use]
    pub fn new(mut gather: Vec<usize>, mut read: Vec<usize>) -> Self {
        for axis in [&mut gather, &mut read] {
            axis.sort_unstable();
            axis.dedup();
        }
        Self { gather, read }
    }

    /// All of its points.
    #[must_use]
    pub fn points(&self) -> Vec<At> {
        self.gather.iter().flat_map(|&gather| self.read.iter().map(move |&read| (gather, read))).collect()
    }

    /// What to measure after these points: first the ends and the middle of each axis, then what is next to the point
    /// that would be chosen and to the fastest. Nothing, if all of that is measured.
    ///
    /// # Errors
    ///
    /// If there is nothing to choose from among what is measured.
    pub fn next(&self, measured: &[Point], limits: &Limits) -> Result<Vec<At>, Unfit> {
        if measured.is_empty() {
            let (gather, read) = (seeds(&self.gather), seeds(&self.read));
            return Ok(gather
                .iter()
                .flat_map(|&gather| read.iter().map(move |&read| (gather, read)))
                .collect());
        }
        let choice = Choice::of(measured, limits)?;
        let mut next = Vec::new();
        for centre in [choice.point, choice.fastest] {
            let Point { gather_bytes, read_reserve, .. } = measured[centre];
            let gather = beside(&self.gather, gather_bytes).map(|gather| (gather, read_reserve));
            let read = beside(&self.read, read_reserve).map(|read| (gather_bytes, read));
            for at in gather.chain(read) {
                let known = |point: &Point| (point.gather_bytes, point.read_reserve) == at;
                if !measured.iter().any(known) && !next.contains(&at) {
                    next.push(at);
                }
            }
        }
        Ok(next)
    }
}

/// Both ends and the middle.
fn seeds(axis: &[usize]) -> Vec<usize> {
    let Some(last) = axis.len().checked_sub(1) else {
        return Vec::new();
    };
    let mut seeds = vec![axis[0], axis[last / 2], axis[last]];
    seeds.dedup();
    seeds
}

/// The values before and after this one.
fn beside(axis: &[usize], value: usize) -> impl Iterator<Item = usize> {
    let lower = axis.iter().rev().find(|&&other| other < value);
    let higher = axis.iter().find(|&&other| other > value);
    lower.into_iter().chain(higher).copied()
}
