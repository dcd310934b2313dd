//! Shared by all parts of a schedule: the stream, its writer, the oracle, and the first error.

use std::{
    any::Any,
    cell::{Cell, RefCell},
    ops::{Deref, Range},
    pin::Pin,
    rc::Rc,
    task::{Context, Waker},
};

use bytes::Bytes;
use futures_handoff::{CloseReason, WeakWriteHandoff, WriteHandoff, WriteHandoffConfig};

use super::{
    device::{Device, FaultyWriter},
    oracle::{Line, Oracle, Room},
    tasks::{Body, Kind, take_woken},
};
use crate::script::Script;

/// A false condition is a finding: `expect!(world, a == b, "{a} is not {b}")`.
macro_rules! expect {
    ($world:expr, $holds:expr, $($otherwise:tt)+) => {
        if !$holds {
            $world.fail(format!($($otherwise)+));
        }
    };
}

/// Does something when it is dropped.
pub(super) struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        self.0();
    }
}

pub(super) fn on_drop<F: FnMut()>(f: F) -> OnDrop<F> {
    OnDrop(f)
}

pub(super) type Handle = WriteHandoff<FaultyWriter>;
pub(super) type Weak = WeakWriteHandoff<FaultyWriter>;
type Flushed = Pin<Box<dyn Future<Output = Result<(), CloseReason>>>>;

thread_local! {
    static VISITED: RefCell<Option<Weak>> = const { RefCell::new(None) };
    /// Chunks whose owner is not dropped yet, and their bytes.
    static OWNED: Cell<Room> = const { Cell::new(Room { bytes: 0, items: 0 }) };
}

/// Calls the stream from everywhere that user code may run: a waker, a drop of the owner of a
/// chunk. If the stream's lock were held there, this would never return.
pub(super) fn visit() {
    let visited = VISITED.with_borrow(Clone::clone);
    if let Some(handle) = visited.and_then(|weak| weak.upgrade()) {
        handle.pending_bytes();
    }
}

/// The owner of a chunk's bytes, which calls the stream when it is dropped.
struct Owner(Vec<u8>);

impl AsRef<[u8]> for Owner {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        OWNED.set(OWNED.get().minus(Room { bytes: self.0.len(), items: 1 }));
        visit();
    }
}

#[derive(Default)]
pub(super) struct World {
    script: Script,
    /// The next byte of all that is submitted: no two neighbours are alike.
    next_byte: Cell<u8>,
    pub(super) config: WriteHandoffConfig,
    /// Whether the stream flushes its writer unasked.
    flushes: bool,
    pub(super) limits: Room,
    pub(super) device: RefCell<Device>,
    pub(super) oracle: RefCell<Oracle>,
    pub(super) line: RefCell<Line>,
    stream: RefCell<Option<Weak>>,
    pub(super) spawned: RefCell<Vec<(Kind, Body)>>,
    /// How often each task was woken.
    wakes: RefCell<Vec<usize>>,
    /// The task that is polled.
    pub(super) current: Cell<usize>,
    violation: RefCell<Option<String>>,
    /// Flushes that were asked for and are given up by what comes across them.
    loose: RefCell<Vec<Flushed>>,
    /// What the writer aborts its own stream with.
    pub(super) abort: RefCell<Option<Weak>>,
    /// Adapters whose futures were dropped.
    kept: RefCell<Vec<Box<dyn Any>>>,
    /// Writes are made through adapters, too. Then none are made that do not tell where their bytes
    /// are.
    pub(super) adapters: bool,
    /// Writes that the writer still makes to its own stream.
    from_within: Cell<u32>,
    /// The task has no output: a writer that has failed is dropped, unless it is waited for.
    pub(super) detached: Cell<bool>,
    /// What runs with the task of the writer and has to come to its end.
    pub(super) running: Cell<usize>,
    /// Tasks that wait until the writer's peer has got something, each at most once.
    pub(super) waiting_for_answers: RefCell<Vec<(usize, Waker)>>,
    /// What they saw: how much the peer has got, and whether the stream is closed.
    answers: Cell<(u64, bool)>,
    /// What waits until nothing else is left to do, and how often that was so.
    pub(super) resting: RefCell<Option<Waker>>,
    pub(super) rests: Cell<usize>,
}

impl Deref for World {
    type Target = Script;

    fn deref(&self) -> &Script {
        &self.script
    }
}

