//! Packets over streams.

use std::{future::Future, io, pin::pin, task::Context};

use futures_handoff::{FrameError, HandoffBuffer, WriteHandoff, WriteHandoffConfig, WriteTask};
use futures_util::{
    AsyncRead,
    future::{join, join3},
};
use runtimes::io::{ScriptReader, ScriptWriter, WriteStep};

use super::support::*;
use futures_handoff::fragment::{receive_framed, send_framed};

/// The bytes of a stream with these packets, built by hand.
fn stream<P: AsRef<[u8]>>(packets: impl IntoIterator<Item = P>) -> Vec<u8> {
    let framed = |packet: P| {
        let packet = packet.as_ref();
        [&u16::try_from(packet.len()).unwrap().to_be_bytes()[..], packet].concat()
    };
    packets.into_iter().flat_map(framed).collect()
}

fn handoff(budget: usize) -> (WriteHandoff<ScriptWriter>, WriteTask<ScriptWriter>) {
    let config = WriteHandoffConfig::default().with_max_pending_bytes(budget);
    WriteHandoff::new(ScriptWriter::willing(), config)
}

/// Sends a whole message; returns the rest of the range.
async fn send(handoff: &WriteHandoff<ScriptWriter>, message: &Fragmenter) -> (io::Result<()>, Range<u32>) {
    let mut range = 0..message.count();
    let sent = send_framed(handoff, message, &mut range, &mut Plain, &mut PacketPool::default()).await;
    (sent, range)
}

/// The bytes written while `sending` runs.
fn written<T>(task: WriteTask<ScriptWriter>, sending: impl Future<Output = T>) -> (Vec<u8>, T) {
    let (writer, sent) = futures_executor::block_on(join(task, sending));
    (writer.unwrap().log().written(), sent)
}

struct Side {
    buffer: HandoffBuffer,
    reassembler: Reassembler<u8>,
}

impl Side {
    fn new(room: usize) -> Self {
        let limits = Limits::default().with_min_stride(1);
        Self { buffer: HandoffBuffer::new(room), reassembler: Reassembler::new(limits) }
    }

    async fn receive(
        &mut self,
        reader: &mut (impl AsyncRead + Unpin),
    ) -> Result<Option<(u32, Bytes)>, FrameError> {
        let Self { buffer, reassembler } = self;
        receive_framed(buffer, reader, reassembler, &3, &mut Plain, Instant::now).await
    }

    /// All messages until the stream ends.
    async fn receive_all(&mut self, reader: &mut (impl AsyncRead + Unpin)) -> Vec<(u32, Bytes)> {
        let mut all = Vec::new();
        while let Some(message) = self.receive(reader).await.unwrap() {
            all.push(message);
        }
        all
    }
}

/// How many polls it takes. Each must have been requested by a wake-up.
fn polls(future: impl Future) -> usize {
    let (waker, wakes) = futures_test::task::new_count_waker();
    let (mut future, mut polls) = (pin!(future), 1);
    while future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
        assert_eq!(wakes.get(), polls, "it waits for nothing");
        polls += 1;
    }
    polls
}

/// The longest packet, and its length in front of it.
const ROOM: usize = MAX_PACKET_LEN + 2;

