//! What round trips come to, and that they are checked.

use std::{io, time::Duration};

use clap::ValueEnum;
use futures_handoff_runtimes::{
    self as runtimes, Local, Runtime,
    exchange::{
        Exchange, Figures, Measure, Pattern, Policy, Transport, Trips, cells, check, converse, measure,
    },
    io::{Duplex, duplex},
    stream::{Failure, RuntimeName},
};
use futures_util::{AsyncReadExt, AsyncWriteExt};

const LIMIT: Duration = Duration::from_secs(30);

/// A few round trips on one thread of Tokio where that is compiled in: there a handle may always send on the spot.
fn exchange(policy: Policy, burst: usize, frame_len: usize) -> Exchange {
    let runtime = if cfg!(feature = "tokio") { RuntimeName::TokioCurrent } else { RuntimeName::Local };
    Exchange { runtime, transport: Transport::Tcp, burst, frame_len, rounds: 50, worker_threads: 2, policy }
}

fn measured(exchange: &Exchange) -> Figures {
    let figures = measure(exchange, LIMIT).unwrap_or_else(|failure| panic!("{exchange:?}: {failure}"));
    assert_eq!(figures.frames, (exchange.rounds * exchange.burst) as u64);
    assert_eq!(figures.bytes, figures.frames * exchange.frame_len as u64);
    figures
}

runtimes::watched_tests! {
    fn without_a_handle_a_frame_is_a_call() {
        for &transport in Transport::value_variants() {
            for burst in [1, 64] {
                let exchange = Exchange { transport, ..exchange(Policy::Direct, burst, 64) };
                assert_eq!(measured(&exchange).write_calls, 50 * burst as u64, "{transport}");
            }
        }
    }

    fn a_buffer_makes_one_call_of_a_burst() {
        assert_eq!(measured(&exchange(Policy::DirectBuffered, 64, 64)).write_calls, 50);
    }

    fn a_frame_by_itself_is_a_call_whatever_the_policy() {
        for &policy in Policy::value_variants() {
            assert_eq!(measured(&exchange(policy, 1, 64)).write_calls, 50, "{policy}");
        }
    }

    fn a_handle_gathers_a_burst() {
        for policy in [Policy::Default, Policy::InlineNever, Policy::Batching, Policy::RunUntil, Policy::Dispatch] {
            let figures = measured(&exchange(policy, 64, 64));
            assert!(figures.writes_per_frame < 0.25, "{policy}: {figures:?}");
        }
    }

    #[cfg(feature = "tokio")]
    fn a_handle_that_sends_at_once_gathers_next_to_nothing() {
        let figures = measured(&exchange(Policy::SendAt0, 64, 64));
        // What follows a pending call in its burst may be gathered.
        assert!((0.9..=1.0).contains(&figures.writes_per_frame), "{figures:?}");
    }

    fn long_frames_go_through() {
        for &policy in Policy::value_variants() {
            // Longer than what sockets hold, in both directions at once.
            for transport in [Transport::Tcp, Transport::Duplex] {
                measured(&Exchange { rounds: 2, transport, ..exchange(policy, 64, 128 * 1024) });
            }
        }
    }

    fn every_runtime_makes_round_trips() {
        let mut known = 0;
        for &runtime in RuntimeName::value_variants() {
            if check(runtime).is_err() {
                continue;
            }
            known += 1;
            for &transport in Transport::value_variants() {
                for &policy in Policy::value_variants() {
                    let figures = measured(&Exchange { runtime, transport, ..exchange(policy, 3, 1000) });
                    assert!(figures.write_calls >= 50, "a round trip takes a call: {figures:?}");
                    assert!(figures.round_trip_p50_micros > 0.0);
                    assert!(figures.round_trip_p50_micros <= figures.round_trip_p99_micros);
                }
            }
        }
        assert!(known > 0, "local is always there");
    }

    fn the_peer_s_time_is_told_where_it_can_be() {
        let tcp = measured(&Exchange { rounds: 500, ..exchange(Policy::Default, 1, 64) });
        let duplex = measured(&Exchange {
            transport: Transport::Duplex,
            ..exchange(Policy::Default, 1, 64)
        });
        assert_eq!(tcp.echo_cpu_ns_per_frame.is_some(), cfg!(target_os = "linux"));
        assert_eq!(tcp.cpu_ns_per_frame.is_some(), cfg!(target_os = "linux"));
        // A task is part of the process.
        assert_eq!(duplex.echo_cpu_ns_per_frame, None);
        assert_eq!(duplex.cpu_ns_per_frame.is_some(), cfg!(unix));
    }

    fn what_takes_too_long_is_a_stall() {
        let endless = Exchange { rounds: 10_000_000, ..exchange(Policy::Direct, 1, 64) };
        let failure = measure(&endless, Duration::from_millis(50)).expect_err("it takes longer");
        assert_eq!(failure.to_string(), "the streams are not done after 50ms");
    }
}

/// What the peer makes of all that it gets, as one stream.
type Wrong = fn(offset: u64, bytes: &mut Vec<u8>);