impl World {
    pub(super) fn new(script: Script, config: WriteHandoffConfig, flushes: bool, device: Device) -> Rc<Self> {
        OWNED.set(Room::default());
        take_woken();
        Rc::new(Self {
            adapters: script.once_in(2),
            limits: Room { bytes: config.max_pending_bytes(), items: config.max_items() },
            script,
            config,
            flushes,
            device: RefCell::new(device),
            from_within: Cell::new(3),
            ..Self::default()
        })
    }

    pub(super) fn watch(&self, stream: Weak) {
        VISITED.set(Some(stream.clone()));
        *self.stream.borrow_mut() = Some(stream);
    }

    /// A handle, unless there is none any more.
    pub(super) fn handle(&self) -> Option<Handle> {
        self.stream.borrow().as_ref()?.upgrade()
    }

    pub(super) fn flushes(&self) -> bool {
        self.flushes
    }

    pub(super) fn is_open(&self) -> bool {
        self.handle().is_some_and(|handle| !handle.is_closed())
    }

    // --- what is submitted ---------------------------------------------------------------------

    /// The length of a chunk: mostly what fits, sometimes nothing or too much.
    pub(super) fn len(&self) -> usize {
        let budget = self.limits.bytes;
        match self.below(12) {
            9 => 0,
            10 => budget,
            11 => budget + 1,
            6..=8 => 1 + self.below(budget),
            _ => 1 + self.below(budget.min(8)),
        }
    }

    pub(super) fn bytes(&self, len: usize) -> Vec<u8> {
        let next = || self.next_byte.replace((self.next_byte.get() + 1) % 251);
        (0..len).map(|_| next()).collect()
    }

    pub(super) fn chunk(&self, bytes: &[u8]) -> Bytes {
        if !self.once_in(3) {
            return Bytes::copy_from_slice(bytes);
        }
        OWNED.set(OWNED.get().plus(Room { bytes: bytes.len(), items: 1 }));
        Bytes::from_owner(Owner(bytes.to_vec()))
    }

    /// Chunks that are still kept in memory that is not the stream's own.
    pub(super) fn owned(&self) -> Room {
        OWNED.get()
    }

    pub(super) fn spawn(&self, kind: Kind, body: impl Future<Output = ()> + 'static) {
        self.spawned.borrow_mut().push((kind, Box::pin(body)));
    }

    // --- findings ------------------------------------------------------------------------------

    /// Records an error, as the stream might catch a panic. The first finding counts.
    pub(super) fn fail(&self, finding: String) {
        self.violation.borrow_mut().get_or_insert(finding);
    }

    pub(super) fn check(&self, result: Result<(), String>) {
        if let Err(finding) = result {
            self.fail(finding);
        }
    }

    pub(super) fn violation(&self) -> Option<String> {
        self.violation.borrow_mut().take()
    }

    /// A producer learned why nothing more is accepted. The stream need not have ended for that.
    pub(super) fn refused(&self, reason: &CloseReason) {
        if reason.is_closed() {
            let causes = &self.oracle.borrow().causes;
            expect!(self, causes.closed || causes.detached, "refused as closed, but it was not closed");
        } else {
            self.ended(reason);
        }
    }

    /// A party learned why the stream ended.
    pub(super) fn ended(&self, reason: &CloseReason) {
        let ended = self.oracle.borrow_mut().ended(reason, &self.device.borrow());
        self.check(ended);
    }

    // --- what was accepted ---------------------------------------------------------------------

    pub(super) fn accepted_at(&self, range: Range<u64>, bytes: Vec<u8>) {
        let parked = self.oracle.borrow_mut().park(range, bytes);
        self.check(parked);
        self.settle();
    }

    /// Bytes were accepted without learning where.
    pub(super) fn accepted(&self, bytes: Vec<u8>) {
        let mut oracle = self.oracle.borrow_mut();
        let before = oracle.taken.len();
        let settled = oracle.settle(bytes);
        let stream = self.handle();
        // The last handle closes the stream, which takes all items with it.
        let accepted = stream.as_ref().map_or(u64::MAX, |handle| handle.stats().accepted);
        oracle.place_taken(accepted);
        let placed = before - oracle.taken.len();
        drop(oracle);
        self.check(settled);
        if placed > 0 {
            let open = stream.is_some_and(|handle| !handle.is_closed());
            self.follow_wakes();
            for _ in 0..placed {
                let turn = self.line.borrow_mut().item_accepted(open);
                self.check(turn);
            }
        }
    }

