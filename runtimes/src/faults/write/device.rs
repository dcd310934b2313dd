//! A writer that behaves as badly as its contract allows, until it breaks it.

use std::{
    cell::RefCell,
    io::{self, IoSlice},
    panic::resume_unwind,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
    thread,
};

use futures_util::AsyncWrite;

use super::world::World;
use crate::faults::{choices::Choices, event::Event};

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

    /// Whether it leaves open what became of the bytes on offer.
    pub(super) fn is_in_doubt(self) -> bool {
        matches!(self, Self::OverReport | Self::Panic)
    }
}

/// The call in which it happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum At {
    /// The write after that many bytes.
    Byte(u64),
    Flush,
    Close,
}

/// What a broken device does to one byte: what the checks must notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sabotage {
    /// Loses it.
    Drop,
    /// Stores it twice.
    Duplicate,
    /// Stores it after the next one.
    Reorder,
    /// Stores another one.
    Corrupt,
    /// Does not wake the task that waits for it, from then on.
    Sleep,
    /// Does not return from the call that brings it.
    Hang,
}

#[derive(Debug)]
pub(super) struct Device {
    choices: Choices,
    /// Of 100 calls, how many are pending, and how many of those wake at once.
    pending: usize,
    at_once: usize,
    /// Of 100 writes, how many are short.
    short: usize,
    /// A short write takes one byte.
    tiny: bool,
    vectored: bool,
    fault: Option<(At, Fault)>,
    sabotage: Option<(u64, Sabotage)>,
    swapped: Option<u8>,

    pub(super) taken: Vec<u8>,
    /// Bytes reported as taken, by a report that was true.
    pub(super) written: u64,
    /// `written` at the last flush that succeeded.
    pub(super) flushed: u64,
    pub(super) flushes: u64,
    /// How many bytes it keeps to itself until it is flushed or closed.
    buffer: u64,
    /// What its peer has got of what it took.
    pub(super) passed: u64,
    pub(super) closed: bool,
    /// The fault has happened, with so many bytes on offer.
    pub(super) broken: Option<(Fault, usize)>,
    pub(super) sabotaged: bool,
    pub(super) write_blocked: bool,
    pub(super) end_blocked: bool,
    waker: Option<Waker>,
    pub(super) drops: usize,
}

impl Device {
    /// A sabotage happens to the byte at its position.
    pub(super) fn new(choices: Choices, sabotage: Option<(u64, Sabotage)>) -> Self {
        let buffer = choices.of([0, 0, 1, 10, u64::MAX]);
        let fault = choices.percent(30).then(|| {
            let fault = choices.of([Fault::Error, Fault::Zero, Fault::OverReport, Fault::Panic]);
            match (choices.below(6), fault) {
                (4, Fault::Error | Fault::Panic) => (At::Flush, fault),
                (5, Fault::Error | Fault::Panic) => (At::Close, fault),
                _ => (At::Byte(choices.below(150) as u64), fault),
            }
        });
        Self {
            pending: choices.of([0, 10, 40, 80]),
            at_once: choices.of([100, 50, 0]),
            short: choices.of([0, 30, 95]),
            tiny: choices.once_in(3),
            vectored: choices.below(3) < 2,
            fault,
            sabotage,
            swapped: None,
            taken: Vec::new(),
            written: 0,
            flushed: 0,
            flushes: 0,
            buffer,
            passed: 0,
            closed: false,
            broken: None,
            sabotaged: false,
            write_blocked: false,
            end_blocked: false,
            waker: None,
            drops: 0,
            choices,
        }
    }

    /// How it is going to behave.
    pub(super) fn plan(&self) -> String {
        let Self { pending, at_once, short, tiny, vectored, fault, buffer, .. } = self;
        let fault = fault.map_or_else(|| "no fault".to_owned(), |(at, fault)| format!("{fault:?} at {at:?}"));
        format!(
            "writer: {pending} % of calls pending, {at_once} % of those woken at once, {short} % of writes short, to one byte: {tiny}, \
             vectored: {vectored}, {buffer} bytes are kept, {fault}"
        )
    }

    pub(super) fn is_blocked(&self) -> bool {
        self.write_blocked || self.end_blocked
    }

    /// Becomes ready. Only whoever polled last is woken, and not under a borrow.
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

    /// Whether this call is pending: then the flag is set that keeps it so, or the waker was woken.
    fn waits(&mut self, cx: &Context<'_>, blocked: fn(&mut Self) -> &mut bool) -> Option<Option<Waker>> {
        if !*blocked(self) {
            if !self.choices.percent(self.pending) {
                return None;
            }
            if self.choices.below(100) < self.at_once {
                return Some(Some(cx.waker().clone()));
            }
            *blocked(self) = true;
        }
        self.waker = Some(cx.waker().clone());
        Some(None)
    }

