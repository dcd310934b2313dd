//! The implementations between a reader and a writer that misbehave.

use std::{
    io::ErrorKind::{BrokenPipe, ConnectionReset, TimedOut},
    time::Duration,
};

use futures_handoff_runtimes::{
    self as runtimes,
    harness::{
        Completion, Payloads, Proxy, Settings,
        implementations::{
            ChannelFramed, Handoff, HandoffAdaptive, HandoffOwned, HandoffSpawned, ManualBuffered, ManualVec,
            RawCopy, SplitBytesMut,
        },
    },
    io::{EndStep, Gate, ReadStep, ScriptReader, ScriptWriter, WriteStep},
};

use super::binary;

/// One stream, and reads that are shorter than its lines.
fn settings(completion: Completion) -> Settings {
    let line = "--connections 1 --route-frames 100 --tunnel-bytes 40001 --read-reserve 50 --window 4";
    Settings { completion, ..binary::settings(line) }
}

const COMPLETIONS: [Completion; 2] = [Completion::FireAndForget, Completion::Ticket];

/// Runs a block with each implementation that needs no more than a runtime.
macro_rules! for_each_proxy {
    ($proxy:ident => $body:block) => {
        for_each_proxy!(@ $proxy $body Handoff, HandoffAdaptive, HandoffSpawned, HandoffOwned, ManualVec, ManualBuffered,
            SplitBytesMut, ChannelFramed, RawCopy);
    };
    (@ $proxy:ident $body:block $($value:expr),*) => { $( { let $proxy = $value; $body } )* };
}

runtimes::tests! {
    async fn short_reads_and_writes_lose_nothing<R: Runtime>() {
        for completion in COMPLETIONS {
            let settings = settings(completion);
            let payload = Payloads::new(&settings).streams()[0].clone();
            for (seed, gather_bytes) in [(0, 0), (1, 1), (2, 100), (3, 16 * 1024)] {
                let settings = Settings { gather_bytes, ..settings };
                for_each_proxy!(proxy => {
                    let writer = ScriptWriter::seeded(seed);
                    let log = writer.log();
                    proxy.run::<R>(ScriptReader::seeded(seed, &payload), writer, settings).await.unwrap();
                    assert_eq!(log.written(), payload, "{proxy:?}, seed {seed}");
                    assert!(log.is_closed(), "{proxy:?}, seed {seed}");
                });
            }
        }
    }

    async fn what_the_writer_says_reaches_the_caller<R: Runtime>() {
        let gives_up = || EndStep::Error(TimedOut);
        for completion in COMPLETIONS {
            let settings = settings(completion);
            let payload = Payloads::new(&settings).streams()[0].clone();
            for_each_proxy!(proxy => {
                let writer = ScriptWriter::new([WriteStep::Accept(70), WriteStep::Error(ConnectionReset)]);
                let reader = ScriptReader::new([ReadStep::Data(payload.clone())]);
                let error = proxy.run::<R>(reader, writer, settings).await.unwrap_err();
                assert_eq!(error.kind(), ConnectionReset, "{proxy:?}: {error}");

                let writer = ScriptWriter::willing().with_close([gives_up()]);
                let reader = ScriptReader::new([ReadStep::Data(payload.clone())]);
                let error = proxy.run::<R>(reader, writer, settings).await.unwrap_err();
                assert_eq!(error.kind(), TimedOut, "{proxy:?}: {error}");
            });
        }
    }

    async fn what_the_reader_says_reaches_the_caller<R: Runtime>() {
        let settings = settings(Completion::FireAndForget);
        let payload = Payloads::new(&settings).streams()[0].clone();
        for_each_proxy!(proxy => {
            let reader = ScriptReader::new([ReadStep::Data(payload.clone()), ReadStep::Error(BrokenPipe)]);
            let error = proxy.run::<R>(reader, ScriptWriter::willing(), settings).await.unwrap_err();
            assert_eq!(error.kind(), BrokenPipe, "{proxy:?}: {error}");
        });
    }

    async fn a_writer_task_that_ends_is_noticed_while_nothing_arrives<R: Runtime>() {
        for completion in COMPLETIONS {
            let settings = settings(completion);
            let payload = Payloads::new(&settings).streams()[0].clone();
            let silent = || ScriptReader::new([ReadStep::Data(payload.clone()), ReadStep::Wait(Gate::new())]);
            let proxy = ChannelFramed;

            let failing = ScriptWriter::willing().with_flush([EndStep::Error(ConnectionReset)]);
            let error = proxy.run::<R>(silent(), failing, settings).await.unwrap_err();
            assert_eq!(error.kind(), ConnectionReset);

            let panicking = ScriptWriter::new([WriteStep::Accept(70), WriteStep::Panic]);
            let error = proxy.run::<R>(silent(), panicking, settings).await.unwrap_err();
            assert_eq!(error.to_string(), "the writer task panicked");
        }
    }

    async fn tickets_hold_the_reader_back_until_bytes_are_written<R: Runtime>() {
        const LINES: usize = 40;
        for completion in COMPLETIONS {
            let line = "--connections 1 --route-frames 40 --tunnel-bytes 0 --read-reserve 64 \
                        --gather-bytes 64 --write-pending-bytes 1048576 --window 4";
            let settings = Settings { completion, ..binary::settings(line) };
            let payload = Payloads::new(&settings).streams()[0].clone();
            for_each_proxy!(proxy => {
                let reader = ScriptReader::new(payload.chunks(64).map(ReadStep::data));
                let read = reader.log();
                let gate = Gate::new();
                let writer = ScriptWriter::new([WriteStep::Wait(gate.clone())]);
                let running = R::task(proxy.run::<R>(reader, writer, settings));
                let name = format!("{proxy:?}");
                let hands_over = name.contains("Handoff") || name.contains("Channel");
                // The whole input is less than this one gathers before it parses.
                let at_once = name == "HandoffAdaptive";
                if at_once || hands_over && completion == Completion::FireAndForget {
                    // The proxy does not wait for the writer: everything is read.
                    while read.polls() <= LINES {
                        R::sleep(Duration::from_millis(1)).await;
                    }
                } else {
                    // Long enough for one that does not wait to read on.
                    R::sleep(Duration::from_millis(50)).await;
                    assert!(read.polls() < LINES / 2, "{name} has read {} lines ahead", read.polls());
                }
                gate.open();
                running.await.unwrap();
            });
        }
    }
}

