//! A writer that behaves as badly as its contract allows, and then breaks it.

use std::{
    cell::RefMut,
    io::{self, IoSlice},
    panic::resume_unwind,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
    thread,
};

use futures_util::AsyncWrite;

use super::world::World;
use crate::script::{Event, Script};

/// How the one failure of a writer looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    Error,
    Zero,
    OverReport,
    Panic,
}

impl Fault {
    fn event(self) -> Event {
        match self {
            Self::Error => Event::Error,
            Self::Zero => Event::WriteZero,
            Self::OverReport => Event::OverReport,
            Self::Panic => Event::Panic,
        }
    }
}

/// The call in which it happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// The write after that many bytes.
    Byte(u64),
    Flush,
    Close,
}

/// The fault that a broken device makes at one byte, which the checks must notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sabotage {
    Lose,
    StoreTwice,
    /// Stores it after the next one.
    Reorder,
    Change,
    /// Does not wake the task that waits for it, from then on.
    Sleep,
    /// Does not return from the call that brings it.
    Hang,
}

/// How a writer behaves, and what it did.
#[derive(Default)]
pub(super) struct Device {
    /// Of 100 calls, how many are pending, and how many of those wake at once.
    pending: usize,
    at_once: usize,
    /// Of 100 writes, how many are short, and whether those take one byte.
    short: usize,
    tiny: bool,
    vectored: bool,
    fault: Option<(At, Fault)>,
    sabotage: Option<(u64, Sabotage)>,
    swapped: Option<u8>,

    pub(super) taken: Vec<u8>,
    /// Bytes reported as taken, by a report that was true.
    pub(super) written: u64,
    /// `written` at the last flush that succeeded, and how many there were.
    pub(super) flushed: u64,
    pub(super) flushes: u64,
    /// How many bytes it buffers until it is flushed or closed.
    buffer: u64,
    /// What its peer has got of what it took.
    pub(super) passed: u64,
    pub(super) closed: bool,
    /// The fault has happened, with this many bytes on offer.
    pub(super) broken: Option<(Fault, usize)>,
    pub(super) sabotaged: bool,
    pub(super) write_blocked: bool,
    pub(super) end_blocked: bool,
    waker: Option<Waker>,
    pub(super) drops: usize,
}

impl Device {
    pub(super) fn new(script: &Script, sabotage: Option<(u64, Sabotage)>) -> Self {
        let buffer = script.of([0, 0, 1, 10, u64::MAX]);
        let fault = script.percent(30).then(|| {
            let fault = script.of([Fault::Error, Fault::Zero, Fault::OverReport, Fault::Panic]);
            match (script.below(6), fault) {
                (4, Fault::Error | Fault::Panic) => (At::Flush, fault),
                (5, Fault::Error | Fault::Panic) => (At::Close, fault),
                _ => (At::Byte(script.below(150) as u64), fault),
            }
        });
        let pending = script.of([0, 10, 40, 80]);
        let at_once = script.of([100, 50, 0]);
        let short = script.of([0, 30, 95]);
        let tiny = script.once_in(3);
        let vectored = script.below(3) < 2;
        trace!(
            script,
            "writer: {pending} % of calls pending, {at_once} % of those woken at once, {short} % of writes \
             short, to one byte: {tiny}, vectored: {vectored}, {buffer} bytes are kept, fault: {fault:?}"
        );
        Self { pending, at_once, short, tiny, vectored, fault, sabotage, buffer, ..Self::default() }
    }

    pub(super) fn is_blocked(&self) -> bool {
        self.write_blocked || self.end_blocked
    }

    /// Becomes ready. Only the last waker is woken, and not under a borrow.
    #[must_use]
    pub(super) fn unblock(&mut self) -> Option<Waker> {
        self.write_blocked = false;
        self.end_blocked = false;
        let waker = self.waker.take();
        match self.sabotage {
            Some((at, Sabotage::Sleep)) if self.written >= at => {
                self.sabotaged = true;
                None
            }
            _ => waker,
        }
    }

    /// How many of the bytes on offer may have been taken or not: a fault leaves that open.
    pub(super) fn in_doubt(&self) -> u64 {
        match self.broken {
            Some((Fault::OverReport | Fault::Panic, offered)) => offered as u64,
            _ => 0,
        }
    }

    fn take(&mut self, bufs: &[IoSlice<'_>], n: usize) {
        bufs.iter().flat_map(|buf| buf.iter()).take(n).for_each(|byte| self.store(*byte));
    }

    /// Bytes were taken, and it says so.
    fn wrote(&mut self, n: usize) {
        self.written += n as u64;
        if self.written - self.passed >= self.buffer {
            self.passed = self.written;
        }
    }

    fn store(&mut self, byte: u8) {
        let at = self.taken.len() as u64;
        if let Some(earlier) = self.swapped.take() {
            self.taken.extend([byte, earlier]);
            self.sabotaged |= byte != earlier;
            return;
        }
        let sabotage = self.sabotage.filter(|(position, _)| *position == at && !self.sabotaged);
        self.sabotaged |=
            matches!(sabotage, Some((_, Sabotage::Lose | Sabotage::StoreTwice | Sabotage::Change)));
        match sabotage.map(|(_, sabotage)| sabotage) {
            Some(Sabotage::Lose) => {}
            Some(Sabotage::StoreTwice) => self.taken.extend([byte, byte]),
            Some(Sabotage::Reorder) => self.swapped = Some(byte),
            Some(Sabotage::Change) => self.taken.push(byte ^ 1),
            Some(Sabotage::Hang) => loop {
                thread::park();
            },
            Some(Sabotage::Sleep) | None => self.taken.push(byte),
        }
    }

    fn fails_at(&self, at: At) -> Option<Fault> {
        self.fault.filter(|(when, _)| *when == at).map(|(_, fault)| fault)
    }
}

/// The writer that is handed to the stream.
pub(super) struct FaultyWriter(Rc<World>);

impl FaultyWriter {
    pub(super) fn new(world: &Rc<World>) -> Self {
        Self(Rc::clone(world))
    }