    fn take(&mut self, bufs: &[IoSlice<'_>], n: usize) {
        let mut left = n;
        for buf in bufs {
            for &byte in &buf[..buf.len().min(left)] {
                left -= 1;
                self.store(byte);
            }
        }
    }

    /// Bytes were taken, and it says so.
    fn wrote(&mut self, n: usize) {
        self.written += n as u64;
        if self.written - self.passed >= self.buffer {
            self.passed = self.written;
        }
    }

    fn flush(&mut self) {
        self.flushed = self.written;
        self.passed = self.written;
        self.flushes += 1;
    }

    fn close(&mut self) {
        self.closed = true;
        self.passed = self.written;
    }

    fn store(&mut self, byte: u8) {
        let at = self.taken.len() as u64;
        if let Some(earlier) = self.swapped.take() {
            self.taken.extend([byte, earlier]);
            self.sabotaged |= byte != earlier;
            return;
        }
        match self.sabotage {
            Some((position, sabotage)) if position == at && !self.sabotaged => match sabotage {
                Sabotage::Drop => self.sabotaged = true,
                Sabotage::Duplicate => {
                    self.sabotaged = true;
                    self.taken.extend([byte, byte]);
                }
                Sabotage::Reorder => self.swapped = Some(byte),
                Sabotage::Corrupt => {
                    self.sabotaged = true;
                    self.taken.push(byte ^ 1);
                }
                Sabotage::Sleep => self.taken.push(byte),
                Sabotage::Hang => loop {
                    thread::park();
                },
            },
            _ => self.taken.push(byte),
        }
    }

    fn fails_at(&self, at: At) -> Option<Fault> {
        self.fault.filter(|(when, _)| *when == at).map(|(_, fault)| fault)
    }
}

/// The writer that is handed to the stream. What it does is decided and recorded by the [`Device`].
pub(super) struct FaultyWriter {
    device: Rc<RefCell<Device>>,
    world: Rc<World>,
}

/// How a call ends that is not pending.
enum End {
    Done(usize),
    Fail,
    Panic,
}

impl FaultyWriter {
    pub(super) fn new(world: &Rc<World>) -> Self {
        Self { device: Rc::clone(&world.device), world: Rc::clone(world) }
    }

    /// Every call passes here: a writer that has failed or is closed may not be called again.
    fn called(&self, name: &str) {
        let device = self.device.borrow();
        if let Some((fault, _)) = device.broken {
            self.world.fail(format!("{name} after {fault:?}"));
        }
        if device.closed {
            self.world.fail(format!("{name} after the writer was closed"));
        }
        drop(device);
        self.world.use_from_within();
    }

    /// `waker` is of one who is woken at once.
    fn pending<T>(&self, call: &str, waker: Option<Waker>) -> Poll<T> {
        match waker {
            Some(waker) => {
                self.world.event(Event::Pending, || format!("{call}, woken at once"));
                waker.wake();
            }
            None => self.world.event(Event::Stall, || call.to_owned()),
        }
        Poll::Pending
    }

    fn write(&self, cx: &Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        self.called("a write");
        let mut device = self.device.borrow_mut();
        if bufs.iter().any(|buf| buf.is_empty()) || bufs.is_empty() {
            self.world.fail("an empty slice was offered".to_owned());
        }
        if let Some(waker) = device.waits(cx, |device| &mut device.write_blocked) {
            drop(device);
            return self.pending("a write", waker);
        }
        let offered = bufs.iter().map(|buf| buf.len()).sum::<usize>();
        let bufs = if device.vectored { bufs } else { &bufs[..1] };
        let taken = bufs.iter().map(|buf| buf.len()).sum::<usize>();
        let written = device.written;
        let end = match device.fails_at(At::Byte(written)) {
            Some(fault) => {
                device.broken = Some((fault, offered));
                self.world.event(fault.event(), || format!("{offered} bytes on offer at {written}"));
                let some = device.choices.below(taken + 1);
                match fault {
                    Fault::Error => End::Fail,
                    Fault::Zero => End::Done(0),
                    Fault::OverReport => {
                        device.take(bufs, some);
                        End::Done(offered + 1 + some)
                    }
                    Fault::Panic => {
                        device.take(bufs, some);
                        End::Panic
                    }
                }
            }
            None => {
                let mut n = taken;
                if device.choices.percent(device.short) {
                    n = if device.tiny { 1 } else { 1 + device.choices.below(n) };
                }
                if let Some((At::Byte(at), _)) = device.fault {
                    n = n.min(usize::try_from(at - written).unwrap_or(n));
                }
                device.take(bufs, n);
                device.wrote(n);
                self.world.event(Event::DeviceWrite, || format!("{n} of {offered} bytes at {written}"));
                if n < taken {
                    self.world.event(Event::PartialWrite, || format!("{n} of {taken}"));
                }
                if bufs.len() > 1 {
                    self.world.event(Event::VectoredWrite, || format!("of {} slices", bufs.len()));
                }
                End::Done(n)
            }
        };
        drop(device);
        Poll::Ready(finish(end))
    }

    fn end(&self, cx: &Context<'_>, at: At) -> Poll<io::Result<()>> {
        let asked = at == At::Close || self.world.is_flush_wanted();
        self.called(if at == At::Flush { "a flush" } else { "a close" });
        let mut device = self.device.borrow_mut();
        if !asked {
            self.world.event(Event::FlushUnasked, String::new);
            let owed = self.world.flushes && device.written > device.flushed;
            self.world.expect(owed, || "flushed for nothing and nobody".into());
        }
        if let Some(waker) = device.waits(cx, |device| &mut device.end_blocked) {
            drop(device);
            return self.pending(if at == At::Flush { "a flush" } else { "a close" }, waker);
        }
        let end = match device.fails_at(at) {
            Some(fault) => {
                device.broken = Some((fault, 0));
                self.world.event(fault.event(), || "not in a write".into());
                if fault == Fault::Panic { End::Panic } else { End::Fail }
            }
            None if at == At::Flush => {
                device.flush();
                self.world.event(Event::DeviceFlush, || format!("to {}", device.flushed));
                End::Done(0)
            }
            None => {
                device.close();
                self.world.event(Event::DeviceClose, || format!("at {}", device.written));
                End::Done(0)
            }
        };
        drop(device);
        Poll::Ready(finish(end).map(drop))
    }
}

/// Panics without a message on the way: it is caught by what is tested.
fn finish(end: End) -> io::Result<usize> {
    match end {
        End::Done(n) => Ok(n),
        End::Fail => Err(io::ErrorKind::TimedOut.into()),
        End::Panic => resume_unwind(Box::new("the writer panics as planned")),
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
        self.device.borrow_mut().drops += 1;
    }
}
