//! Messages that start with their length.

use std::io;

use fastrand::Rng;
use futures_handoff::bytes::Bytes;

use crate::{
    length_prefix::{decode, decode_records, encode},
    runtimes,
    support::{End, SEEDS, assert_ended, breaking, kind, reader, seeded},
};

const SOME: [&str; 5] = ["alpha", "", "beta", "a longer one", "x"];
const OTHERS: [&str; 3] = ["ONE", "", "TWO OF THEM"];

/// The whole messages in `wire`, and how many bytes come after them.
fn whole(mut wire: &[u8]) -> (Vec<&[u8]>, usize) {
    let mut bodies = Vec::new();
    while let [high, low, rest @ ..] = wire {
        let Some((body, rest)) = rest.split_at_checked(u16::from_be_bytes([*high, *low]).into()) else {
            break;
        };
        bodies.push(body);
        wire = rest;
    }
    (bodies, wire.len())
}

/// Whether `mixed` is the start of each of two lists, in turns of any kind.
fn is_merged(mixed: &[&[u8]], some: &[&str], others: &[&str]) -> bool {
    let Some((body, mixed)) = mixed.split_first() else { return true };
    [(some, others), (others, some)].iter().any(|(from, beside)| {
        from.split_first()
            .is_some_and(|(first, from)| first.as_bytes() == *body && is_merged(mixed, from, beside))
    })
}

runtimes::tests! {
    async fn two_producers_keep_messages_whole_and_what_was_taken_is_in_order<R: Runtime>() {
        let mut failed = 0;
        for seed in 0..SEEDS {
            let (writer, log) = seeded(seed);
            encode(writer, &SOME, &OTHERS).await.unwrap();
            let written = log.written();
            let (bodies, behind) = whole(&written);
            assert!(is_merged(&bodies, &SOME, &OTHERS) && log.is_closed(), "seed {seed}");
            assert_eq!((bodies.len(), behind), (SOME.len() + OTHERS.len(), 0), "seed {seed}");

            let (writer, log) = breaking(seed, Rng::with_seed(seed).usize(..6));
            let result = encode(writer, &SOME, &OTHERS).await;
            failed += usize::from(!log.is_closed());
            assert_eq!(kind(result), (!log.is_closed()).then_some(io::ErrorKind::BrokenPipe), "seed {seed}");
            assert!(is_merged(&whole(&log.written()).0, &SOME, &OTHERS), "seed {seed}");
        }
        assert!(failed > 100, "{failed} of {SEEDS} failed");
    }

    async fn bodies_before_the_end_or_the_error_are_handed_out<R: Runtime>() {
        let wire = encode(Vec::new(), &SOME, &OTHERS).await.unwrap();
        for (at, end) in End::anywhere(wire.len()) {
            let (expected, behind) = whole(&wire[..at]);
            for seed in 0..10 {
                let mut bodies = Vec::new();
                let result = decode(reader(seed, &wire[..at], end), &mut bodies).await;
                assert_eq!(bodies, expected);
                assert_ended(result, end, behind);
            }
        }
    }

    async fn records_before_the_end_or_the_error_are_handed_out<R: Runtime>() {
        let wire = b"\x01\0\x01k\0\x05value\x02\0\0\0\0\x03\0\x03key\0\0";
        let borders = [0, 11, 16, wire.len()];
        let expected: [(u8, &str, &str); 3] = [(1, "k", "value"), (2, "", ""), (3, "key", "")];
        let expected = expected.map(|(tag, key, value)| (tag, Bytes::from(key), Bytes::from(value)));
        for (at, end) in End::anywhere(wire.len()) {
            let whole = borders.iter().rposition(|border| at >= *border).unwrap();
            for seed in 0..10 {
                let mut records = Vec::new();
                let result = decode_records(reader(seed, &wire[..at], end), &mut records).await;
                assert_eq!(records, expected[..whole]);
                assert_eq!(kind(result), end.kind(!borders.contains(&at)), "{at}");
            }
        }
    }
}