    /// Every call passes here: a writer that has failed or is closed may not be called again.
    fn called(&self, name: &str) -> RefMut<'_, Device> {
        let device = self.0.device.borrow();
        let over = device.closed || device.broken.is_some();
        expect!(self.0, !over, "{name} after {:?}, closed: {}", device.broken, device.closed);
        drop(device);
        self.0.use_from_within();
        self.0.device.borrow_mut()
    }

    /// Whether this call is pending: then its waker was woken, or the flag is set that keeps it so.
    fn is_pending(&self, cx: &Context<'_>, name: &str, blocked: fn(&mut Device) -> &mut bool) -> bool {
        let (world, waker) = (&self.0, cx.waker());
        let mut device = world.device.borrow_mut();
        let stalls = *blocked(&mut device);
        if !stalls && !world.percent(device.pending) {
            return false;
        }
        if !stalls && world.below(100) < device.at_once {
            drop(device);
            event!(world, Pending, "in {name}, woken at once");
            waker.wake_by_ref();
            return true;
        }
        event!(world, Stall, "in {name}");
        *blocked(&mut device) = true;
        let last = device.waker.replace(waker.clone());
        drop(device);
        drop(last);
        true
    }

    fn write(&self, cx: &Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let world = &self.0;
        drop(self.called("a write"));
        let empty = bufs.is_empty() || bufs.iter().any(|buf| buf.is_empty());
        expect!(world, !empty, "an empty slice was offered");
        if self.is_pending(cx, "a write", |device| &mut device.write_blocked) {
            return Poll::Pending;
        }
        let mut device = world.device.borrow_mut();
        let len = |bufs: &[IoSlice<'_>]| bufs.iter().map(|buf| buf.len()).sum::<usize>();
        let offered = len(bufs);
        let bufs = if device.vectored { bufs } else { &bufs[..1] };
        let (most, written) = (len(bufs), device.written);
        if let Some(fault) = device.fails_at(At::Byte(written)) {
            device.broken = Some((fault, offered));
            world.event(fault.event(), || format!("{offered} bytes on offer at {written}"));
            let some = world.below(most + 1);
            if matches!(fault, Fault::OverReport | Fault::Panic) {
                device.take(bufs, some);
            }
            drop(device);
            let reported = if fault == Fault::OverReport { offered + 1 + some } else { 0 };
            return Poll::Ready(fail(fault).map(|()| reported));
        }
        let mut n = most;
        if world.percent(device.short) {
            n = if device.tiny { 1 } else { 1 + world.below(n) };
        }
        if let Some((At::Byte(at), _)) = device.fault {
            n = n.min(usize::try_from(at - written).unwrap_or(n));
        }
        device.take(bufs, n);
        device.wrote(n);
        event!(world, WriterWrites, "{n} of {offered} bytes at {written}");
        if n < most {
            event!(world, PartialWrite, "{n} of {most}");
        }
        if bufs.len() > 1 {
            event!(world, VectoredWrite, "of {} slices", bufs.len());
        }
        Poll::Ready(Ok(n))
    }

    fn end(&self, cx: &Context<'_>, at: At) -> Poll<io::Result<()>> {
        let world = &self.0;
        let name = if at == At::Flush { "a flush" } else { "a close" };
        let asked = at == At::Close || world.is_flush_wanted();
        let device = self.called(name);
        if !asked {
            event!(world, FlushUnasked);
            let owed = world.flushes() && device.written > device.flushed;
            expect!(world, owed, "flushed without a reason");
        }
        drop(device);
        if self.is_pending(cx, name, |device| &mut device.end_blocked) {
            return Poll::Pending;
        }
        let mut device = world.device.borrow_mut();
        if let Some(fault) = device.fails_at(at) {
            device.broken = Some((fault, 0));
            world.event(fault.event(), || format!("in {name}"));
            drop(device);
            return Poll::Ready(fail(fault));
        }
        device.passed = device.written;
        if at == At::Flush {
            device.flushed = device.written;
            device.flushes += 1;
            event!(world, WriterFlushes, "to {}", device.flushed);
        } else {
            device.closed = true;
            event!(world, WriterCloses, "at {}", device.written);
        }
        Poll::Ready(Ok(()))
    }
}

/// Fails, unless the fault is in the count. A panic has no message on the way: it is caught by what
/// is tested.
fn fail(fault: Fault) -> io::Result<()> {
    match fault {
        Fault::Error => Err(io::ErrorKind::TimedOut.into()),
        Fault::Panic => resume_unwind(Box::new("the writer panics as planned")),
        Fault::Zero | Fault::OverReport => Ok(()),
    }
}

impl AsyncWrite for FaultyWriter {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.write(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.write(cx, bufs)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.end(cx, At::Flush)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.end(cx, At::Close)
    }
}

impl Drop for FaultyWriter {
    fn drop(&mut self) {
        self.0.device.borrow_mut().drops += 1;
    }
}
