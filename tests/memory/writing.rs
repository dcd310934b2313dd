//! The write half allocates nothing per write or ticket, and keeps no more than documented while a
//! writer stalls and after a burst.

use std::{
    future::ready,
    io,
    pin::pin,
    task::{Context, Poll, Waker},
};

use allocation_counter::measure;
use futures_handoff::WriteTicket;
use futures_util::future::join;

use super::{ROUNDS, allocates_nothing, steady, support::*};

/// Takes everything, or stalls.
pub(crate) type Sink = FnWriter<fn(Op<'_>, &mut Context<'_>) -> Poll<io::Result<usize>>>;

fn takes(op: Op<'_>, _: &mut Context<'_>) -> Poll<io::Result<usize>> {
    op.all()
}

fn stalls(op: Op<'_>, _: &mut Context<'_>) -> Poll<io::Result<usize>> {
    if matches!(op, Op::Write(_)) { Poll::Pending } else { op.all() }
}

pub(crate) struct Stream {
    pub(crate) handoff: WriteHandoff<Sink>,
    task: WriteTask<Sink>,
}

impl Stream {
    /// A stream whose task has begun on this thread.
    pub(crate) fn new(config: WriteHandoffConfig) -> Self {
        let (handoff, task) = WriteHandoff::new(FnWriter(takes as _), config);
        let mut stream = Self { handoff, task };
        stream.run();
        stream
    }

    fn many(count: usize, config: WriteHandoffConfig) -> Vec<Self> {
        (0..count).map(|_| Self::new(config)).collect()
    }

    pub(crate) fn run(&mut self) {
        assert!(poll(&mut self.task).is_pending());
    }

    /// Runs the task until everything is written.
    pub(crate) fn run_dry(&mut self) {
        while self.handoff.pending_bytes() > 0 {
            self.run();
        }
    }

    /// Stalls the writer, or lets it go on.
    fn stall(&self, stalled: bool) {
        self.handoff.with_writer(|writer| writer.0 = if stalled { stalls } else { takes }).unwrap();
    }

    fn put(&self, chunk: Bytes) {
        self.handoff.try_write_fire_and_forget(chunk).unwrap();
    }

    fn ticket(&self, chunk: Bytes) -> WriteTicket {
        self.handoff.try_write(chunk).unwrap()
    }

    fn burst(&self, chunk: &Bytes, count: usize) {
        (0..count).for_each(|_| self.put(chunk.clone()));
    }
}

pub(crate) fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    future.poll_unpin(&mut Context::from_waker(Waker::noop()))
}

const SMALL: Bytes = Bytes::from_static(&[7; 64]);
const LARGE: Bytes = Bytes::from_static(&[8; 16 * 1024]);

fn queueing() -> WriteHandoffConfig {
    defaults().with_inline(Inline::Never)
}

fn queueing_within(items: usize, bytes: usize) -> WriteHandoffConfig {
    limits(items, bytes).with_inline(Inline::Never)
}

/// A thread without cached memory.
fn alone(work: impl FnOnce() + Send) {
    std::thread::scope(|scope| drop(scope.spawn(work)));
}

