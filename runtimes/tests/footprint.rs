//! What memory idle connections keep, counted exactly, and `harness footprint`.

mod harness_binary;

use std::fs;

use futures_handoff_runtimes::{
    self as runtimes,
    footprint::{Footprint, Implementation, Live, State, measure},
};
use harness_binary::{harness, refused, results, stderr, stdout};

fn live(work: &mut dyn FnMut()) -> Live {
    let info = allocation_counter::measure(work);
    Live { bytes: info.bytes_current, allocations: info.count_current }
}

fn compiled() -> impl Iterator<Item = Implementation> {
    let is_peer = |name: &Implementation| matches!(name, Implementation::Peer1 | Implementation::Peer2);
    let all = [
        Implementation::Handoff,
        Implementation::HandoffOwned,
        Implementation::ManualVec,
        Implementation::Peer1,
        Implementation::Peer2,
    ];
    all.into_iter().filter(move |name| cfg!(feature = "peers") || !is_peer(name))
}

/// What connections of an implementation keep, state by state.
fn footprints(implementation: Implementation, connections: usize) -> Vec<Footprint> {
    measure(live, implementation, connections).unwrap_or_else(|error| panic!("{implementation}: {error}"))
}

fn in_state(implementation: Implementation, state: State) -> Footprint {
    let all = footprints(implementation, 8);
    *all.iter().find(|footprint| footprint.state == state).unwrap()
}

runtimes::watched_tests! {
    /// Whether something is left when they are gone is looked at by what is measured here.
    fn what_a_connection_keeps_does_not_depend_on_their_number() {
        for implementation in compiled() {
            let (one, many) = (footprints(implementation, 1), footprints(implementation, 32));
            assert_eq!(one.len(), 6);
            for (one, many) in one.iter().zip(&many) {
                assert_eq!(one.state, many.state);
                let (least, most) = (0.97 * one.bytes_per_connection, 1.03 * one.bytes_per_connection);
                assert!((least..=most).contains(&many.bytes_per_connection), "{one:?} {many:?}");
                assert_eq!(one.live_bytes as f64, one.bytes_per_connection);
                assert!(one.live_bytes > 0 && one.live_allocations > 0, "{one:?}");
            }
        }
    }

    fn a_fresh_connection_takes_less_than_two_kibibytes() {
        for implementation in [Implementation::Handoff, Implementation::HandoffOwned] {
            let fresh = in_state(implementation, State::Fresh);
            assert!(fresh.bytes_per_connection + fresh.inline_bytes as f64 <= 2048.0, "{fresh:?}");
            assert!(fresh.allocations_per_connection <= 4.0, "{fresh:?}");
        }
    }

    /// Blocks to read into and to gather in are left to the thread, but for one of 1 KiB to gather in.
    fn an_idle_connection_keeps_next_to_nothing() {
        let waiting = in_state(Implementation::Handoff, State::Waiting);
        let fresh = in_state(Implementation::Handoff, State::Fresh);
        assert_eq!(waiting.live_bytes, fresh.live_bytes, "{waiting:?}");
        assert_eq!(waiting.live_allocations, fresh.live_allocations, "{waiting:?}");
        for state in [State::Frames, State::Idle, State::AfterLarge] {
            let idle = in_state(Implementation::Handoff, state);
            assert!(idle.bytes_per_connection <= 2304.0, "{idle:?}");
            // With the shared block of 2 KiB that small frames are copied to, and its count.
            let idle = in_state(Implementation::HandoffOwned, state);
            assert!(idle.bytes_per_connection <= 4352.0 + 64.0, "{idle:?}");
        }
    }

    fn the_memory_of_a_large_frame_goes_when_a_read_finds_nothing() {
        for implementation in [Implementation::Handoff, Implementation::HandoffOwned] {
            let large = in_state(implementation, State::Large);
            assert!(large.bytes_per_connection >= f64::from(1 << 20), "{large:?}");
            let after = in_state(implementation, State::AfterLarge);
            let idle = in_state(implementation, State::Idle);
            assert!(after.bytes_per_connection <= idle.bytes_per_connection, "{after:?} {idle:?}");
        }
    }

    fn the_command_prints_and_keeps_what_was_counted() {
        let line = format!(
            "footprint --implementation handoff,manual_vec --connections 2,1 --name counted --counter {}",
            env!("CARGO_BIN_EXE_footprint")
        );
        let output = harness(&line);
        assert!(output.status.success(), "{}", stderr(&output));
        let printed = stdout(&output);
        assert!(printed.starts_with("live bytes / allocations of each connection"), "{printed}");
        assert!(printed.contains("| implementation | state       | inline |"), "{printed}");
        assert_eq!(printed.lines().count(), 1 + 2 + 2 * 6, "{printed}");

        let kept = fs::read_to_string(results("counted").join("footprint.jsonl")).unwrap();
        let kept: Vec<Footprint> = kept.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let mut counted = Vec::new();
        for implementation in [Implementation::Handoff, Implementation::ManualVec] {
            counted.extend([1, 2].into_iter().flat_map(|connections| footprints(implementation, connections)));
        }
        assert_eq!(kept, counted);

        let again = harness(&line);
        assert_eq!(again.status.code(), Some(1));
        assert!(stderr(&again).contains("footprint.jsonl is there already: choose another --name"));

        let report = harness("report counted");
        assert!(report.status.success(), "{}", stderr(&report));
        let html = fs::read_to_string(results("counted").join("report.html")).unwrap();
        assert!(html.contains("<h1>Results: counted</h1>") && !html.contains("What was measured"), "{html}");
        let said = "aria-label=\"idle: live memory of a connection (KiB) over connections. handoff: ";
        assert!(html.contains(said), "{html}");
        let markdown = fs::read_to_string(results("counted").join("report.md")).unwrap();
        assert!(markdown.contains("| implementation | state | inline | 1 connection | 2 connections |"));
        assert!(markdown.contains("| manual_vec | fresh | 24 B | 16,384 B (in 1.00) | 16,384 B (in 1.00) |"), "{markdown}");
    }

    fn a_counter_that_fails_is_named() {
        let output = harness("footprint --connections 1 --name missing --counter no_such_counter");
        assert_eq!(output.status.code(), Some(1));
        let said = stderr(&output);
        assert!(said.starts_with("harness: no_such_counter cannot count footprints: "), "{said}");
    }

    fn wrong_values_are_refused_in_a_sentence() {
        refused(
            "footprint --connections 1,0",
            "invalid value '0' for '--connections <CONNECTIONS>': 0 is not in 1..=100000",
        );
        refused(
            "footprint --implementation raw_copy",
            "invalid value 'raw_copy' for '--implementation <IMPLEMENTATIONS>': 'raw_copy' is neither all nor one of \
             handoff, handoff_owned, manual_vec, peer_1, peer_2",
        );
        if !cfg!(feature = "peers") {
            refused(
                "footprint --implementation peer_1",
                "peer_1 is not compiled in: it needs the feature `peers`",
            );
        }
    }
}
