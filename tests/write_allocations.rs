//! What the write half allocates: nothing per write and per ticket, little when idle, and no more than it says.

use std::{
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use allocation_counter::{AllocationInfo, measure};
use futures_handoff::{
    HandoffBuffer, HandoffBufferConfig, Inline, WriteHandoff, WriteHandoffConfig, WriteTask, bytes::Bytes,
};
use futures_handoff_runtimes as runtimes;
use futures_util::{AsyncWrite, FutureExt};

/// Takes everything, unless it is told to stall.
#[derive(Debug, Default)]
struct Sink {
    stalled: bool,
}

impl AsyncWrite for Sink {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[io::IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.stalled { Poll::Pending } else { Poll::Ready(Ok(bufs.iter().map(|buf| buf.len()).sum())) }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

struct Stream {
    handoff: WriteHandoff<Sink>,
    task: WriteTask<Sink>,
}

impl Stream {
    /// A stream whose task has begun on this thread.
    fn new(config: WriteHandoffConfig) -> Self {
        let (handoff, task) = WriteHandoff::new(Sink::default(), config);
        let mut stream = Self { handoff, task };
        stream.run();
        stream
    }

    fn run(&mut self) {
        assert!(poll(&mut self.task).is_pending());
    }

    /// Runs the task until all is written.
    fn run_dry(&mut self) {
        while self.handoff.pending_bytes() > 0 {
            self.run();
        }
    }

    /// Stalls the writer, or lets it go on.
    fn stall(&self, stalled: bool) {
        self.handoff.with_writer(|writer| writer.stalled = stalled).unwrap();
    }
}

fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    future.poll_unpin(&mut Context::from_waker(Waker::noop()))
}

/// Runs `round` until everything has grown to what it needs, and then asserts that it allocates nothing.
#[track_caller]
fn allocates_nothing(mut round: impl FnMut()) {
    (0..100).for_each(|_| round());
    let info = measure(|| (0..1000).for_each(|_| round()));
    assert_eq!(info.count_total, 0, "{} allocations in 1000 rounds", info.count_total);
}

const SMALL: Bytes = Bytes::from_static(&[7; 64]);
const LARGE: Bytes = Bytes::from_static(&[8; 16 * 1024]);

fn queueing() -> WriteHandoffConfig {
    WriteHandoffConfig::default().with_inline(Inline::Never)
}

runtimes::watched_tests! {
    fn small_writes_with_tickets_dropped() {
        let mut stream = Stream::new(WriteHandoffConfig::default());
        allocates_nothing(|| {
            for _ in 0..64 {
                drop(stream.handoff.try_write(SMALL).unwrap());
            }
            stream.run();
        });
    }

    fn small_writes_without_tickets() {
        let mut stream = Stream::new(queueing());
        allocates_nothing(|| {
            for _ in 0..64 {
                stream.handoff.try_write_fire_and_forget(SMALL).unwrap();
            }
            stream.run();
        });
    }

    fn one_small_write_at_a_time() {
        let mut stream = Stream::new(queueing());
        allocates_nothing(|| {
            stream.handoff.try_write_fire_and_forget(SMALL).unwrap();
            stream.run();
        });
    }

    fn awaited_tickets() {
        let mut stream = Stream::new(queueing());
        allocates_nothing(|| {
            let mut tickets: [_; 64] = std::array::from_fn(|_| stream.handoff.try_write(SMALL).unwrap());
            assert!(tickets.iter_mut().all(|ticket| poll(ticket).is_pending()));
            stream.run();
            assert!(tickets.iter_mut().all(|ticket| poll(ticket).is_ready()));
        });
    }

    fn small_writes_that_the_writer_is_not_ready_for() {
        let config = WriteHandoffConfig::default().with_send_at(0).unwrap();
        let mut stream = Stream::new(config.with_inline(Inline::Always));
        let small = LARGE.slice(..64);
        allocates_nothing(|| {
            stream.stall(true);
            stream.handoff.try_write_fire_and_forget(small.clone()).unwrap();
            stream.stall(false);
            stream.run_dry();
        });
    }

    fn large_writes_sent_by_the_producer() {
        let stream = Stream::new(WriteHandoffConfig::default().with_inline(Inline::Always));
        let shared = Bytes::from(vec![1; 20_000]);
        allocates_nothing(|| {
            let mut ticket = stream.handoff.try_write(LARGE).unwrap();
            assert!(matches!(poll(&mut ticket), Poll::Ready(Ok(()))));
            drop(stream.handoff.try_write(shared.clone()).unwrap());
        });
    }

    fn large_writes_queued() {
        let mut stream = Stream::new(queueing());
        allocates_nothing(|| {
            let mut tickets: [_; 7] = std::array::from_fn(|_| stream.handoff.try_write(LARGE).unwrap());
            assert!(tickets.iter_mut().all(|ticket| poll(ticket).is_pending()));
            stream.run();
            assert!(tickets.iter_mut().all(|ticket| poll(ticket).is_ready()));
        });
    }

    fn a_small_write_before_a_large_one() {
        for config in [WriteHandoffConfig::default(), queueing()] {
            let mut stream = Stream::new(config);
            allocates_nothing(|| {
                stream.handoff.try_write_fire_and_forget(SMALL).unwrap();
                stream.handoff.try_write_fire_and_forget(LARGE).unwrap();
                stream.run();
            });
        }
    }

    /// One gather block is kept. Of those that large chunks separate in one batch, the others are new.
    fn small_writes_between_large_ones_take_at_most_a_block_each() {
        let mut stream = Stream::new(queueing());
        let mut round = || {
            for _ in 0..5 {
                stream.handoff.try_write_fire_and_forget(SMALL).unwrap();
                stream.handoff.try_write_fire_and_forget(LARGE.slice(..2000)).unwrap();
            }
            stream.run();
        };
        (0..100).for_each(|_| round());
        let info = measure(|| (0..1000).for_each(|_| round()));
        assert!(info.count_total <= 4 * 1000, "{} allocations", info.count_total);
    }

    /// The slots for as many chunks and tickets are kept.
    fn bursts_of_200_large_writes_with_tickets() {
        let config = WriteHandoffConfig::new(256, 1 << 20).unwrap().with_inline(Inline::Never);
        let mut stream = Stream::new(config);
        let mut tickets = Vec::with_capacity(200);
        allocates_nothing(|| {
            for _ in 0..200 {
                tickets.push(stream.handoff.try_write(LARGE.slice(..2000)).unwrap());
            }
            assert!(tickets.iter_mut().all(|ticket| poll(ticket).is_pending()));
            stream.run_dry();
            assert!(tickets.drain(..).all(|mut ticket| poll(&mut ticket).is_ready()));
        });
    }

    /// The shelf of the thread is full of blocks then, none of which is of use to this stream.
    fn steady_bursts_although_other_streams_left_blocks_of_other_sizes() {
        let burst = |stream: &Stream, count| {
            for _ in 0..count {
                stream.handoff.try_write_fire_and_forget(SMALL).unwrap();
            }
        };
        for others in [4, 8, 16] {
            // A thread that has nothing yet.
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    // Busy at the same time, until their blocks have grown to 16 KiB.
                    let mut busy: Vec<_> = (0..others).map(|_| Stream::new(queueing())).collect();
                    for _ in 0..8 {
                        busy.iter().for_each(|stream| burst(stream, 250));
                        busy.iter_mut().for_each(Stream::run);
                    }
                    drop(busy);
                    // Up to 16 KiB, which is one block.
                    for count in [1, 10, 17, 30, 50, 80, 200, 256] {
                        let mut stream = Stream::new(queueing());
                        allocates_nothing(|| {
                            burst(&stream, count);
                            stream.run();
                        });
                    }
                });
            });
        }
    }

    /// Each keeps the small block that it needs.
    fn one_small_write_at_a_time_in_each_of_many_streams() {
        let mut streams: Vec<_> = (0..16).map(|_| Stream::new(queueing())).collect();
        allocates_nothing(|| {
            for stream in &streams {
                stream.handoff.try_write_fire_and_forget(SMALL).unwrap();
            }
            streams.iter_mut().for_each(Stream::run);
        });
    }

    fn waiting_for_room() {
        let mut stream = Stream::new(WriteHandoffConfig::new(64, 64).unwrap().with_inline(Inline::Never));
        allocates_nothing(|| {
            stream.handoff.try_write_fire_and_forget(SMALL).unwrap();
            let handoff = &stream.handoff;
            let mut writes: [_; 16] = std::array::from_fn(|_| handoff.write(SMALL));
            assert!(writes.iter_mut().all(|write| poll(write).is_pending()));
            for write in &mut writes {
                assert!(poll(&mut stream.task).is_pending());
                assert!(matches!(poll(write), Poll::Ready(Ok(_))));
            }
            assert!(poll(&mut stream.task).is_pending());
        });
    }

    fn parts_permits_flushes_and_batches() {
        // Nothing is waited for, which would make the futures yield now and then.
        let mut stream = Stream::new(WriteHandoffConfig::default().with_cooperative(false));
        allocates_nothing(|| {
            drop(stream.handoff.try_write_all([SMALL, LARGE.slice(..1500)]).unwrap());
            stream.run();
            let handoff = &stream.handoff;
            drop(handoff.try_reserve(64).unwrap().send(SMALL).unwrap());
            let mut batch = handoff.batching(std::future::ready(handoff.try_write_fire_and_forget(SMALL)));
            assert!(poll(&mut batch).is_ready());
            drop(handoff.try_write(SMALL).unwrap());
            assert!(matches!(poll(&mut handoff.flush()), Poll::Ready(Ok(()))));
            handoff.dispatch();
            stream.run();
        });
    }

    fn prefixes_that_the_writer_takes() {
        for n in [100, 20_000] {
            let mut stream = Stream::new(WriteHandoffConfig::default().with_inline(Inline::Always));
            // Each poll has to be ready.
            let config = HandoffBufferConfig::new(64 * 1024).unwrap().with_cooperative(false);
            let mut buffer = HandoffBuffer::with_config(config);
            let source = vec![3; n];
            allocates_nothing(|| {
                while buffer.len() < n {
                    let missing = n - buffer.len();
                    assert!(matches!(poll(&mut buffer.read_available(&mut &source[..missing])), Poll::Ready(Ok(_))));
                }
                drop(stream.handoff.try_write_prefix(&mut buffer, n).unwrap());
                stream.run();
            });
        }
    }

    fn cancelled_futures_leave_nothing_behind() {
        let mut stream = Stream::new(WriteHandoffConfig::new(64, 64).unwrap().with_inline(Inline::Never));
        allocates_nothing(|| {
            let handoff = &stream.handoff;
            let mut ticket = handoff.try_write(SMALL).unwrap();
            let (mut write, mut flush, mut closed) = (handoff.write(SMALL), handoff.flush(), handoff.closed());
            assert!(poll(&mut ticket).is_pending() && poll(&mut write).is_pending());
            assert!(poll(&mut flush).is_pending() && poll(&mut closed).is_pending());
            drop((ticket, write, flush, closed));
            stream.run();
        });
    }

    fn an_idle_stream_is_small() {
        let mut stream = None;
        let info = measure(|| stream = Some(WriteHandoff::new(Sink::default(), WriteHandoffConfig::default())));
        assert_eq!(info.count_total, 2);
        assert!(info.bytes_current <= 1024, "{} bytes", info.bytes_current);
        // Used once, and idle again: the gather block and a slot for it at each side.
        let mut stream = stream.map(|(handoff, task)| Stream { handoff, task }).unwrap();
        stream.run();
        let used = measure(|| {
            stream.handoff.try_write_fire_and_forget(SMALL).unwrap();
            stream.run();
        });
        assert!(used.bytes_current <= 1536, "{} bytes", used.bytes_current);
    }

    /// At most eight blocks of 16 KiB are left to the streams of a thread, whatever bursts there were and in how many at once.
    fn what_bursts_took_is_given_back() {
        const LEFT: i64 = 8 * 16 * 1024 + 512;
        let long = queueing().with_copy_max(16 * 1024).unwrap();
        for (config, chunk, count) in [(queueing(), SMALL, 400), (long, LARGE, 1), (long, LARGE, 8)] {
            let burst = |streams: &mut [Stream]| {
                for stream in &*streams {
                    for _ in 0..count {
                        stream.handoff.try_write_fire_and_forget(chunk.clone()).unwrap();
                    }
                }
                streams.iter_mut().for_each(Stream::run_dry);
            };
            // Each case on a thread that has nothing yet.
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    let left = measure(|| burst(&mut [(); 16].map(|()| Stream::new(config))));
                    assert!(left.bytes_current <= LEFT, "{} bytes with no stream", left.bytes_current);
                    let mut streams = [(); 64].map(|()| Stream::new(config));
                    let idle = measure(|| burst(&mut streams));
                    let each = (idle.bytes_current - LEFT) / 64;
                    assert!(each <= 1536, "{each} bytes in each of 64 idle streams");
                });
            });
        }
    }

    fn another_handle_or_ticket_costs_nothing() {
        let mut stream = Stream::new(WriteHandoffConfig::default());
        allocates_nothing(|| {
            drop((stream.handoff.clone(), stream.handoff.sender()));
            drop((stream.handoff.downgrade(), stream.handoff.abort_handle()));
            drop(stream.handoff.written());
            stream.run();
        });
    }

    /// A peer that does not read: what is held is bounded by the budget, not by the number of writes.
    fn pending_small_writes_take_little_more_than_their_bytes() {
        let budget = 1 << 20;
        let stream = Stream::new(WriteHandoffConfig::new(1024, budget).unwrap().with_inline(Inline::Never));
        stream.stall(true);
        let info: AllocationInfo = measure(|| {
            for _ in 0..budget {
                stream.handoff.try_write_fire_and_forget(Bytes::from_static(b"x")).unwrap();
            }
        });
        assert_eq!(stream.handoff.pending_bytes(), budget);
        let most = budget as u64 * 5 / 4 + 64 * 1024;
        assert!(info.bytes_max <= most, "{} bytes for {budget} pending", info.bytes_max);
    }

    /// Small writes between large ones, and a task that comes back after every write: before and after a burst that
    /// made the gather blocks large. What is held stays in proportion to what is pending.
    fn gather_blocks_of_a_stalled_stream_are_not_many_times_their_bytes() {
        for (burst, large, polls) in
            [(false, true, false), (true, true, false), (false, false, true), (true, false, true)]
        {
            let mut stream = Stream::new(queueing());
            if burst {
                for _ in 0..2000 {
                    stream.handoff.try_write_fire_and_forget(SMALL).unwrap();
                }
                stream.run();
            }
            stream.stall(true);
            let info = measure(|| {
                while stream.handoff.try_write_fire_and_forget(SMALL).is_ok() {
                    if large {
                        // The last one does not fit, and need not.
                        let _ = stream.handoff.try_write_fire_and_forget(LARGE.slice(..1100));
                    }
                    if polls {
                        stream.run();
                    }
                }
            });
            let (bytes, items) = (stream.handoff.pending_bytes(), stream.handoff.pending_items());
            assert!(bytes > 128 * 1024 - 64, "the budget is what stops it, not the items");
            let most = bytes + 32 * 1024 + 64 * items;
            assert!(info.bytes_max <= most as u64, "{} bytes held for {bytes} in {items}", info.bytes_max);
        }
    }

    /// After the burst the stream keeps a block to gather in and some slots, not what the burst took.
    fn memory_of_a_burst_is_given_back() {
        let budget = 4 << 20;
        let config = WriteHandoffConfig::new(1 << 20, budget).unwrap().with_inline(Inline::Never);
        for (chunk, count, awaited) in [
                (SMALL, budget / 64, false),
                (LARGE, budget / LARGE.len(), false),
                (LARGE.slice(..1100), 3000, false),
                (SMALL.slice(..1), 20_000, true),
            ]
        {
            let mut stream = Stream::new(config);
            let info = measure(|| {
                stream.stall(true);
                let mut tickets = Vec::new();
                for _ in 0..count {
                    let mut ticket = stream.handoff.try_write(chunk.clone()).unwrap();
                    if awaited {
                        assert!(poll(&mut ticket).is_pending());
                        tickets.push(ticket);
                    }
                }
                stream.stall(false);
                stream.run_dry();
                assert!(tickets.iter_mut().all(|ticket| poll(ticket).is_ready()));
            });
            assert!(info.bytes_current <= 48 * 1024, "{} bytes kept of {} of {}", info.bytes_current, count, chunk.len());
        }
    }
}
