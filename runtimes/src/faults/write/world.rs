//! What all parties of a schedule share.

use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    ops::Range,
    pin::pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use futures_handoff::{AbortHandle, CloseReason, Flushed, WeakWriteHandoff, WriteHandoffConfig};

use crate::faults::{
    choices::Choices,
    event::{Event, Record, Tally},
};

use super::{
    answers::Answers,
    device::{Device, FaultyWriter},
    line::{Line, Room},
    oracle::Oracle,
    tasks::{Body, Kind, Woken},
};

pub(super) type Weak = WeakWriteHandoff<FaultyWriter>;

thread_local! {
    static VISITED: RefCell<Option<Weak>> = const { RefCell::new(None) };
    /// Chunks of an owner that is not dropped yet, and their bytes.
    static OWNED: Cell<Room> = const { Cell::new(Room { bytes: 0, items: 0 }) };
}

/// Calls the stream from wherever user code may run: a waker, a drop of the owner of a chunk. Were the stream's lock held
/// there, this would never return.
pub(super) fn visit() {
    let visited = VISITED.with_borrow(Clone::clone);
    if let Some(handle) = visited.and_then(|weak| weak.upgrade()) {
        handle.pending_bytes();
    }
}

/// The owner of a chunk's bytes, which calls the stream when it is dropped.
struct Owner(Vec<u8>);

impl Owner {
    fn new(bytes: &[u8]) -> Self {
        let mut owned = OWNED.get();
        owned += Room { bytes: bytes.len(), items: 1 };
        OWNED.set(owned);
        Self(bytes.to_vec())
    }
}

impl AsRef<[u8]> for Owner {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        let owned = OWNED.get();
        OWNED.set(Room { bytes: owned.bytes - self.0.len(), items: owned.items - 1 });
        visit();
    }
}

pub(super) struct World {
    choices: Choices,
    record: RefCell<Record>,
    /// The next byte of all that is submitted: no two neighbours are alike.
    next_byte: Cell<u8>,
    pub(super) config: WriteHandoffConfig,
    /// Whether the stream flushes its writer unasked.
    pub(super) flushes: bool,
    pub(super) device: Rc<RefCell<Device>>,
    pub(super) oracle: RefCell<Oracle>,
    pub(super) line: RefCell<Line>,
    stream: RefCell<Option<Weak>>,
    spawned: RefCell<Vec<(Kind, Body)>>,
    woken: Woken,
    /// How often each task was woken.
    wakes: RefCell<Vec<usize>>,
    /// Bytes in the hands of futures that wait.
    pub(super) carried: Cell<usize>,
    /// The task that is polled.
    pub(super) current: Cell<usize>,
    violation: RefCell<Option<String>>,
    /// Flushes that were asked for and are given up by whoever comes across them.
    loose: RefCell<Vec<Flushed>>,
    /// What the writer aborts its own stream with.
    abort: RefCell<Option<AbortHandle>>,
    /// Adapters whose futures were dropped.
    kept: RefCell<Vec<Box<dyn std::any::Any>>>,
    /// Writes are made through adapters, too. Then no others are made that do not tell where their bytes are.
    pub(super) adapters: bool,
    /// Writes that the writer still makes to its own stream.
    from_within: Cell<u32>,
    /// The task has no output: a writer that has failed is dropped, unless it is waited for.
    pub(super) detached: Cell<bool>,
    /// What runs with the task of the writer and has to come to its end.
    pub(super) running: Cell<usize>,
    pub(super) answers: Answers,
    /// Who waits until all others do, and how often that was so.
    resting: RefCell<Option<Waker>>,
    rests: Cell<usize>,
}

impl World {
    pub(super) fn new(
        choices: Choices,
        record: Record,
        config: WriteHandoffConfig,
        flushes: bool,
        device: Device,
        woken: Woken,
    ) -> Rc<Self> {
        OWNED.set(Room::default());
        let adapters = choices.once_in(2);
        Rc::new(Self {
            choices,
            record: RefCell::new(record),
            next_byte: Cell::new(0),
            config,
            flushes,
            device: Rc::new(RefCell::new(device)),
            oracle: RefCell::default(),
            line: RefCell::default(),
            stream: RefCell::default(),
            spawned: RefCell::default(),
            woken,
            wakes: RefCell::default(),
            carried: Cell::new(0),
            current: Cell::new(0),
            violation: RefCell::default(),
            loose: RefCell::default(),
            abort: RefCell::default(),
            kept: RefCell::default(),
            adapters,
            from_within: Cell::new(3),
            detached: Cell::new(false),
            running: Cell::new(0),
            answers: Answers::default(),
            resting: RefCell::default(),
            rests: Cell::new(0),
        })
    }

