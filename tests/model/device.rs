//! A writer whose peer is another thread.

use std::{
    io::{self, IoSlice},
    pin::{Pin, pin},
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll, Waker},
};

use futures_handoff::{
    Inline, WriteHandoff, WriteHandoffConfig, WriteTask, WriterFailure,
    bytes::{Bytes, BytesMut},
};
use futures_io::AsyncWrite;

use crate::explore::{AtomicUsize, Mutex, block_on, explore, thread};

pub(crate) type Handle = WriteHandoff<Device>;
pub(crate) type Task = WriteTask<Device>;
pub(crate) type Outcome = Result<Device, WriterFailure<Device>>;

/// The writer; its clones are the peer.
#[derive(Debug, Clone)]
pub(crate) struct Device {
    wire: Arc<Mutex<Wire>>,
    /// Bytes taken, for readers that are synchronised in another way: this orders nothing.
    taken: Arc<AtomicUsize>,
}

#[derive(Debug, Default)]
struct Wire {
    /// Whether writes are ready, and whether flushes and the close are.
    writable: bool,
    flushable: bool,
    /// The most bytes that a write takes.
    most: usize,
    /// Writes are sometimes not ready, a limited number of times.
    #[cfg(handoff_shuttle)]
    moody: bool,
    /// Only the waker of the last poll is woken.
    waker: Option<Waker>,
    taken: Vec<u8>,
    flushed: usize,
    /// Calls, whatever their result.
    flush_calls: usize,
    closed: bool,
}

impl Device {
    fn new(writable: bool, flushable: bool, most: usize) -> Self {
        let wire = Wire { writable, flushable, most, ..Wire::default() };
        Self { wire: Arc::new(Mutex::new(wire)), taken: Arc::new(AtomicUsize::new(0)) }
    }

    /// Takes everything at once.
    pub(crate) fn ready() -> Self {
        Self::new(true, true, usize::MAX)
    }

    /// Takes this many bytes at a time.
    pub(crate) fn short<const MOST: usize>() -> Self {
        Self::new(true, true, MOST)
    }

    /// Takes nothing before it is opened, and then this many bytes at a time.
    pub(crate) fn blocked<const MOST: usize>() -> Self {
        Self::new(false, true, MOST)
    }

    /// Takes nothing before it is opened, and then everything.
    pub(crate) fn stalled() -> Self {
        Self::blocked::<{ usize::MAX }>()
    }

    /// Takes everything, but flushes only when it is opened.
    pub(crate) fn unflushable() -> Self {
        Self::new(true, false, usize::MAX)
    }

    /// The peer is ready from now on.
    pub(crate) fn open(&self) {
        let mut wire = self.wire.lock().unwrap();
        wire.writable = true;
        wire.flushable = true;
        let waker = wire.waker.take();
        drop(wire);
        waker.into_iter().for_each(Waker::wake);
    }

    /// Takes a few bytes at a time, and sometimes none.
    #[cfg(handoff_shuttle)]
    pub(crate) fn moody() -> Self {
        let device = Self::short::<3>();
        device.wire.lock().unwrap().moody = true;
        device
    }

    /// Takes everything that is still to come.
    #[cfg(handoff_shuttle)]
    pub(crate) fn calm_down(&self) {
        self.wire.lock().unwrap().moody = false;
        self.open();
    }

    pub(crate) fn taken(&self) -> Vec<u8> {
        self.wire.lock().unwrap().taken.clone()
    }

