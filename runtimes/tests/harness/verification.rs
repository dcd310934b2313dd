//! Every implementation carries every stream, and a faulty one is detected.

use std::{io, time::Duration};

use clap::ValueEnum;
use futures_handoff_runtimes::{
    Local, Runtime,
    harness::{
        Completion, Failure, ImplementationName, Payloads, Proxy, RuntimeName, Settings, TransportName,
        Verifier, measure, runner,
    },
    watched,
};
use futures_util::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::binary;

/// Small streams, measured once.
fn settings(transport: TransportName, arrival: usize) -> Settings {
    let line = "--connections 3 --route-frames 9 --tunnel-bytes 40001 --seconds 0 --stall-seconds 20";
    Settings { transport, input_fragment: Some(arrival), ..binary::settings(line) }
}

/// The length of such a stream.
const LEN: usize = 9 * 64 + 7 + 40_001;

fn carries(runtime: RuntimeName, implementation: ImplementationName) {
    let runner = runner(runtime, implementation).unwrap();
    for &transport in TransportName::value_variants() {
        for (arrival, tunnel_bytes) in [(1, 3001), (64, 40_001), (1460, 40_001), (16 * 1024, 40_001)] {
            for completion in [Completion::FireAndForget, Completion::Ticket] {
                let settings = Settings { completion, tunnel_bytes, ..settings(transport, arrival) };
                let measured = runner(&settings, &Payloads::new(&settings)).unwrap_or_else(|failure| {
                    panic!("{implementation} on {runtime}, {transport}, {arrival}, {completion}: {failure}")
                });
                assert_eq!((measured.streams, measured.iterations), (3, 1));
                assert_eq!(measured.bytes, 3 * (LEN - 40_001 + tunnel_bytes) as u64);
            }
        }
    }
}

#[test]
fn every_implementation_carries_every_stream_on_every_runtime() {
    use ImplementationName::{Peer1, Peer2};
    use RuntimeName::{AsyncStd, Local, Smol, Tokio, TokioCurrent};

    for &runtime in RuntimeName::value_variants() {
        let compiled_in = match runtime {
            Local => true,
            Tokio | TokioCurrent => cfg!(feature = "tokio"),
            Smol => cfg!(feature = "smol"),
            AsyncStd => cfg!(feature = "async-std"),
        };
        for &implementation in ImplementationName::value_variants() {
            let is_peer = matches!(implementation, Peer1 | Peer2);
            let on_tokio = matches!(runtime, Tokio | TokioCurrent);
            match runner(runtime, implementation) {
                Ok(_) => watched("every_implementation_carries", move || carries(runtime, implementation)),
                Err(said) if said.contains("is not compiled in") => assert!(!compiled_in, "{said}"),
                Err(said) => assert!(is_peer && !(on_tokio && cfg!(feature = "peers")), "{said}"),
            }
        }
    }
}

/// What is done with what was read of a stream.
#[derive(Debug, Clone, Copy, Default)]
enum Fault {
    /// These bytes are written instead.
    Damage(fn(&mut Vec<u8>)),
    /// Nothing more comes.
    #[default]
    Hang,
    Panic,
    Error,
}

impl<I, O> Proxy<I, O> for Fault
where
    I: AsyncRead + Unpin + Send + 'static,
    O: AsyncWrite + Unpin + Send + 'static,
{
    async fn run<R: Runtime>(self, mut reader: I, mut writer: O, _: Settings) -> io::Result<()> {
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).await?;
        match self {
            Self::Damage(damage) => damage(&mut bytes),
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
    measure::<Local, _>(fault, &settings, &Payloads::new(&settings)).expect_err("the fault is found")
}

#[test]
fn changed_missing_doubled_and_moved_bytes_are_found_where_they_are() {
    let damages: [fn(&mut Vec<u8>); 6] = [
        |bytes| bytes[20_000] ^= 1,
        |bytes| drop(bytes.drain(20_000..20_064)),
        |bytes| drop(bytes.splice(20_000..20_000, bytes[20_000..20_064].to_vec())),
        |bytes| {
            let other = (20_001..).find(|&at| bytes[at] != bytes[20_000]).unwrap();
            bytes.swap(20_000, other);
        },
        |bytes| bytes[20_000..20_064].reverse(),
        |bytes| bytes[20_000..20_128].rotate_left(64),
    ];
    for &transport in TransportName::value_variants() {
        for (place, damage) in damages.into_iter().enumerate() {
            let failure = failure(Fault::Damage(damage), transport);
            // A few random bytes may be equal.
            let found = matches!(failure, Failure::Mismatch { offset: 20_000..20_100, .. });
            assert!(found, "{place}, {transport}: {failure}");
        }
        let truncated = failure(Fault::Damage(|bytes| bytes.truncate(LEN - 1)), transport);
        let found = matches!(truncated, Failure::Loss { offset, cause: None, .. } if offset == LEN - 1);
        assert!(found, "{transport}: {truncated}");
        let appended = failure(Fault::Damage(|bytes| bytes.push(b'!')), transport);
        assert!(matches!(appended, Failure::Surplus { len: LEN, .. }), "{transport}: {appended}");
    }
}

#[test]
fn a_proxy_that_keeps_bytes_panics_or_fails_ends_the_run() {
    for &transport in TransportName::value_variants() {
        assert!(matches!(failure(Fault::Hang, transport), Failure::Stalled { .. }));
        assert!(matches!(failure(Fault::Panic, transport), Failure::Panicked { .. }));
        let failed = failure(Fault::Error, transport);
        assert!(failed.to_string().ends_with("ends at offset 0 of 40584: meant to fail"), "{failed}");
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
    }
}

/// Writes everything some time after it was read.
#[derive(Debug, Clone, Copy, Default)]
struct Late;

const LATE: Duration = Duration::from_millis(50);

impl<I, O> Proxy<I, O> for Late
where
    I: AsyncRead + Unpin + Send + 'static,
    O: AsyncWrite + Unpin + Send + 'static,
{
    async fn run<R: Runtime>(self, mut reader: I, mut writer: O, _: Settings) -> io::Result<()> {
        let mut buf = vec![0; 64 * 1024];
        loop {
            let n = reader.read(&mut buf).await?;
            if n == 0 {
                return writer.close().await;
            }
            R::sleep(LATE).await;
            writer.write_all(&buf[..n]).await?;
        }
    }
}

#[test]
fn what_is_kept_shows_in_every_latency() {
    for &transport in TransportName::value_variants() {
        // All nine lines are in the first piece.
        let settings = Settings { frame_latency: Some(true), ..settings(transport, 40_000) };
        let measured = measure::<Local, _>(Late, &settings, &Payloads::new(&settings)).unwrap();
        for quantile in [0.0, 0.5, 1.0] {
            assert!(measured.line_latency(quantile).unwrap() >= LATE, "{transport}, {quantile}");
            assert!(measured.stream_latency(quantile) >= LATE, "{transport}, {quantile}");
        }
    }
}
