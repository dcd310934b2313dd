//! What a schedule is made of: numbers, one after the other.

use std::{cell::RefCell, fmt, rc::Rc, vec};

use fastrand::Rng;

use super::{run::Source, trail::Trail};

/// More choices than that are made only by a schedule that calls readers, writers or wakers without end.
const MAX: usize = 4_000_000;

/// Where all parties of a schedule get their choices from, in the order in which they ask.
///
/// The choice of 0 is always the plain one, with which a schedule comes to its end: a list that is used up goes on with it.
#[derive(Clone)]
pub(super) struct Choices(Rc<RefCell<Made>>);

struct Made {
    next: Next,
    trail: Trail,
}

enum Next {
    Random(Rng),
    Listed(vec::IntoIter<u32>),
    Packed(vec::IntoIter<u8>),
}

/// The next number up to `most`, of as many bytes as that has.
fn unpack(bytes: &mut vec::IntoIter<u8>, most: u32) -> u32 {
    let width = (u32::BITS - most.leading_zeros()).div_ceil(8) as usize;
    let number = bytes.take(width).fold(0, |number, byte| number << 8 | u32::from(byte));
    number % (most + 1)
}

impl fmt::Debug for Choices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Choices").finish_non_exhaustive()
    }
}

impl Choices {
    pub(super) fn new(source: &Source, trail: Trail) -> Self {
        let next = match source {
            Source::Seed(seed) => Next::Random(Rng::with_seed(*seed)),
            Source::Choices(choices) => Next::Listed(choices.clone().into_iter()),
            Source::Bytes(bytes) => Next::Packed(bytes.clone().into_iter()),
        };
        Self(Rc::new(RefCell::new(Made { next, trail })))
    }

    /// A number below `n`.
    pub(super) fn below(&self, n: usize) -> usize {
        let Made { next, trail } = &mut *self.0.borrow_mut();
        let most = u32::try_from(n.saturating_sub(1)).unwrap_or(u32::MAX - 1);
        let choice = match next {
            Next::Random(rng) => rng.u32(..=most),
            Next::Listed(list) => list.next().unwrap_or(0).min(most),
            Next::Packed(bytes) => unpack(bytes, most),
        };
        assert!(trail.choice(choice) <= MAX, "it does not come to rest: more than {MAX} choices");
        choice as usize
    }

    /// Once in `n` times; not where the choice is 0.
    pub(super) fn once_in(&self, n: usize) -> bool {
        self.below(n) + 1 == n
    }

    /// So many times of 100; not where the choice is 0.
    pub(super) fn percent(&self, of_100: usize) -> bool {
        self.below(100) + of_100 >= 100
    }

    pub(super) fn of<T: Copy, const N: usize>(&self, values: [T; N]) -> T {
        values[self.below(N)]
    }
}