/// Otherwise the counts of its writer would be missing in that round.
#[cfg(feature = "peers")]
#[test]
fn a_peer_is_done_when_its_writer_is_gone() {
    use std::pin::pin;

    use futures_handoff_runtimes::{
        Runtime, TokioCurrent,
        harness::{
            Metered,
            implementations::{Peer1, Peer2},
        },
        io::Duplex,
    };
    use futures_util::{AsyncReadExt, AsyncWriteExt, FutureExt};

    async fn leaves_an_end(peer: impl Proxy<Metered<Duplex>, Metered<Duplex>>) {
        let (mut client, inbound) = TokioCurrent::duplex(1000);
        let (outbound, mut sink) = TokioCurrent::duplex(1000);
        client.write_all(b"GET /a\nTUNNEL\nopaque").await.unwrap();
        client.close().await.unwrap();
        let (reader, writer) = (Metered::new(inbound), Metered::new(outbound));
        peer.run::<TokioCurrent>(reader, writer, settings(Completion::FireAndForget)).await.unwrap();
        let mut carried = Vec::new();
        {
            let mut read = pin!(sink.read_to_end(&mut carried));
            // The pipe yields at times; the peer's task cannot run meanwhile.
            let end = (0..100).find_map(|_| read.as_mut().now_or_never());
            end.expect("the writer is gone").unwrap();
        }
        assert_eq!(carried, b"GET /a\nTUNNEL\nopaque");
    }

    TokioCurrent::block_on(async {
        leaves_an_end(Peer1).await;
        leaves_an_end(Peer2).await;
    });
}