    /// The part of it that this thread must see.
    pub(crate) fn known_to_be_taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }

    pub(crate) fn flush_calls(&self) -> usize {
        self.wire.lock().unwrap().flush_calls
    }

    pub(crate) fn flushed(&self) -> usize {
        self.wire.lock().unwrap().flushed
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.wire.lock().unwrap().closed
    }

    fn end(&self, cx: &Context<'_>, done: impl FnOnce(&mut Wire)) -> Poll<io::Result<()>> {
        let mut wire = self.wire.lock().unwrap();
        if !wire.flushable {
            let old = wire.waker.replace(cx.waker().clone());
            drop(wire);
            drop(old);
            return Poll::Pending;
        }
        done(&mut wire);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Device {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut wire = self.wire.lock().unwrap();
        assert!(!wire.closed, "written to after it was closed");
        #[cfg(handoff_shuttle)]
        if wire.moody && crate::random::below(3) == 0 {
            wire.writable = false;
        }
        if !wire.writable {
            let old = wire.waker.replace(cx.waker().clone());
            drop(wire);
            drop(old);
            return Poll::Pending;
        }
        let most = wire.most;
        let taken: Vec<u8> = bufs.iter().flat_map(|buf| buf.iter()).copied().take(most).collect();
        wire.taken.extend(&taken);
        self.taken.store(wire.taken.len(), Ordering::Relaxed);
        Poll::Ready(Ok(taken.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.wire.lock().unwrap().flush_calls += 1;
        self.end(cx, |wire| wire.flushed = wire.taken.len())
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.end(cx, |wire| wire.closed = true)
    }
}

/// What a scenario may have written: one of these, or else it was a failure.
pub(crate) type Written = &'static [&'static str];

/// Explores a scenario with a stream whose task runs on a thread of its own. The stream must end
/// orderly, with one of the results of `scenario` written.
pub(crate) fn running(
    preemptions: usize,
    device: fn() -> Device,
    room: usize,
    scenario: impl Fn(&Device, Handle) -> Written + Send + Sync + 'static,
) {
    running_on(stream, preemptions, device, room, scenario);
}

/// As [`running`], with a stream that this makes: [`holding_stream`], for example.
pub(crate) fn running_on(
    stream: fn(&Device, usize) -> (Handle, Task),
    preemptions: usize,
    device: fn() -> Device,
    room: usize,
    scenario: impl Fn(&Device, Handle) -> Written + Send + Sync + 'static,
) {
    explore(preemptions, move || {
        let device = device();
        let (handoff, task) = stream(&device, room);
        let task = run(task);
        let written = scenario(&device, handoff);
        assert_outcome(task.join().unwrap(), written);
    });
}

/// A stream with this much room, in which every producer that may poll the writer does so for every
/// chunk.
pub(crate) fn stream(device: &Device, bytes: usize) -> (Handle, Task) {
    let config =
        WriteHandoffConfig::new(8, bytes).with_send_at(0).with_copy_max(0).with_inline(Inline::Always);
    let (handoff, mut task) = WriteHandoff::new(device.clone(), config);
    // Producers do not poll the writer before its task has run. By a waker that the task then has
    // to replace.
    assert!(poll_once(&mut task).is_pending());
    (handoff, task)
}

/// A stream in which chunks wait for the task, a flush, a dispatch, or until this many bytes are
/// gathered.
pub(crate) fn holding_stream(device: &Device, bytes: usize) -> (Handle, Task) {
    let config = WriteHandoffConfig::new(8, bytes).with_inline(Inline::Always);
    let (handoff, mut task) = WriteHandoff::new(device.clone(), config);
    assert!(poll_once(&mut task).is_pending());
    (handoff, task)
}

pub(crate) fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

pub(crate) fn run(task: Task) -> thread::JoinHandle<Outcome> {
    thread::spawn(move || block_on(task))
}

/// Opens the device from a thread of its own.
pub(crate) fn open_elsewhere(device: &Device) -> thread::JoinHandle<()> {
    let device = device.clone();
    thread::spawn(move || device.open())
}

/// Runs something on a thread of its own, with its own handle.
pub(crate) fn elsewhere<T: Send + 'static>(
    handoff: &Handle,
    run: impl FnOnce(Handle) -> T + Send + 'static,
) -> thread::JoinHandle<T> {
    let handoff = handoff.clone();
    thread::spawn(move || run(handoff))
}

/// Writes a chunk from a thread of its own, with a handle of its own.
pub(crate) fn write_elsewhere(handoff: &Handle, bytes: &'static str) -> thread::JoinHandle<()> {
    elsewhere(handoff, move |handoff| block_on(handoff.write(chunk(bytes))).map(drop).unwrap())
}

pub(crate) fn chunk(bytes: &'static str) -> Bytes {
    Bytes::from_static(bytes.as_bytes())
}

pub(crate) fn block(bytes: &str) -> BytesMut {
    BytesMut::from(bytes)
}

/// The stream ended orderly with one of these written.
pub(crate) fn assert_outcome(outcome: Outcome, written: &[&str]) {
    let device = outcome.expect("an orderly end");
    let taken = String::from_utf8(device.taken()).expect("what was written");
    assert!(written.contains(&taken.as_str()), "{taken} was written");
    assert_eq!(device.flushed(), taken.len());
    assert!(device.is_closed());
}