runtimes::watched_tests! {
    fn each_packet_goes_behind_its_length() {
        for (len, bytes) in [(0, 100), (1, 100), (100, 100), (101, 100), (100_000, 100), (300_000, 65_491)] {
            let message = cut(1, &pattern(len), bytes);
            let (handoff, task) = handoff(1 << 20);
            let (wire, (sent, range)) = written(task, async {
                let sent = send(&handoff, &message).await;
                handoff.close();
                sent
            });
            sent.unwrap();
            assert_eq!(range, message.count()..message.count());
            assert!(wire == stream(packets(1, &pattern(len), bytes)), "{len} bytes");
        }
    }

    /// A block has room at once or waits: it is never accepted in parts.
    fn a_budget_that_is_smaller_than_a_block_makes_smaller_blocks() {
        // A packet of 118 bytes with its length.
        for (budget, per_block) in [(118, 1), (235, 1), (236, 2), (1_000, 8), (7_552, 64), (1 << 20, 64)] {
            let message = cut(1, &pattern(20_000), STRIDE);
            let (handoff, task) = handoff(budget);
            let mut range = 0..message.count();
            let (mut pool, mut plain) = (PacketPool::default(), Plain);
            let mut counts = Vec::new();
            // Each pending poll has filled the budget; the task does not run.
            {
                let mut sending = pin!(send_framed(&handoff, &message, &mut range, &mut plain, &mut pool));
                let waits = futures_util::FutureExt::now_or_never(sending.as_mut()).is_none();
                assert_eq!(waits, budget < 200 * 118);
                counts.push(handoff.pending_bytes());
            }
            let blocks = (budget / (per_block * 118)).min(200_usize.div_ceil(per_block));
            assert_eq!(counts, [(blocks * per_block).min(200) * 118], "with {budget} bytes");
            assert_eq!(range.start as usize, (blocks * per_block).min(200));
            // Another call sends what was not accepted.
            let (wire, sent) = written(task, async {
                let sent = send_framed(&handoff, &message, &mut range, &mut Plain, &mut pool).await;
                handoff.close();
                sent
            });
            sent.unwrap();
            assert!(wire == stream(packets(1, &pattern(20_000), STRIDE)));
        }
    }

    fn a_packet_that_is_longer_than_the_budget_is_an_error() {
        for len in [300, 99] {
            let message = cut(1, &pattern(len), STRIDE);
            let longest = len.min(100) + 18;
            let (handoff, task) = handoff(longest - 1);
            let (wire, (sent, range)) = written(task, async {
                let sent = send(&handoff, &message).await;
                handoff.close();
                sent
            });
            let error = sent.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{error}");
            for part in [longest.to_string(), (longest - 1).to_string()] {
                assert!(error.to_string().contains(&part), "{error}");
            }
            assert_eq!((range.start, wire.len()), (0, 0));
        }
    }

    fn a_packet_that_no_datagram_carries_is_not_sent_over_a_stream_either() {
        let (handoff, task) = handoff(1 << 20);
        let message = cut(1, &pattern(70_000), 65_492);
        let (wire, (sent, range)) = written(task, async {
            let sent = send(&handoff, &message).await;
            handoff.close();
            sent
        });
        let error = sent.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        assert!(error.to_string().contains("65508 bytes"), "{error}");
        assert_eq!((range, wire.len()), (0..2, 0));
    }

    fn a_closed_handoff_leaves_the_range() {
        let (handoff, _task) = handoff(1 << 20);
        handoff.close();
        let message = cut(1, &pattern(1_000), STRIDE);
        let (sent, range) = futures_executor::block_on(send(&handoff, &message));
        assert!(sent.is_err());
        assert_eq!(range, 0..10);
    }

    /// The writer fails in the middle of the second block.
    fn a_writer_that_fails_ends_the_sending() {
        let fails = WriteStep::Error(io::ErrorKind::BrokenPipe);
        let writer = ScriptWriter::new([WriteStep::Accept(64 * 118 + 50), fails]);
        let config = WriteHandoffConfig::default().with_max_pending_bytes(64 * 118);
        let (handoff, task) = WriteHandoff::new(writer, config);
        let message = cut(1, &pattern(100_000), STRIDE);
        let (failed, (sent, range)) = futures_executor::block_on(join(task, send(&handoff, &message)));
        assert!(failed.is_err());
        assert_eq!(sent.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        assert!(range.start >= 64 && range.start < 1_000 && range.start % 64 == 0, "{range:?}");
    }

    /// Both yield even if nothing makes them wait.
    fn other_tasks_get_their_turn() {
        let message = cut(1, &pattern(4 << 20), 1_000);
        let (handoff, _task) = handoff(1 << 30);
        let polls = polls(send(&handoff, &message));
        assert!(polls > 1, "it sends in one go");
        let wire = stream(packets(1, &pattern(4 << 20), 1_000));
        let limits = Limits::default().with_max_message_len(4 << 20);
        let mut side = Side { reassembler: Reassembler::new(limits), ..Side::new(ROOM) };
        let polls = self::polls(side.receive(&mut &wire[..]));
        assert!(polls > 1, "it receives in one go");
    }

    /// However the bytes arrive.
    fn a_reader_that_gives_one_byte_at_a_time_is_read() {
        let mut wire = stream(packets(1, &pattern(1_050), STRIDE));
        wire.extend(stream(packets(2, &pattern(0), STRIDE)));
        wire.extend(stream(packets(3, &pattern(30), 7)));
        let expected = [(1, pattern(1_050)), (2, pattern(0)), (3, pattern(30))];
        for size in [1, 2, 3, 117, 118, 119, 1_000, 1 << 20] {
            for mut reader in [ScriptReader::paced(&wire, size), ScriptReader::bursts(&wire, size)] {
                let mut side = Side::new(ROOM);
                assert_eq!(futures_executor::block_on(side.receive_all(&mut reader)), expected);
            }
        }
        for seed in 0..50 {
            let mut reader = ScriptReader::seeded(seed, &wire);
            assert_eq!(futures_executor::block_on(Side::new(ROOM).receive_all(&mut reader)), expected);
        }
    }

    /// The buffer holds exactly the longest possible packet.
    fn packets_that_no_reassembler_takes_are_left_out_and_counted() {
        let whole = packets(1, &pattern(350), STRIDE);
        let garbage: [&[u8]; 6] = [b"", b"!", &[0xF1; 15], &[0xF1; 16], &[0; 65_535], &whole[0][..50]];
        let other = raw(STRIDE, 1, 0, 351, &[7; 100]).wire();
        let mut mixed: Vec<&[u8]> = Vec::new();
        for packet in &whole {
            mixed.extend(garbage);
            mixed.push(packet);
            mixed.push(&other);
        }
        // After the first packet, and before the last one: the other one fits neither of them.
        let refused = garbage.len() * 4 + 3;
        let mut side = Side::new(65_537);
        let mut reader = ScriptReader::bursts(&stream(mixed), 1_000);
        let received = futures_executor::block_on(side.receive(&mut reader)).unwrap();
        assert_eq!(received, Some((1, pattern(350))));
        let stats = side.reassembler.stats();
        assert_eq!((stats.refused as usize, stats.duplicates), (refused, 0));
        assert_eq!(futures_executor::block_on(side.receive(&mut reader)).unwrap(), None);
        assert_eq!(side.reassembler.stats().duplicates, 1, "it is over");
    }

    fn what_is_incomplete_at_the_end_stays() {
        let packets = packets(1, &pattern(350), STRIDE);
        let mut side = Side::new(ROOM);
        let mut first = ScriptReader::bursts(&stream(&packets[..2]), 100);
        assert_eq!(futures_executor::block_on(side.receive(&mut first)).unwrap(), None);
        let missing: Vec<_> = side.reassembler.missing(&3, 1).unwrap().collect();
        assert_eq!(missing, [2..4]);
        // Over another connection.
        let mut second = ScriptReader::bursts(&stream(&packets[2..]), 100);
        let received = futures_executor::block_on(side.receive(&mut second)).unwrap();
        assert_eq!(received, Some((1, pattern(350))));
    }

    fn a_stream_that_ends_in_a_packet_or_has_a_longer_one_is_an_error() {
        let wire = stream(packets(1, &pattern(350), STRIDE));
        for cut in 0..wire.len() {
            let mut side = Side::new(ROOM);
            let mut reader = ScriptReader::bursts(&wire[..cut], 50);
            let received = futures_executor::block_on(side.receive(&mut reader));
            match received {
                Ok(None) => assert!(cut % 118 == 0, "it was cut at {cut}"),
                Err(FrameError::Truncated { .. }) => assert!(cut % 118 > 0, "it was cut at {cut}"),
                other => panic!("{other:?}"),
            }
            assert_eq!(side.reassembler.stats().refused, 0);
        }
        let mut side = Side::new(100);
        let received = futures_executor::block_on(side.receive(&mut ScriptReader::bursts(&wire, 50)));
        let error = received.unwrap_err();
        assert!(matches!(error, FrameError::TooLong { .. }), "{error:?}");
        assert!(error.to_string().contains("100"), "{error}");
    }
}

runtimes::tests! {
    /// Each task sends messages of its own, by a handle and a pool of its own, through room for two
    /// blocks. All of them come in between each other.
    async fn messages_of_several_tasks_share_a_stream<R: Runtime>() {
        let (near, far) = R::duplex(1_000);
        let config = WriteHandoffConfig::default().with_max_pending_bytes(2 * 64 * 118);
        let (handoff, task) = WriteHandoff::new(near, config);
        R::spawn(task.detach());
        let senders: Vec<_> = (0..3_u32)
            .map(|sender| {
                let handoff = handoff.clone();
                R::task(async move {
                    for id in (0..5).map(|id| id * 3 + sender) {
                        let message = cut(id, &pattern(20_000 + id as usize), STRIDE);
                        let (mut range, mut pool) = (0..message.count(), PacketPool::default());
                        send_framed(&handoff, &message, &mut range, &mut Plain, &mut pool).await.unwrap();
                    }
                })
            })
            .collect();
        drop(handoff);
        let receiving = R::task(async move {
            let (mut side, mut far) = (Side::new(ROOM), far);
            let all = side.receive_all(&mut far).await;
            (all, side.reassembler.stats())
        });
        for sender in senders {
            sender.await;
        }
        let (mut all, stats) = receiving.await;
        all.sort_by_key(|(id, _)| *id);
        let expected: Vec<_> = (0..15).map(|id| (id, pattern(20_000 + id as usize))).collect();
        assert!(all == expected, "{} messages", all.len());
        assert_eq!((stats.completed, stats.refused, stats.duplicates, stats.in_flight), (15, 0, 0, 0));
    }

    /// What one side sends of a message of which the other side has a part.
    async fn a_message_goes_on_over_a_socket_where_it_stopped<R: Runtime>() {
        let mut listener = R::bind(([127, 0, 0, 1], 0).into()).await.unwrap();
        let (message, mut side) = (cut(9, &pattern(1 << 20), 1_184), Side::new(ROOM));
        let mut wanted = vec![0..400];
        for round in 0..2 {
            let (near, mut far) = R::tcp_pair(&mut listener).await.unwrap();
            let (handoff, task) = WriteHandoff::new(near, WriteHandoffConfig::default());
            let sending = async {
                let mut pool = PacketPool::default();
                for range in &mut wanted {
                    send_framed(&handoff, &message, range, &mut Plain, &mut pool).await.unwrap();
                }
                handoff.close();
            };
            let (written, (), received) = join3(task, sending, side.receive(&mut far)).await;
            assert!(written.is_ok());
            let expected = (round == 1).then(|| (9, pattern(1 << 20)));
            assert!(received.unwrap() == expected, "round {round}");
            wanted = side.reassembler.missing(&3, 9).unwrap().collect();
        }
        assert_eq!((wanted.len(), side.reassembler.stats().duplicates), (0, 0));
    }
}