    pub(super) fn watch(&self, stream: Weak) {
        VISITED.set(Some(stream.clone()));
        *self.stream.borrow_mut() = Some(stream);
    }

    /// Lets the writer abort the stream in the middle of one of its calls.
    pub(super) fn abort_within(&self, abort: AbortHandle) {
        *self.abort.borrow_mut() = Some(abort);
    }

    /// A handle, unless there is none any more.
    pub(super) fn handle(&self) -> Option<futures_handoff::WriteHandoff<FaultyWriter>> {
        self.stream.borrow().as_ref()?.upgrade()
    }

    // --- choices ------------------------------------------------------------------------------------------------

    pub(super) fn below(&self, n: usize) -> usize {
        self.choices.below(n)
    }

    /// Once in `n` times.
    pub(super) fn once_in(&self, n: usize) -> bool {
        self.choices.once_in(n)
    }

    /// The length of a chunk: mostly what fits, sometimes nothing or too much.
    pub(super) fn len(&self) -> usize {
        let budget = self.config.max_pending_bytes();
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
        if self.once_in(3) { Bytes::from_owner(Owner::new(bytes)) } else { Bytes::copy_from_slice(bytes) }
    }

    /// Chunks that somebody still keeps in memory that is not the stream's own.
    pub(super) fn owned(&self) -> Room {
        OWNED.get()
    }

