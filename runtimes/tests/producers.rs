//! What many producers cost: what of it is exact, and `harness producers`.

mod harness_binary;

use std::fs;

use futures_handoff_runtimes::{
    self as runtimes,
    producers::{Completion, Crowd, Implementation, Record, Waited, Work, Written, compared, wait, write},
    stream::RuntimeName,
};
use harness_binary::{harness, refused, results, stderr, stdout};

const ALL: [Implementation; 4] =
    [Implementation::Handoff, Implementation::Channel, Implementation::Peer1, Implementation::Peer2];

const COMPLETIONS: [Completion; 3] = [Completion::FireAndForget, Completion::Dropped, Completion::Awaited];

/// The runtimes that an implementation can be measured on in this build.
fn runtimes_of(implementation: Implementation) -> impl Iterator<Item = RuntimeName> {
    let all = [
        RuntimeName::Local,
        RuntimeName::Tokio,
        RuntimeName::TokioCurrent,
        RuntimeName::Smol,
        RuntimeName::AsyncStd,
    ];
    all.into_iter().filter(move |&runtime| implementation.check(runtime).is_ok())
}

fn crowd(runtime: RuntimeName, implementation: Implementation, producers: usize) -> Waited {
    let crowd = Crowd {
        runtime,
        worker_threads: 2,
        implementation,
        producers,
        chunk_len: 64,
        room: 4,
        writes_each: 3,
    };
    wait(&crowd).unwrap_or_else(|failure| panic!("{crowd:?}: {failure}"))
}