/// Round trips with a peer that answers at once, and wrongly.
fn conversed(policy: Policy, wrong: Wrong) -> Result<Figures, Failure> {
    async fn answer(mut requests: Duplex, mut answers: Duplex, wrong: Wrong) -> io::Result<()> {
        let (mut offset, mut buffer) = (0, vec![0; 4096]);
        loop {
            let n = requests.read(&mut buffer).await?;
            if n == 0 {
                return answers.close().await;
            }
            let mut bytes = buffer[..n].to_vec();
            wrong(offset, &mut bytes);
            answers.write_all(&bytes).await?;
            offset += n as u64;
        }
    }
    let (writer, requests) = duplex(1 << 20);
    let (answers, reader) = duplex(1 << 20);
    let exchange = exchange(policy, 4, 64);
    Local::block_on(async {
        Local::spawn(async move { drop(answer(requests, answers, wrong).await) });
        converse::<Local, _, _>(&exchange, reader, writer).await
    })
}

/// Within the measured round trips, after the 50 before them.
const OFFSET: u64 = 60 * 4 * 64 + 77;

/// Where in `bytes`, which begin at `offset`, the offset lies.
fn within(offset: u64, bytes: &[u8]) -> Option<usize> {
    let place = usize::try_from(OFFSET.checked_sub(offset)?).ok()?;
    (place < bytes.len()).then_some(place)
}

runtimes::watched_tests! {
    fn a_peer_that_answers_is_believed() {
        for &policy in Policy::value_variants() {
            let figures = conversed(policy, |_, _| {}).expect("it does as it should");
            assert_eq!((figures.frames, figures.bytes), (200, 200 * 64), "{policy}");
        }
    }

    fn an_answer_that_differs_is_found_with_its_offset() {
        for &policy in Policy::value_variants() {
            let flipped = conversed(policy, |offset, bytes| {
                if let Some(place) = within(offset, bytes) {
                    bytes[place] ^= 0x10;
                }
            });
            match flipped {
                Err(Failure::Mismatch { offset, sent, received, .. }) => {
                    assert_eq!(offset as u64, OFFSET, "{policy}");
                    assert_eq!(sent ^ received, 0x10, "{policy}");
                }
                other => panic!("{policy}: {other:?}"),
            }
        }
    }

    fn a_byte_too_few_or_out_of_place_is_found() {
        let lost = conversed(Policy::Default, |offset, bytes| {
            if let Some(place) = within(offset, bytes) {
                bytes.remove(place);
                bytes.push(0);
            }
        });
        assert!(matches!(lost, Err(Failure::Mismatch { offset, .. }) if offset as u64 >= OFFSET), "{lost:?}");
    }

    fn a_byte_too_many_at_the_end_is_found() {
        let all = 100 * 4 * 64;
        let more = conversed(Policy::Direct, |offset, bytes| {
            if offset + bytes.len() as u64 == 100 * 4 * 64 {
                bytes.push(0);
            }
        });
        assert!(matches!(more, Err(Failure::Surplus { len, .. }) if len == all), "{more:?}");
    }
}

#[test]
fn a_pattern_knows_its_bytes_at_any_offset() {
    let pattern = Pattern::new(100);
    for offset in [0, 1, 65_520, 65_521, 10_000_000_019] {
        let bytes = pattern.owned(offset, 100);
        assert_eq!(bytes, pattern.at(offset, 100));
        assert_eq!(pattern.differs(offset, &bytes), None);
        let (at, sent, received) = pattern.differs(offset + 64, &bytes).expect("frames differ");
        assert!((offset + 64..offset + 68).contains(&at));
        assert_ne!(sent, received);
    }
}

/// A run with some figures.
fn run(policy: Policy, run: usize, cpu: Option<f64>, p50: f64) -> Trips {
    let figures = Figures { cpu_ns_per_frame: cpu, round_trip_p50_micros: p50, ..Figures::default() };
    Trips { exchange: exchange(policy, 1, 64), run, figures }
}

#[test]
fn ratios_are_of_runs_of_one_turn() {
    let runs = [
        run(Policy::Default, 1, None, 20.0),
        run(Policy::Direct, 1, Some(5.0), 10.0),
        run(Policy::Direct, 2, Some(5.0), 100.0),
        run(Policy::Default, 2, None, 300.0),
        // Without a partner.
        run(Policy::Default, 3, None, 1.0),
    ];
    let cells = cells(&runs);
    let [direct, default] = &cells[..] else { panic!("{cells:?}") };
    assert_eq!((direct.exchange.policy, default.exchange.policy), (Policy::Direct, Policy::Default));
    assert_eq!(default.ratios(Measure::P50).expect("there are pairs").values(), [2.0, 3.0]);
    assert_eq!(default.spread(Measure::P50).expect("there are runs").values(), [20.0, 300.0, 1.0]);
    assert_eq!(default.ratios(Measure::Cpu), None);
    assert_eq!(default.spread(Measure::Cpu), None);
}