    pub(super) fn settle(&self) {
        self.accepted(Vec::new());
    }

    /// An adapter has taken bytes, which are accepted at once or in their turn.
    pub(super) fn taken(&self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.line.borrow_mut().enter_item(bytes.len());
            self.oracle.borrow_mut().taken.push_back(bytes.to_vec());
        }
        self.settle();
    }

    /// Follows the wake-ups since the last time.
    pub(super) fn follow_wakes(&self) {
        let mut wakes = self.wakes.borrow_mut();
        for task in take_woken() {
            if wakes.len() <= task {
                wakes.resize(task + 1, 0);
            }
            wakes[task] += 1;
            let turn = self.line.borrow_mut().woken(task);
            self.check(turn);
        }
    }

    /// How often the task that is polled was woken in its life.
    pub(super) fn wakes(&self) -> usize {
        self.follow_wakes();
        self.wakes.borrow().get(self.current.get()).copied().unwrap_or(0)
    }

    // --- adapters and flushes that are not polled ----------------------------------------------

    /// Keeps an adapter that is not polled any more.
    pub(super) fn keep(&self, adapter: impl Any) {
        self.kept.borrow_mut().push(Box::new(adapter));
    }

    /// Whether an adapter that is not polled may be in line: it goes once there is room for a byte.
    pub(super) fn keeps_adapters(&self) -> bool {
        !self.kept.borrow().is_empty()
    }

    /// Drops the adapters that are not polled any more; whether there were any.
    pub(super) fn drop_kept(&self) -> bool {
        let kept = self.kept.take();
        let any = !kept.is_empty();
        drop(kept);
        self.oracle.borrow_mut().flush_left = None;
        any
    }

    /// Requests a flush, and drops its future before it is made.
    pub(super) fn flush_loosely(&self, flushed: impl Future<Output = Result<(), CloseReason>> + 'static) {
        let mut flushed: Flushed = Box::pin(flushed);
        if flushed.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
            event!(self, Flush, "whose future is dropped");
            self.oracle.borrow_mut().flushing += 1;
            self.loose.borrow_mut().push(flushed);
        }
    }

    /// Gives up the flush asked for last; whether there was one.
    pub(super) fn give_up_flush(&self) -> bool {
        let loose = self.loose.borrow_mut().pop();
        if loose.is_some() {
            event!(self, FlushGivenUp);
            self.oracle.borrow_mut().flushing -= 1;
        }
        loose.is_some()
    }

    /// Whether a flush of the writer is wanted, even as part of its end.
    pub(super) fn is_flush_wanted(&self) -> bool {
        let open = self.handle().is_some();
        let oracle = self.oracle.borrow();
        let asked = oracle.flushing > 0 || oracle.flush_left.is_some();
        !open || asked || oracle.causes.closed || oracle.causes.detached
    }

    // --- waiters -------------------------------------------------------------------------------

    /// Wakes the waiters for the writer's peer if there is news for them.
    pub(super) fn wake_for_answers(&self) {
        let seen = (self.device.borrow().passed, self.handle().is_none_or(|handle| handle.is_closed()));
        if self.answers.replace(seen) != seen {
            self.waiting_for_answers.take().into_iter().for_each(|(_, waker)| waker.wake());
        }
    }

    /// Nothing else is left to do; whether that was waited for.
    pub(super) fn end_rest(&self) -> bool {
        let waker = self.resting.take();
        let any = waker.is_some();
        self.rests.set(self.rests.get() + usize::from(any));
        waker.into_iter().for_each(Waker::wake);
        any
    }

    /// The writer uses the stream that it belongs to, in the middle of a call.
    pub(super) fn use_from_within(&self) {
        if self.once_in(3) {
            self.give_up_flush();
        }
        if self.abort.borrow().is_some() && self.once_in(10) {
            self.oracle.borrow_mut().causes.aborted = true;
            event!(self, Abort, "by the writer");
            if let Some(abort) = self.abort.take() {
                abort.abort();
            }
        }
        let left = self.from_within.get();
        if left == 0 || !self.once_in(30) {
            return;
        }
        let Some(handle) = self.handle() else { return };
        self.from_within.set(left - 1);
        let bytes = self.bytes(self.len());
        event!(self, WriteFromWithin, "{} bytes", bytes.len());
        if let Ok(ticket) = handle.try_write(self.chunk(&bytes)) {
            let parked = self.oracle.borrow_mut().park(ticket.positions(), bytes);
            self.check(parked);
        }
    }
}
