//! `harness soak`: what it prints, and how it says no.
#![cfg(unix)]

mod harness_binary;

use futures_handoff_runtimes::{
    loopback::soak::{Fault, Plan, Sample, flat},
    tests, watched_tests,
};
use harness_binary::{harness, refused, stderr, stdout};
use std::time::Duration;

/// The number in front of a word.
fn before(printed: &str, word: &str) -> f64 {
    let (head, _) = printed.split_once(word).unwrap_or_else(|| panic!("{word} is missing in\n{printed}"));
    head.split_whitespace().next_back().expect("a number").parse().expect("a number")
}

/// Looks at a process that holds so much at each.
fn samples(resident: impl Fn(usize) -> u64, descriptors: impl Fn(usize) -> usize) -> Vec<Sample> {
    let sample = |number| Sample {
        at: Duration::from_secs(number as u64),
        resident: resident(number),
        descriptors: descriptors(number),
        pending: 0,
        live: 1,
        sessions: 1,
        compared: 1,
    };
    (1..=100).map(sample).collect()
}

tests! {
    async fn two_seconds_lose_nothing_and_are_told<R: Runtime>() {
        let output = harness(&format!("soak --runtime {} --seconds 2 --connections 16 --seed 7", R::NAME));
        let printed = stdout(&output);
        assert!(output.status.success(), "{printed}{}", stderr(&output));
        let sum = printed.lines().find(|line| line.starts_with(R::NAME)).expect("a sum");
        assert!(before(sum, " sessions, ") > 16.0 && before(sum, " MiB compared") > 0.0, "{sum}");
        for fault in Fault::ALL {
            assert!(before(&printed, &format!("  {}\n", fault.name())) >= 0.0, "{printed}");
        }
        assert!(before(&printed, "  resets\n") > 0.0 && before(&printed, "  stalls\n") > 0.0, "{printed}");
        let descriptors = printed.lines().find(|line| line.starts_with("descriptors: ")).expect("descriptors");
        assert!(descriptors.ends_with(": flat"), "{printed}");
        assert!(printed.contains("\nRSS: ") && printed.contains(" after the last session "), "{printed}");
    }
}

watched_tests! {
    fn a_seed_is_one_plan() {
        assert!(Plan::new(3) == Plan::new(3));
        assert!(Plan::new(3) != Plan::new(4));
        let losing = (0..200).filter(|&seed| Plan::new(seed).loses_bytes()).count();
        assert!((50..150).contains(&losing), "{losing} of 200");
    }

    fn what_grows_is_not_flat() {
        let steady = samples(|number| 50_000_000 + (number as u64 % 7) * 1_000_000, |number| 100 + number % 9);
        let (memory, descriptors) = flat(&steady).expect("there is enough to see");
        assert!(memory.holds() && descriptors.holds(), "{memory:?} {descriptors:?}");
        // A megabyte and a descriptor with each look.
        let growing = samples(|number| 50_000_000 + number as u64 * 1_000_000, |number| 30 + number);
        let (memory, descriptors) = flat(&growing).expect("there is enough to see");
        assert!(!memory.holds() && !descriptors.holds(), "{memory:?} {descriptors:?}");
        // What comes into being at the beginning stays.
        let warm = samples(|number| if number < 9 { 1_000_000 } else { 80_000_000 }, |_| 100);
        assert!(flat(&warm).expect("there is enough to see").0.holds());
        assert!(flat(&steady[..3]).is_none());
    }
}

#[test]
fn one_sentence_says_what_is_wrong() {
    refused("soak --seconds 0", "invalid value '0' for '--seconds <SECONDS>': must be more than 0 seconds");
    refused(
        "soak --connections 0",
        "invalid value '0' for '--connections <SESSIONS>': 0 is not in 1..=10000",
    );
}
