//! Messages between tasks, compared with async-channel and bytes-handoff 2.0.0.
//!
//! `cargo bench --package futures-handoff-runtimes --features message --bench message` measures
//! each row with Criterion, and with `-- compare` prints ratios of the CPU time that all threads
//! take: both sides of a pair run in turns, in reversed order every other turn, and the median
//! ratio counts. `cargo test --benches` runs each row once.
//!
//! | work | what it is |
//! |---|---|
//! | `pair` | `try_send`, `try_recv` and the drop of what was received, on one thread |
//! | `burst` | the same, 64 sent before the first is received |
//! | `awaited` | `send` and `recv` in one task, where neither has to wait |
//! | `threads` | a thread that sends and one that receives, both blocking, at most 64 messages apart |
//! | `tasks` | four tasks that send and two that receive on Tokio with two workers, at most 64 messages apart |
//!
//! bytes-handoff cannot wait, so the last three have no row for it.

use std::{env, hint::black_box, process::exit, thread};

use criterion::{Criterion, Throughput};
use futures_handoff::message::{MessageHandoff, MessageHandoffConfig};
use futures_handoff_runtimes::{Runtime, Task, Tokio, set_workers};
use futures_util::future::join_all;

/// The most messages, and bytes, that are in use.
const ITEMS: usize = 64;
const BYTES: usize = 64 * 1024;
/// The bytes that a message declares.
const LEN: usize = 64;

/// Does this many operations.
type Run = Box<dyn FnMut(usize)>;

/// An implementation at some work.
struct Row {
    work: &'static str,
    name: &'static str,
    /// The operations of one iteration.
    operations: usize,
    prepare: fn() -> Run,
}

/// The ends of each implementation.
mod ends {
    use super::{BYTES, ITEMS, MessageHandoff, MessageHandoffConfig};

    pub(super) fn handoff()
    -> (futures_handoff::message::Sender<usize>, futures_handoff::message::Receiver<usize>) {
        MessageHandoff::new(MessageHandoffConfig::new(ITEMS, BYTES))
    }

    pub(super) fn channel() -> (async_channel::Sender<usize>, async_channel::Receiver<usize>) {
        async_channel::bounded(ITEMS)
    }

    pub(super) fn peer() -> (peer_2::MessageSender<usize>, peer_2::MessageReceiver<usize>) {
        let config = peer_2::MessageHandoffConfig::new(ITEMS, BYTES);
        peer_2::MessageHandoff::new(config).expect("limits above 0")
    }
}

/// Sends this many and receives them, repeatedly.
macro_rules! on_one_thread {
    ($ends:ident, $burst:expr, $send:expr, $receive:expr) => {
        || {
            let (sender, receiver) = ends::$ends();
            Box::new(move |operations| {
                for round in 0..operations / $burst {
                    for message in 0..$burst {
                        $send(&sender, round + message);
                    }
                    for message in 0..$burst {
                        let received: usize = $receive(&receiver);
                        assert_eq!(black_box(received), round + message);
                    }
                }
            })
        }
    };
}

macro_rules! awaited {
    ($ends:ident, |$sender:ident, $message:ident| $send:expr, |$received:ident| $value:expr) => {
        || {
            let ($sender, receiver) = ends::$ends();
            Box::new(move |operations| {
                futures_executor::block_on(async {
                    for $message in 0..operations {
                        $send.await.expect("it is open");
                        let $received = receiver.recv().await.expect("one is there");
                        assert_eq!(black_box($value), $message);
                    }
                });
            })
        }
    };
}

macro_rules! threads {
    ($ends:ident, |$sender:ident, $message:ident| $send:expr, |$receiver:ident| $receive:expr) => {
        || {
            Box::new(move |operations| {
                let ($sender, $receiver) = ends::$ends();
                thread::scope(|scope| {
                    scope.spawn(move || {
                        for $message in 0..operations {
                            $send.expect("it is open");
                        }
                    });
                    for message in 0..operations {
                        let received: usize = $receive.expect("one is to come");
                        assert_eq!(black_box(received), message);
                    }
                });
            })
        }
    };
}

