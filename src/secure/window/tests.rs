//! The window against a set of all numbers that were ever seen.

use std::collections::HashSet;

use proptest::{
    prelude::{Just, Strategy, any, prop},
    prop_assert_eq, prop_oneof, proptest,
};

use super::{WINDOW, WORD, WORDS, Window};

/// Distances at which the behaviour changes: a word, the window, the whole array, and several
/// arrays.
const BORDERS: [u64; 9] =
    [0, 1, WORD - 1, WORD, WINDOW - 1, WINDOW, WINDOW + WORD, WORDS as u64 * WORD + WINDOW, 1 << 20];

#[derive(Default)]
struct Model {
    seen: HashSet<u64>,
    newest: u64,
}

impl Model {
    fn is_new(&self, number: u64) -> bool {
        let is_old = self.newest.checked_sub(number).is_some_and(|behind| behind > WINDOW);
        !is_old && !self.seen.contains(&number)
    }

    fn see(&mut self, number: u64) {
        self.seen.insert(number);
        self.newest = self.newest.max(number);
    }
}

/// A number relative to the newest one.
#[derive(Debug, Clone, Copy)]
enum Next {
    Ahead(u64),
    Behind(u64),
    At(u64),
}

fn distance() -> impl Strategy<Value = u64> {
    let border = (prop::sample::select(&BORDERS[..]), 0..3_u64);
    prop_oneof![
        3 => border.prop_map(|(border, more)| (border + more).saturating_sub(1)),
        2 => 0..130_u64,
        1 => 0..2 * WINDOW,
    ]
}

fn next() -> impl Strategy<Value = Next> {
    let at = prop_oneof![Just(0), Just(u64::MAX), (0..10_000_u64).prop_map(|n| u64::MAX - n), any::<u64>()];
    prop_oneof![
        30 => distance().prop_map(Next::Ahead),
        30 => distance().prop_map(Next::Behind),
        1 => at.prop_map(Next::At),
    ]
}

proptest! {
    #[test]
    fn a_number_is_new_once_and_while_the_window_reaches_it(
        start in prop_oneof![Just(0), 0..10_000_u64, (0..100_000_u64).prop_map(|n| u64::MAX - n)],
        numbers in prop::collection::vec(next(), 1..120),
    ) {
        let (mut window, mut model) = (Window::new(), Model::default());
        for next in std::iter::once(Next::At(start)).chain(numbers) {
            let number = match next {
                Next::Ahead(distance) => model.newest.saturating_add(distance),
                Next::Behind(distance) => model.newest.saturating_sub(distance),
                Next::At(number) => number,
            };
            prop_assert_eq!(window.is_new(number), model.is_new(number), "{}", number);
            if model.is_new(number) {
                window.see(number);
                model.see(number);
            }
            let around = BORDERS.iter().flat_map(|border| border.saturating_sub(1)..=border + 1);
            for probe in around.flat_map(|n| [model.newest.checked_sub(n), model.newest.checked_add(n)]) {
                let Some(probe) = probe else { continue };
                prop_assert_eq!(window.is_new(probe), model.is_new(probe), "{} after {}", probe, number);
            }
        }
    }
}

/// Each number of the window at each position in a word, with all of them seen and with none.
#[test]
fn the_window_reaches_as_far_back_as_it_says() {
    for newest in [WINDOW, WINDOW + 1, WINDOW + WORD - 1, 1 << 40, (1 << 40) + 63, u64::MAX - 64, u64::MAX] {
        let mut window = Window::new();
        window.see(newest);
        let oldest = newest - WINDOW;
        assert!((oldest..newest).all(|number| window.is_new(number)), "{newest}");
        assert!(oldest == 0 || !window.is_new(oldest - 1), "{newest}");
        (oldest..newest).for_each(|number| window.see(number));
        assert!(!(oldest..=newest).any(|number| window.is_new(number)), "{newest}");
    }
}
