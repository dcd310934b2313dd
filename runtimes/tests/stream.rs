//! Every implementation carries every stream, and one that does not is found out.

use std::{io, time::Duration};

use clap::{Parser, ValueEnum};
use futures_handoff_runtimes::{
    self as runtimes, Local,
    stream::{
        Completion, Failure, ImplementationName, Next, Payloads, Proxy, Report, Runner, RuntimeName,
        Settings, TUNNEL, TransportName, Unavailable, Verifier, measure, next, runner,
    },
};
use futures_util::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    settings: Settings,
}

/// Small streams, measured once.
fn settings(transport: TransportName, arrival: usize) -> Settings {
    let line = "test --connections 3 --route-frames 9 --tunnel-bytes 40001 --seconds 0 --stall-seconds 20";
    let Line { settings } = Line::parse_from(line.split(' '));
    Settings { transport, input_fragment: Some(arrival), ..settings }
}

fn carries(runtime: RuntimeName, implementation: ImplementationName, runner: Runner) {
    for &transport in TransportName::value_variants() {
        for (arrival, tunnel_bytes) in [(1, 3001), (64, 40_001), (1460, 40_001), (16 * 1024, 40_001)] {
            for completion in [Completion::FireAndForget, Completion::Ticket] {
                let settings = Settings { completion, tunnel_bytes, ..settings(transport, arrival) };
                let payloads = Payloads::new(&settings);
                let report = runner(&settings, &payloads).unwrap_or_else(|failure| {
                    panic!("{implementation} on {runtime}, {transport}, {arrival}, {completion}: {failure}")
                });
                assert_eq!(report.bytes, payloads.total());
                assert_eq!((report.streams, report.iterations), (3, 1));
            }
        }
    }
}

#[test]
fn every_implementation_carries_every_stream_on_every_runtime() {
    for &runtime in RuntimeName::value_variants() {
        for &implementation in ImplementationName::value_variants() {
            match runner(runtime, implementation) {
                Ok(runner) => runtimes::watched("every_implementation_carries_every_stream", move || {
                    carries(runtime, implementation, runner);
                }),
                Err(Unavailable::Runtime(RuntimeName::Local)) => panic!("local is always there"),
                Err(Unavailable::Runtime(_)) => {}
                Err(unavailable) => assert!(
                    matches!(implementation, ImplementationName::Peer1 | ImplementationName::Peer2),
                    "{unavailable}"
                ),
            }
        }
    }
}

#[test]
fn the_peers_run_on_tokio_only() {
    let error = runner(RuntimeName::Local, ImplementationName::Peer2).unwrap_err();
    assert_eq!(
        error.to_string(),
        "peer_2 cannot run on local: it needs tokio or tokio_current, and the feature `peers`"
    );
    let there = cfg!(feature = "peers");
    for runtime in [RuntimeName::Tokio, RuntimeName::TokioCurrent] {
        for peer in [ImplementationName::Peer1, ImplementationName::Peer2] {
            assert_eq!(runner(runtime, peer).is_ok(), there, "{peer} on {runtime}");
        }
    }
}

/// Damages the output of the copy loop.
#[derive(Debug, Clone, Copy)]
enum Fault {
    /// One bit.
    Flip,
    /// One read is missing.
    Lose,
    /// One read comes twice.
    Double,
    /// Two bytes change places.
    Swap,
    /// One read is backwards.
    Reverse,
    /// One read comes after the next.
    Delay,
    /// The last byte is missing.
    Truncate,
    /// One byte more.
    Append,
    /// Nothing more comes.
    Hang,
    /// The proxy panics.
    Panic,
    /// The proxy gives up.
    Error,
}

impl<I, O> Proxy<I, O> for Fault
where
    I: AsyncRead + Unpin + Send + 'static,
    O: AsyncWrite + Unpin + Send + 'static,
{
    async fn run(self, mut reader: I, mut writer: O, _: Settings) -> io::Result<()> {
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).await?;
        match self {
            Self::Flip => bytes[20_000] ^= 1,
            Self::Lose => drop(bytes.drain(20_000..20_064)),
            Self::Double => drop(bytes.splice(20_000..20_000, bytes[20_000..20_064].to_vec())),
            Self::Swap => {
                let other = (20_001..).find(|&at| bytes[at] != bytes[20_000]).unwrap();
                bytes.swap(20_000, other);
            }
            Self::Reverse => bytes[20_000..20_064].reverse(),
            Self::Delay => bytes[20_000..20_128].rotate_left(64),
            Self::Truncate => drop(bytes.pop()),
            Self::Append => bytes.push(b'!'),
            Self::Hang => std::future::pending().await,
            Self::Panic => panic!("meant to panic"),
            Self::Error => return Err(io::Error::other("meant to fail")),
        }
        writer.write_all(&bytes).await?;
        writer.close().await
    }
}

fn failure(fault: Fault, transport: TransportName) -> Failure {
    let mut settings = settings(transport, 1000);
    if matches!(fault, Fault::Hang) {
        settings.stall_seconds = Duration::from_millis(50);
    }
    let payloads = Payloads::new(&settings);
    measure::<Local, _>(fault, &settings, &payloads).expect_err("the fault is found")
}

#[test]
fn a_changed_byte_is_found_where_it_is() {
    for &transport in TransportName::value_variants() {
        for fault in [Fault::Flip, Fault::Swap] {
            let failure = failure(fault, transport);
            assert!(matches!(failure, Failure::Mismatch { offset: 20_000, .. }), "{transport}: {failure}");
        }
    }
}