macro_rules! tasks {
    ($ends:ident, |$sender:ident, $message:ident| $send:expr, |$receiver:ident| $receive:expr) => {
        || {
            Box::new(move |operations| {
                let received = Tokio::block_on(async move {
                    let (sender, receiver) = ends::$ends();
                    let producer = |_| {
                        let $sender = sender.clone();
                        Tokio::task(async move {
                            for $message in 0..operations / 4 {
                                $send.await.expect("it is open");
                            }
                        })
                    };
                    let producers: Vec<Task<()>> = (0..4).map(producer).collect();
                    drop(sender);
                    let consumer = |_| {
                        let $receiver = receiver.clone();
                        Tokio::task(async move {
                            let mut count = 0;
                            while let Some(message) = $receive {
                                black_box(&message);
                                count += 1;
                            }
                            count
                        })
                    };
                    let consumers: Vec<Task<usize>> = (0..2).map(consumer).collect();
                    join_all(producers).await;
                    join_all(consumers).await.into_iter().sum::<usize>()
                });
                assert_eq!(received, operations / 4 * 4);
            })
        }
    };
}

fn rows() -> Vec<Row> {
    let row = |work, name, operations, prepare| Row { work, name, operations, prepare };
    macro_rules! sent {
        ($sent:expr) => {
            $sent.expect("there is room")
        };
    }
    macro_rules! send {
        (handoff) => {
            |sender: &futures_handoff::message::Sender<_>, message| sent!(sender.try_send(message, LEN))
        };
        (channel) => {
            |sender: &async_channel::Sender<_>, message| sent!(sender.try_send(message))
        };
        (peer) => {
            |sender: &peer_2::MessageSender<_>, message| sent!(sender.try_send(message, LEN))
        };
    }
    macro_rules! receive {
        (handoff) => {
            |receiver: &futures_handoff::message::Receiver<_>| *receiver.try_recv().expect("one is there")
        };
        (channel) => {
            |receiver: &async_channel::Receiver<_>| receiver.try_recv().expect("one is there")
        };
        (peer) => {
            |receiver: &peer_2::MessageReceiver<_>| *receiver.try_recv().expect("one is there")
        };
    }
    vec![
        row("pair", "handoff", 1024, on_one_thread!(handoff, 1, send!(handoff), receive!(handoff))),
        row("pair", "async_channel", 1024, on_one_thread!(channel, 1, send!(channel), receive!(channel))),
        row("pair", "peer_2", 1024, on_one_thread!(peer, 1, send!(peer), receive!(peer))),
        row("burst", "handoff", 1024, on_one_thread!(handoff, 64, send!(handoff), receive!(handoff))),
        row("burst", "async_channel", 1024, on_one_thread!(channel, 64, send!(channel), receive!(channel))),
        row("burst", "peer_2", 1024, on_one_thread!(peer, 64, send!(peer), receive!(peer))),
        row(
            "awaited",
            "handoff",
            1024,
            awaited!(handoff, |sender, message| sender.send(message, LEN), |received| *received),
        ),
        row(
            "awaited",
            "async_channel",
            1024,
            awaited!(channel, |sender, message| sender.send(message), |received| received),
        ),
        row(
            "threads",
            "handoff",
            16_384,
            threads!(handoff, |sender, message| sender.send_blocking(message, LEN), |receiver| receiver
                .recv_blocking()
                .map(|message| *message)),
        ),
        row(
            "threads",
            "async_channel",
            16_384,
            threads!(channel, |sender, message| sender.send_blocking(message), |receiver| receiver
                .recv_blocking()),
        ),
        row(
            "tasks",
            "handoff",
            16_384,
            tasks!(handoff, |sender, message| sender.send(message, LEN), |receiver| receiver.recv().await),
        ),
        row(
            "tasks",
            "async_channel",
            16_384,
            tasks!(channel, |sender, message| sender.send(message), |receiver| receiver.recv().await.ok()),
        ),
    ]
}

