//! The routers of the example and of the guide.

use std::{future::Future, io};

use fastrand::Rng;
use futures_handoff::{WriteHandoff, WriteHandoffConfig};
use futures_util::future::{join, join3};

use crate::{
    content_routing::{Upstreams, route},
    guide::router,
    runtimes::{
        self,
        io::{Gate, ScriptReader, ScriptWriter, WriteLog, WriteStep},
    },
    support::{End, SEEDS, breaking, kind, reader, seeded},
};

/// Lines, some for each upstream, and mostly a tunnel after them.
fn input(rng: &mut Rng) -> Vec<u8> {
    let mut input = Vec::new();
    for i in 0..rng.usize(..40) {
        let start = ["a: ", "b: ", "order ", "", "TUNNEL "][rng.usize(..5)];
        let len = if rng.u8(..8) == 0 { rng.usize(..20_000) } else { rng.usize(..60) };
        input.extend_from_slice(format!("{start}{i} {}\n", "x".repeat(len)).as_bytes());
    }
    if rng.u8(..4) > 0 {
        input.extend_from_slice(b"TUNNEL\n");
        let len = if rng.bool() { rng.usize(..200_000) } else { rng.usize(..50) };
        input.extend((0..len).map(|_| rng.u8(..)));
    }
    input
}

/// What the upstreams get of `input`, and whether a line was cut off.
fn routed(mut input: &[u8], first: &[u8]) -> ([Vec<u8>; 2], bool) {
    let mut upstreams = [Vec::new(), Vec::new()];
    while let Some(end) = input.iter().position(|byte| *byte == b'\n') {
        let line;
        (line, input) = input.split_at(end + 1);
        if line == b"TUNNEL\n" {
            upstreams[0].extend_from_slice(input);
            return (upstreams, false);
        }
        upstreams[usize::from(!line.starts_with(first))].extend_from_slice(line);
    }
    (upstreams, !input.is_empty())
}

/// A router, and how the lines for its first upstream begin.
trait Router {
    const FIRST: &[u8];

    async fn run(reader: ScriptReader, writers: [ScriptWriter; 2]) -> io::Result<()>;
}

struct Example;

impl Router for Example {
    const FIRST: &[u8] = b"order ";

    async fn run(reader: ScriptReader, [orders, events]: [ScriptWriter; 2]) -> io::Result<()> {
        let (orders, orders_task) = WriteHandoff::new(orders, WriteHandoffConfig::default());
        let (events, events_task) = WriteHandoff::new(events, WriteHandoffConfig::default());
        let router = route(reader, Upstreams { orders, events });
        let (orders, events, routed) = join3(orders_task, events_task, router).await;
        routed?;
        orders?;
        events?;
        Ok(())
    }
}

struct Guide;

impl Router for Guide {
    const FIRST: &[u8] = b"a:";

    async fn run(reader: ScriptReader, [a, b]: [ScriptWriter; 2]) -> io::Result<()> {
        router::route_all(reader, a, b).await
    }
}

async fn arrives_in_order<T: Router>() {
    for seed in 0..SEEDS {
        let mut rng = Rng::with_seed(seed);
        let input = input(&mut rng);
        let (input, end) = (&input[..rng.usize(..=input.len())], End::random(&mut rng));
        let (expected, within) = routed(input, T::FIRST);

        let writers = [ScriptWriter::seeded(seed), ScriptWriter::seeded(!seed).not_vectored()];
        let logs = [writers[0].log(), writers[1].log()];
        let result = T::run(reader(seed, input, end), writers).await;
        for (log, expected) in logs.iter().zip(&expected) {
            assert!(log.written() == *expected, "seed {seed}: {} of {}", log.len(), expected.len());
            assert!(log.is_closed() && log.flushed() == log.len(), "seed {seed}");
        }
        assert_eq!(kind(result), end.kind(within), "seed {seed}");
    }
}

async fn outlives_an_upstream<T: Router>() {
    let mut failed = 0;
    for seed in 0..SEEDS {
        let mut rng = Rng::with_seed(seed);
        let input = input(&mut rng);
        let (expected, within) = routed(&input, T::FIRST);

        let ((broken, broken_log), (whole, whole_log)) = (breaking(seed, rng.usize(..6)), seeded(!seed));
        let (writers, logs) = ([broken, whole], [broken_log, whole_log]);
        let result = T::run(reader(seed, &input, End::Closed), writers).await;
        for (log, expected) in logs.iter().zip(&expected) {
            assert!(expected.starts_with(&log.written()), "seed {seed}");
        }
        // Everything accepted for the other upstream is written, whatever happened to this one.
        assert!(logs[1].is_closed() && logs[1].flushed() == logs[1].len(), "seed {seed}");
        assert!(logs[1].written().last().is_none_or(|byte| *byte == b'\n'), "seed {seed}");
        if logs[0].is_closed() {
            assert!(logs[0].written() == expected[0] && logs[1].written() == expected[1], "seed {seed}");
            assert_eq!(kind(result), End::Closed.kind(within), "seed {seed}");
        } else {
            failed += 1;
            assert_eq!(kind(result), Some(io::ErrorKind::BrokenPipe), "seed {seed}");
        }
    }
    assert!(failed > SEEDS / 4, "{failed} of {SEEDS} failed");
}

/// The second upstream gets all that is for it, and is closed, while the first takes nothing.
async fn is_not_held_up<T: Router>(end: End) {
    let (first, second) = ([T::FIRST, b" stalled\n"].concat(), b"b: goes on\n".repeat(500));
    let input = [&first[..], &second].concat();
    let gate = Gate::new();
    let writers = [ScriptWriter::new([WriteStep::Wait(gate.clone())]), ScriptWriter::seeded(7)];
    let logs = [writers[0].log(), writers[1].log()];
    let opened = async {
        logs[1].wait_until(WriteLog::is_closed).await;
        assert!(logs[1].written() == second && logs[0].is_empty());
        gate.open();
    };
    let (result, ()) = join(T::run(reader(7, &input, end), writers), opened).await;
    assert_eq!(kind(result), end.kind(false));
    assert!(logs[0].written() == first && logs[0].is_closed());
}

async fn both(example: impl Future<Output = ()>, guide: impl Future<Output = ()>) {
    example.await;
    guide.await;
}

runtimes::tests! {
    async fn what_came_before_the_end_or_the_error_is_routed_and_a_line_cut_off_is_not<R: Runtime>() {
        both(arrives_in_order::<Example>(), arrives_in_order::<Guide>()).await;
    }

    async fn what_was_accepted_for_one_upstream_is_written_though_the_other_fails<R: Runtime>() {
        both(outlives_an_upstream::<Example>(), outlives_an_upstream::<Guide>()).await;
    }

    async fn an_upstream_that_takes_nothing_does_not_hold_up_the_other<R: Runtime>() {
        for end in [End::Closed, End::Reset] {
            both(is_not_held_up::<Example>(end), is_not_held_up::<Guide>(end)).await;
        }
    }
}