    /// Bytes that a future holds which has not submitted them, for as long as the answer lives.
    pub(super) fn carry(&self, bytes: usize) -> Carried<'_> {
        self.carried.set(self.carried.get() + bytes);
        Carried { sum: &self.carried, bytes }
    }

    // --- what happens ---------------------------------------------------------------------------------------------

    pub(super) fn event(&self, event: Event, detail: impl FnOnce() -> String) {
        self.record.borrow_mut().event(event, detail);
    }

    pub(super) fn line(&self, line: impl FnOnce() -> String) {
        self.record.borrow().line(line);
    }

    pub(super) fn take_tally(&self) -> Tally {
        self.record.take().tally
    }

    // --- tasks --------------------------------------------------------------------------------------------------

    pub(super) fn spawn(&self, kind: Kind, body: impl Future<Output = ()> + 'static) {
        self.spawned.borrow_mut().push((kind, Box::pin(body)));
    }

    pub(super) fn take_spawned(&self) -> Vec<(Kind, Body)> {
        self.spawned.take()
    }

    pub(super) fn woken(&self) -> Woken {
        Arc::clone(&self.woken)
    }

    /// Waits until nothing else is left to do. One at a time.
    pub(super) fn rest(&self) -> impl Future<Output = ()> {
        let before = self.rests.get();
        poll_fn(move |cx| {
            if self.rests.get() > before {
                return Poll::Ready(());
            }
            *self.resting.borrow_mut() = Some(cx.waker().clone());
            Poll::Pending
        })
    }

    /// Nothing else is left to do; whether somebody has waited for that.
    pub(super) fn end_rest(&self) -> bool {
        let waker = self.resting.take();
        let any = waker.is_some();
        self.rests.set(self.rests.get() + usize::from(any));
        waker.into_iter().for_each(Waker::wake);
        any
    }

    /// Follows the wake-ups since the last time.
    pub(super) fn follow_wakes(&self) {
        let woken = std::mem::take(&mut *self.woken.lock().expect("nothing panics under this lock"));
        let mut wakes = self.wakes.borrow_mut();
        for task in woken {
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

    // --- findings -----------------------------------------------------------------------------------------------

    /// Notes what is wrong. The first finding counts.
    pub(super) fn fail(&self, finding: String) {
        self.violation.borrow_mut().get_or_insert(finding);
    }

    pub(super) fn check(&self, result: Result<(), String>) {
        if let Err(finding) = result {
            self.fail(finding);
        }
    }

    pub(super) fn expect(&self, holds: bool, otherwise: impl FnOnce() -> String) {
        if !holds {
            self.fail(otherwise());
        }
    }

    pub(super) fn violation(&self) -> Option<String> {
        self.violation.borrow_mut().take()
    }

    // --- the stream ---------------------------------------------------------------------------------------------

    pub(super) fn accepted_at(&self, range: Range<u64>, bytes: Vec<u8>) {
        let parked = self.oracle.borrow_mut().park(range, bytes);
        self.check(parked);
        self.settle(None);
    }

    pub(super) fn accepted(&self, bytes: Vec<u8>) {
        self.settle(Some(bytes));
    }

    pub(super) fn settle(&self, unplaced: Option<Vec<u8>>) {
        let mut oracle = self.oracle.borrow_mut();
        let before = oracle.taken.len();
        let settled = oracle.settle(unplaced);
        let stream = self.handle();
        // The last handle closes the stream, which takes all items with it.
        let accepted = stream.as_ref().map_or(u64::MAX, |handle| handle.stats().accepted);
        oracle.place_taken(accepted);
        let placed = before - oracle.taken.len();
        drop(oracle);
        self.check(settled);
        let open = stream.is_some_and(|handle| !handle.is_closed());
        if placed > 0 {
            self.follow_wakes();
        }
        for _ in 0..placed {
            let turn = self.line.borrow_mut().item_accepted(open);
            self.check(turn);
        }
    }

    /// An adapter has taken bytes, which are accepted at once or in their turn.
    pub(super) fn taken(&self, bytes: Vec<u8>) {
        if !bytes.is_empty() {
            self.line.borrow_mut().enter_item(bytes.len());
            self.oracle.borrow_mut().taken.push_back(bytes);
        }
        self.settle(None);
    }

    /// Whether an adapter that is not polled any more may be in line: it goes once there is room for a byte, and not before.
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

    /// Keeps an adapter that is not polled any more.
    pub(super) fn keep(&self, adapter: impl std::any::Any) {
        self.kept.borrow_mut().push(Box::new(adapter));
    }

    /// Somebody was told why nothing more is accepted. The stream need not have ended for that.
    pub(super) fn refused(&self, reason: &CloseReason) {
        if reason.is_closed() {
            let causes = &self.oracle.borrow().causes;
            self.expect(causes.closed || causes.detached, || {
                "refused as closed, but nobody closed it".into()
            });
        } else {
            self.ended(reason);
        }
    }

    /// Somebody was told why the stream ended.
    pub(super) fn ended(&self, reason: &CloseReason) {
        let ended = self.oracle.borrow_mut().ended(reason, &self.device.borrow());
        self.check(ended);
    }

    /// Room that is reserved by something that the caller holds, for as long as the answer lives.
    pub(super) fn hold(self: &Rc<Self>, room: Room) -> Held {
        self.oracle.borrow_mut().held += room;
        Held { world: Rc::clone(self), room }
    }

    /// Asks for a flush that nobody is going to wait for until it is made.
    pub(super) fn flush_loosely(&self, mut flushed: Flushed) {
        if pin!(&mut flushed).poll(&mut Context::from_waker(Waker::noop())).is_pending() {
            self.event(Event::Flush, || "that nobody waits for".into());
            self.oracle.borrow_mut().flushing += 1;
            self.loose.borrow_mut().push(flushed);
        }
    }

    /// Whether somebody wants the writer flushed, be it as part of its end.
    pub(super) fn is_flush_wanted(&self) -> bool {
        let open = self.handle().is_some();
        let oracle = self.oracle.borrow();
        let asked = oracle.flushing > 0 || oracle.flush_left.is_some();
        !open || asked || oracle.causes.closed || oracle.causes.detached
    }

    /// Gives up the flush asked for last; whether there was one.
    pub(super) fn give_up_flush(&self) -> bool {
        let loose = self.loose.borrow_mut().pop();
        let any = loose.is_some();
        if any {
            self.event(Event::FlushGivenUp, || "one that nobody waited for".into());
            self.oracle.borrow_mut().flushing -= 1;
        }
        drop(loose);
        any
    }

    /// The writer uses the stream that it belongs to, in the middle of a call.
    pub(super) fn use_from_within(&self) {
        if self.once_in(3) {
            self.give_up_flush();
        }
        if self.abort.borrow().is_some() && self.once_in(10) {
            self.oracle.borrow_mut().causes.aborted = true;
            self.event(Event::Abort, || "by the writer".into());
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
        self.event(Event::FromWithin, || format!("{} bytes", bytes.len()));
        if let Ok(ticket) = handle.try_write(self.chunk(&bytes)) {
            let parked = self.oracle.borrow_mut().park(ticket.positions(), bytes);
            self.check(parked);
        }
    }
}

pub(super) struct Carried<'a> {
    sum: &'a Cell<usize>,
    bytes: usize,
}

impl Drop for Carried<'_> {
    fn drop(&mut self) {
        self.sum.set(self.sum.get() - self.bytes);
    }
}

pub(super) struct Held {
    world: Rc<World>,
    room: Room,
}

impl Drop for Held {
    fn drop(&mut self) {
        let held = &mut self.world.oracle.borrow_mut().held;
        held.bytes -= self.room.bytes;
        held.items -= self.room.items;
    }
}