fn kept(name: &str) -> Vec<Record> {
    let lines = fs::read_to_string(results(name).join("producers.jsonl")).unwrap();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn written(name: &str) -> Vec<Written> {
    let of = |record| match record {
        Record::Written(written) => written,
        Record::Waited(waited) => panic!("{waited:?}"),
    };
    kept(name).into_iter().map(of).collect()
}

/// A measurement of a pair with a given cost.
fn made(implementation: Implementation, pair: usize, ns_per_write: f64) -> Written {
    Written {
        runtime: RuntimeName::Local,
        worker_threads: 2,
        implementation,
        completion: Completion::Dropped,
        producers: 4,
        chunk_len: 64,
        pair,
        writes: 100,
        bytes: 6400,
        ns_per_write,
        cpu_ns_per_write: 2.0 * ns_per_write,
        allocations_per_write: 0.0,
        allocations: 0,
    }
}

runtimes::watched_tests! {
    /// And once more where it has to let others run first, after 500 writes that were done at once.
    fn a_producer_that_waits_for_room_is_polled_twice() {
        for runtime in runtimes_of(Implementation::Handoff) {
            for producers in [10, 100, 1000] {
                let waited = crowd(runtime, Implementation::Handoff, producers);
                assert_eq!(waited.writes, 3 * producers as u64);
                assert!(waited.most_polls <= 3 && waited.polls <= 2 * waited.writes + waited.writes / 500, "{waited:?}");
                // All but the few that there is room for wait at first.
                assert!(waited.polls >= 2 * producers as u64 - 4 + 2 * producers as u64, "{waited:?}");
            }
        }
    }

    fn all_implementations_let_everybody_in() {
        for implementation in ALL {
            for runtime in runtimes_of(implementation) {
                let waited = crowd(runtime, implementation, 50);
                assert_eq!((waited.writes, waited.bytes), (150, 151 * 64));
                assert!(waited.polls >= waited.writes && waited.most_polls >= 2, "{waited:?}");
            }
        }
    }

    /// What does not arrive is an error, so it is enough that there is none.
    fn all_that_is_written_arrives() {
        for implementation in ALL {
            for runtime in runtimes_of(implementation) {
                for completion in COMPLETIONS.into_iter().filter(|&completion| implementation.has(completion)) {
                    for (producers, chunk_len) in [(1, 64), (7, 1), (64, 5000)] {
                        let work = Work {
                            runtime,
                            worker_threads: 2,
                            implementation,
                            completion,
                            producers,
                            chunk_len,
                            writes: 1000,
                        };
                        let written = write(&work, 1).unwrap_or_else(|failure| panic!("{work:?}: {failure}"));
                        assert_eq!(written.bytes, (1000 + 64 * producers as u64) * chunk_len as u64);
                        assert!(written.ns_per_write > 0.0, "{written:?}");
                    }
                }
            }
        }
    }

    fn ratios_are_of_pairs() {
        let all = [
            made(Implementation::Handoff, 1, 100.0),
            made(Implementation::Channel, 1, 300.0),
            made(Implementation::Channel, 2, 100.0),
            made(Implementation::Handoff, 2, 200.0),
            // Of another setting, and without a partner.
            Written { producers: 5, ..made(Implementation::Channel, 1, 1.0) },
            made(Implementation::Channel, 3, 1.0),
        ];
        let [one] = &compared(&all)[..] else { panic!("{:?}", compared(&all)) };
        assert_eq!((one.with, one.producers), (Implementation::Channel, 4));
        assert_eq!(one.throughput.values(), [3.0, 0.5]);
        assert_eq!(one.cpu.values(), [1.0 / 3.0, 2.0]);
        assert_eq!((one.of_ns.median(), one.with_ns.median()), (150.0, 200.0));
    }

    fn the_commands_print_keep_and_draw() {
        let output = harness(
            "producers --runtime local --with channel --producers 4,1,4 --writes 500 --pairs 2 --name pairs",
        );
        assert!(output.status.success(), "{}", stderr(&output));
        let printed = stdout(&output);
        assert!(printed.contains("| runtime | completion      | implementation | 1 "), "{printed}");
        // Two sentences, what each of three and two costs, and the four ratios.
        assert_eq!(printed.lines().count(), 2 + 2 + 5 + 2 + 4, "{printed}");
        let all = written("pairs");
        // Two pairs of three and two, at two numbers of producers.
        assert_eq!(all.len(), 2 * 5 * 2);
        assert!(all.iter().all(|each| each.writes == 500 && each.worker_threads == 2));
        // In turns.
        let order: Vec<_> = all[..4].iter().map(|each| each.implementation).collect();
        assert_eq!(order[0], order[3]);
        assert_eq!(order[1], order[2]);

        let output = harness("producers --waiting --runtime local --with channel --name waits");
        assert!(output.status.success(), "{}", stderr(&output));
        assert!(stdout(&output).contains("| runtime | implementation | 10"), "{}", stdout(&output));
        assert_eq!(kept("waits").len(), 2 * 3);

        let report = harness("report pairs waits");
        assert!(report.status.success(), "{}", stderr(&report));
        let html = fs::read_to_string(results("pairs").join("report.html")).unwrap();
        for said in [
            "aria-label=\"local, dropped: a write (ns) over producers. handoff: ",
            "aria-label=\"local: polls of a write (polls) over producers. handoff: ",
        ] {
            assert!(html.contains(said), "{html}");
        }
        let legend = html.split("<ul class=\"legend\">").nth(1).unwrap();
        assert!(legend.split("</ul>").next().unwrap().contains("</svg>channel</li>"), "{html}");
        let markdown = fs::read_to_string(results("pairs").join("report.md")).unwrap();
        assert!(markdown.contains("\n| local | fire_and_forget | channel | 4 | "), "{markdown}");
        assert!(markdown.contains("\n| local | handoff | 1,000 | 4 | 3,000 | "), "{markdown}");
    }

    fn wrong_values_are_refused_in_a_sentence() {
        refused(
            "producers --producers 4,0",
            "invalid value '0' for '--producers <PRODUCERS>': 0 is not in 1..=10000",
        );
        refused(
            "producers --completion ticket",
            "invalid value 'ticket' for '--completion <COMPLETIONS>': 'ticket' is neither all nor one of \
             fire_and_forget, dropped, awaited",
        );
        refused(
            "producers --runtime local --with peer_1",
            "peer_1 cannot run on local: it needs tokio or tokio_current, and the feature `peers`",
        );
        refused(
            "producers --waiting --pairs 3",
            "the argument '--waiting' cannot be used with '--pairs <PAIRS>'",
        );
        refused(
            "producers --chunk-len 0",
            "invalid value '0' for '--chunk-len <BYTES>': 0 is not in 1..=1048576",
        );
    }
}

/// How much is allocated does not depend on how much is written. In a process of its own, as all of it is counted.
#[cfg(feature = "tokio")]
#[test]
fn a_write_allocates_nothing() {
    runtimes::watched("a_write_allocates_nothing", || {
        let counted = |writes: usize| {
            let name = format!("allocations{writes}");
            let line = format!(
                "producers --runtime tokio_current --with channel --pairs 1 --producers 1,16 --name {name} \
                 --writes {writes}"
            );
            let output = harness(&line);
            assert!(output.status.success(), "{}", stderr(&output));
            let mut all = written(&name);
            all.sort_by_key(|each| (each.completion as usize, each.producers, each.implementation as usize));
            all
        };
        let (few, many) = (counted(2_000), counted(12_000));
        assert_eq!(few.len(), 2 * 5);
        for (few, many) in std::iter::zip(&few, &many) {
            if few.implementation == Implementation::Handoff {
                // A list of those that wait may have grown once more, by who came when.
                assert!(many.allocations.abs_diff(few.allocations) <= 4, "{few:?} {many:?}");
            } else {
                // That a count can differ.
                assert!(many.allocations > few.allocations + 5_000, "{few:?} {many:?}");
            }
        }
    });
}