#[test]
fn missing_doubled_and_displaced_bytes_are_found() {
    for &transport in TransportName::value_variants() {
        for fault in [Fault::Lose, Fault::Double, Fault::Reverse, Fault::Delay] {
            let failure = failure(fault, transport);
            // Random bytes may go on equal for a few.
            assert!(
                matches!(failure, Failure::Mismatch { offset: 20_000..20_100, .. }),
                "{fault:?} {transport}: {failure}"
            );
        }
        let len = 9 * 64 + TUNNEL.len() + 40_001;
        let truncated = failure(Fault::Truncate, transport);
        assert!(
            matches!(truncated, Failure::Loss { offset, cause: None, .. } if offset == len - 1),
            "{transport}: {truncated}"
        );
        let appended = failure(Fault::Append, transport);
        assert!(matches!(appended, Failure::Surplus { len: at, .. } if at == len), "{transport}: {appended}");
    }
}

#[test]
fn a_proxy_that_hangs_panics_or_fails_ends_the_run() {
    for &transport in TransportName::value_variants() {
        assert!(matches!(failure(Fault::Hang, transport), Failure::Stalled { .. }));
        assert!(matches!(failure(Fault::Panic, transport), Failure::Panicked { .. }));
        let failed = failure(Fault::Error, transport);
        assert!(matches!(failed, Failure::Loss { offset: 0, cause: Some(_), .. }), "{transport}: {failed}");
        assert!(failed.to_string().ends_with("ends at offset 0 of 40584: meant to fail"));
    }
}

#[test]
fn the_verifier_takes_any_split() {
    let sent: Vec<u8> = (0..200).collect();
    for split in 0..=sent.len() {
        let mut verifier = Verifier::new(0, sent.clone().into());
        verifier.check(&sent[..split]).unwrap();
        assert_eq!((verifier.checked(), verifier.is_complete()), (split, split == sent.len()));
        verifier.check(&sent[split..]).unwrap();
        assert!(verifier.is_complete());
        assert!(matches!(verifier.check(&[0]), Err(Failure::Surplus { stream: 0, len: 200 })));
        verifier.check(&[]).unwrap();
    }
}

#[test]
fn streams_differ_and_the_parser_reads_them() {
    let settings = settings(TransportName::Cached, 64);
    let payloads = Payloads::new(&settings);
    let [first, second, _] = payloads.streams() else { panic!("three streams") };
    assert_ne!(first, second);
    assert_ne!(first[first.len() - 1000..], second[second.len() - 1000..]);

    let mut at = 0;
    for _ in 0..9 {
        assert_eq!(next(&first[at..at + 63]), Next::More);
        assert_eq!(next(&first[at..]), Next::Frame(64));
        at += 64;
    }
    assert_eq!(next(&first[at..]), Next::Tunnel);
    assert_eq!(next(&first[at..at + 3]), Next::More);
    assert_eq!(first.len(), at + TUNNEL.len() + 40_001);
}

/// Keeps everything that it has read for a while.
#[derive(Debug, Clone, Copy)]
struct Late;

const LATE: Duration = Duration::from_millis(50);

impl<I, O> Proxy<I, O> for Late
where
    I: AsyncRead + Unpin + Send + 'static,
    O: AsyncWrite + Unpin + Send + 'static,
{
    async fn run(self, mut reader: I, mut writer: O, _: Settings) -> io::Result<()> {
        let mut buf = vec![0; 64 * 1024];
        loop {
            match reader.read(&mut buf).await? {
                0 => return writer.close().await,
                n => {
                    <Local as runtimes::Runtime>::sleep(LATE).await;
                    writer.write_all(&buf[..n]).await?;
                }
            }
        }
    }
}

#[test]
fn what_is_kept_shows_in_every_latency() {
    for &transport in TransportName::value_variants() {
        runtimes::watched("what_is_kept_shows_in_every_latency", move || {
            // All nine lines are in the first piece.
            let settings = Settings { frame_latency: Some(true), ..settings(transport, 40_000) };
            let report = measure::<Local, _>(Late, &settings, &Payloads::new(&settings)).unwrap();
            for quantile in [0.0, 0.5, 1.0] {
                let line = report.line_latency(quantile).unwrap();
                assert!(line >= LATE, "{transport}, {quantile}: {line:?}");
                assert!(report.stream_latency(quantile) >= LATE, "{transport}, {quantile}");
            }
            if transport == TransportName::Cached {
                // Two pieces, one after the other.
                assert!(report.stream_latency(0.0) >= 2 * LATE - LATE / 100);
            }
        });
    }
}

#[test]
fn a_latency_beyond_a_day_counts_as_a_day() {
    let mut report = serde_json::to_value(Report::empty()).unwrap();
    report["stream_latencies"] = serde_json::json!([[90_000_000_000_u64, 3], [u64::MAX, 1]]);
    let report: Report = serde_json::from_value(report).unwrap();
    let seconds = |quantile| report.stream_latency(quantile).as_secs_f64();
    assert!((seconds(0.5) / 90.0 - 1.0).abs() < 1e-3, "{}", seconds(0.5));
    assert!((seconds(1.0) / 86_400.0 - 1.0).abs() < 1e-3, "{}", seconds(1.0));
}