/// Two rows, and the ratio that the first one must reach.
const PAIRS: [(&str, &str, Option<f64>); 7] = [
    ("pair", "peer_2", Some(1.5)),
    ("pair", "async_channel", Some(1.0 / 1.3)),
    ("burst", "peer_2", None),
    ("burst", "async_channel", None),
    ("awaited", "async_channel", None),
    ("threads", "async_channel", None),
    ("tasks", "async_channel", None),
];

/// How often both sides are measured, one after the other.
const TURNS: usize = 201;
/// How long one side is measured at a time, in seconds.
const TURN: f64 = 0.003;

/// Seconds for each operation.
fn time(run: &mut Run, operations: usize) -> f64 {
    let start = clock();
    run(operations);
    (clock() - start) / operations as f64
}

/// The CPU time of the process if it is available: it does not include what other programs take of
/// the processor.
#[cfg(unix)]
fn clock() -> f64 {
    use rustix::time::{ClockId, clock_gettime};

    let now = clock_gettime(ClockId::ProcessCPUTime);
    now.tv_sec as f64 + now.tv_nsec as f64 * 1e-9
}

#[cfg(not(unix))]
fn clock() -> f64 {
    use std::{sync::LazyLock, time::Instant};

    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed().as_secs_f64()
}

fn compare(filters: &[String]) {
    let rows = rows();
    let mut compared = 0;
    for (work, with, least) in PAIRS {
        let line = format!("{work}: handoff beside {with}");
        if !filters.iter().all(|filter| line.contains(filter)) {
            continue;
        }
        compared += 1;
        let mut sides = ["handoff", with].map(|name| {
            let row = rows.iter().find(|row| (row.work, row.name) == (work, name)).expect("it is a row");
            let mut run = (row.prepare)();
            time(&mut run, row.operations);
            let each = time(&mut run, row.operations);
            let rounds = (TURN / each / row.operations as f64).ceil() as usize;
            (run, rounds.max(1) * row.operations)
        });
        let mut turns: Vec<[f64; 2]> = (0..TURNS)
            .map(|turn| {
                let mut taken = [0.0; 2];
                for side in if turn % 2 == 0 { [0, 1] } else { [1, 0] } {
                    let (run, operations) = &mut sides[side];
                    taken[side] = time(run, *operations) * 1e9;
                }
                taken
            })
            .collect();
        let mut part = |part: f64, value: fn(&[f64; 2]) -> f64| {
            turns.sort_by(|a, b| value(a).total_cmp(&value(b)));
            value(&turns[((TURNS - 1) as f64 * part) as usize])
        };
        let ratio = |[ours, other]: &[f64; 2]| other / ours;
        let [quarter, median, three_quarters] = [0.25, 0.5, 0.75].map(|at| part(at, ratio));
        let (ours, other) = (part(0.5, |turn| turn[0]), part(0.5, |turn| turn[1]));
        let kept = match least {
            Some(least) if median >= least => format!(", at least {least:.2}: kept"),
            Some(least) => format!(", at least {least:.2}: MISSED"),
            None => String::new(),
        };
        println!(
            "{line:40} {ours:8.1} ns {other:8.1} ns, ratio {median:.2} ({quarter:.2}..{three_quarters:.2}){kept}"
        );
    }
    if compared == 0 {
        eprintln!("no pair has all of `{}` in its line", filters.join("`, `"));
        exit(2);
    }
}

fn main() {
    set_workers(2);
    let mut args = env::args().skip(1).filter(|arg| arg != "--bench").peekable();
    if args.next_if_eq("compare").is_some() {
        return compare(&args.collect::<Vec<_>>());
    }
    let mut criterion = Criterion::default().sample_size(20).configure_from_args();
    for row in rows() {
        let mut group = criterion.benchmark_group(format!("message.{}", row.work));
        group.throughput(Throughput::Elements(row.operations as u64));
        let mut run = None;
        group.bench_function(row.name, |bencher| {
            // Not for those that are filtered out.
            let run = run.get_or_insert_with(row.prepare);
            bencher.iter(|| run(row.operations));
        });
        group.finish();
    }
    criterion.final_summary();
}