runtimes::watched_tests! {
    /// Each of many streams keeps the small block that it needs.
    fn small_writes() {
        for (config, streams, count) in
            [(defaults(), 1, 64), (queueing(), 1, 64), (queueing(), 1, 1), (queueing(), 16, 1)]
        {
            let mut streams = Stream::many(streams, config);
            allocates_nothing(|| {
                streams.iter().for_each(|stream| stream.burst(&SMALL, count));
                streams.iter_mut().for_each(Stream::run);
                streams.iter().for_each(|stream| (0..count).for_each(|_| drop(stream.ticket(SMALL))));
                streams.iter_mut().for_each(Stream::run);
            });
        }
    }

    /// The slots for as many chunks and tickets are kept.
    fn awaited_tickets() {
        for (config, chunk, count) in [
            (queueing(), SMALL, 64),
            (queueing(), LARGE, 7),
            (queueing_within(256, 1 << 20), LARGE.slice(..2000), 200),
        ] {
            let mut stream = Stream::new(config);
            let mut tickets = Vec::with_capacity(count);
            allocates_nothing(|| {
                tickets.extend((0..count).map(|_| stream.ticket(chunk.clone())));
                assert!(tickets.iter_mut().all(|ticket| poll(ticket).is_pending()));
                stream.run_dry();
                assert!(tickets.drain(..).all(|mut ticket| poll(&mut ticket).is_ready()));
            });
        }
    }

    fn small_writes_that_the_writer_is_not_ready_for() {
        let config = defaults().with_send_at(0);
        let mut stream = Stream::new(config.with_inline(Inline::Always));
        allocates_nothing(|| {
            stream.stall(true);
            stream.put(LARGE.slice(..64));
            stream.stall(false);
            stream.run_dry();
        });
    }

    fn large_writes_sent_by_the_producer() {
        let stream = Stream::new(defaults().with_inline(Inline::Always));
        let shared = Bytes::from(vec![1; 20_000]);
        allocates_nothing(|| {
            assert!(matches!(poll(&mut stream.ticket(LARGE)), Poll::Ready(Ok(()))));
            drop(stream.ticket(shared.clone()));
        });
    }

    /// One gather block is kept. If large chunks separate several in a batch, the others are new.
    fn small_writes_between_large_ones_take_at_most_a_block_each() {
        for (config, large, pairs) in
            [(defaults(), LARGE, 1), (queueing(), LARGE, 1), (queueing(), LARGE.slice(..2000), 5)]
        {
            let mut stream = Stream::new(config);
            let info = steady(|| {
                for _ in 0..pairs {
                    stream.put(SMALL);
                    stream.put(large.clone());
                }
                stream.run();
            });
            assert!(info.count_total <= (pairs - 1) * ROUNDS, "{} allocations", info.count_total);
        }
    }

    /// The cache of the thread is then full of blocks that this stream cannot use.
    fn steady_bursts_although_other_streams_left_blocks_of_other_sizes() {
        for others in [4, 8, 16] {
            alone(|| {
                // Busy at the same time, until their blocks have grown to 16 KiB.
                let mut busy = Stream::many(others, queueing());
                for _ in 0..8 {
                    busy.iter().for_each(|stream| stream.burst(&SMALL, 250));
                    busy.iter_mut().for_each(Stream::run);
                }
                drop(busy);
                // Up to 16 KiB, which is one block.
                for count in [1, 10, 17, 30, 50, 80, 200, 256] {
                    let mut stream = Stream::new(queueing());
                    allocates_nothing(|| {
                        stream.burst(&SMALL, count);
                        stream.run();
                    });
                }
            });
        }
    }

    fn waiting_for_room() {
        let Stream { handoff, mut task } = Stream::new(queueing_within(64, 64));
        allocates_nothing(|| {
            handoff.try_write_fire_and_forget(SMALL).unwrap();
            let mut writes: [_; 16] = std::array::from_fn(|_| handoff.write(SMALL));
            assert!(writes.iter_mut().all(|write| poll(write).is_pending()));
            for write in &mut writes {
                assert!(poll(&mut task).is_pending());
                assert!(matches!(poll(write), Poll::Ready(Ok(_))));
            }
            assert!(poll(&mut task).is_pending());
        });
    }

    fn parts_permits_flushes_batches_and_more_handles() {
        // Nothing waits, so cooperative futures would yield at times.
        let mut stream = Stream::new(defaults().with_cooperative(false));
        // It is made with one allocation, and its clones are free.
        let sender = stream.handoff.sender();
        allocates_nothing(|| {
            stream.handoff.try_write_chunks(&mut [SMALL, LARGE.slice(..1500)]).unwrap();
            stream.run();
            let handoff = &stream.handoff;
            handoff.try_reserve(64).unwrap().send(SMALL).unwrap();
            assert!(poll(&mut handoff.batching(ready(handoff.try_write_fire_and_forget(SMALL)))).is_ready());
            drop(stream.ticket(SMALL));
            assert!(matches!(poll(&mut pin!(handoff.flush())), Poll::Ready(Ok(()))));
            handoff.dispatch();
            drop((handoff.clone(), sender.clone(), handoff.downgrade()));
            drop((sender.downgrade(), handoff.written()));
            stream.run();
        });
    }

    fn prefixes_that_the_writer_takes() {
        for n in [100, 20_000] {
            let mut stream = Stream::new(defaults().with_inline(Inline::Always));
            // Each poll has to be ready.
            let config = HandoffBufferConfig::new(64 * 1024).with_cooperative(false);
            let mut buffer = HandoffBuffer::with_config(config);
            let source = vec![3; n];
            allocates_nothing(|| {
                while buffer.len() < n {
                    let mut missing = &source[buffer.len()..];
                    assert!(matches!(poll(&mut buffer.read_available(&mut missing)), Poll::Ready(Ok(_))));
                }
                stream.handoff.try_write_prefix(&mut buffer, n).unwrap();
                stream.run();
            });
        }
    }

    fn cancelled_futures_leave_nothing_behind() {
        let mut stream = Stream::new(queueing_within(64, 64));
        allocates_nothing(|| {
            let handoff = &stream.handoff;
            let mut ticket = stream.ticket(SMALL);
            let mut write = handoff.write(SMALL);
            {
                let mut waiting = pin!(join(handoff.flush(), handoff.closed()));
                assert!(poll(&mut waiting).is_pending());
            }
            assert!(poll(&mut ticket).is_pending() && poll(&mut write).is_pending());
            drop((ticket, write));
            stream.run();
        });
    }

    /// A thread keeps at most eight blocks of 16 KiB for its streams, whatever bursts there were in
    /// however many streams.
    fn what_bursts_took_is_given_back() {
        const LEFT: i64 = 8 * 16 * 1024 + 512;
        let long = queueing().with_copy_max(16 * 1024);
        for (config, chunk, count) in [(queueing(), SMALL, 400), (long, LARGE, 1), (long, LARGE, 8)] {
            let burst = |streams: &mut [Stream]| {
                streams.iter().for_each(|stream| stream.burst(&chunk, count));
                streams.iter_mut().for_each(Stream::run_dry);
            };
            alone(|| {
                let left = measure(|| burst(&mut Stream::many(16, config)));
                assert!(left.bytes_current <= LEFT, "{} bytes with no stream", left.bytes_current);
                let mut streams = Stream::many(64, config);
                let idle = measure(|| burst(&mut streams));
                let each = (idle.bytes_current - LEFT) / 64;
                assert!(each <= 1536, "{each} bytes in each of 64 idle streams");
            });
        }
    }

    /// After the burst the stream keeps one gather block and some slots, not the memory of the
    /// burst.
    fn memory_of_a_burst_is_given_back() {
        let budget = 4 << 20;
        for (chunk, count, awaited) in [
            (SMALL, budget / 64, false),
            (LARGE, budget / LARGE.len(), false),
            (LARGE.slice(..1100), 3000, false),
            (SMALL.slice(..1), 20_000, true),
        ] {
            let mut stream = Stream::new(queueing_within(1 << 20, budget));
            let info = measure(|| {
                stream.stall(true);
                let mut tickets = Vec::new();
                for _ in 0..count {
                    let mut ticket = stream.ticket(chunk.clone());
                    if awaited {
                        assert!(poll(&mut ticket).is_pending());
                        tickets.push(ticket);
                    }
                }
                stream.stall(false);
                stream.run_dry();
                assert!(tickets.iter_mut().all(|ticket| poll(ticket).is_ready()));
            });
            let kept = info.bytes_current;
            assert!(kept <= 48 * 1024, "{kept} bytes kept of {count} of {}", chunk.len());
        }
    }

    /// A peer that does not read: memory stays in proportion to the pending bytes. So it is for
    /// many tiny writes, for small writes between large ones, and for a task that comes back after
    /// every write, before and after a burst that made the gather blocks large.
    fn a_stalled_stream_holds_little_more_than_its_pending_bytes() {
        type Next = fn(&mut Stream);
        let (tiny, alone, with_large): (Next, Next, Next) =
            (|_| {}, Stream::run, |stream| drop(stream.handoff.try_write(LARGE.slice(..1100))));
        for (burst, chunk, next) in [
            (0, SMALL.slice(..1), tiny),
            (0, SMALL, alone),
            (2000, SMALL, alone),
            (0, SMALL, with_large),
            (2000, SMALL, with_large),
        ] {
            let budget = if chunk.len() == 1 { 1 << 20 } else { 128 * 1024 };
            let mut stream = Stream::new(queueing_within(1024, budget));
            stream.burst(&SMALL, burst);
            stream.run();
            stream.stall(true);
            let info = measure(|| {
                while stream.handoff.try_write_fire_and_forget(chunk.clone()).is_ok() {
                    // A large one at the end does not fit, and need not.
                    next(&mut stream);
                }
            });
            let (bytes, items) = (stream.handoff.pending_bytes(), stream.handoff.stats().pending_items);
            assert!(bytes > budget - chunk.len(), "the budget is what stops it, not the items");
            let most = bytes + 32 * 1024 + 64 * items;
            assert!(info.bytes_max <= most as u64, "{} bytes held for {bytes} in {items}", info.bytes_max);
        }
    }
}
