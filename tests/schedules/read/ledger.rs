//! The expected content of the buffer, and the bytes that have left it.

use std::{
    cell::Cell,
    collections::VecDeque,
    ops::Deref,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    rc::Rc,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_handoff::{HandoffBuffer, HandoffBufferConfig};
use futures_test::task::new_count_waker;

use super::{
    SPARES_MAX,
    input::{Input, Said, Told},
};
use crate::{
    run::{Planned, Scale},
    script::Script,
};

/// The block that small frames share.
const SMALL_BLOCK: usize = 2048;
/// The longest frame that does.
const SMALL_MAX: usize = 512;
/// The extra cost of sharing a block: its reference count.
const COUNT: usize = 96;
/// The needle searched for last, and the list of spare blocks.
const LISTS: usize = 512;
/// What the thread notes of a block that is left to it.
const LEFT: usize = 128;
/// What a buffer may keep that has found nothing to read: blocks handed off whole, and its own if
/// the thread's buffers have no use for one so large.
const QUIET: usize = 64 * 1024;
/// The largest block that is left to the thread, and how many and how much of them it keeps.
const POOLED_MAX: usize = 256 * 1024;
const POOL_BLOCKS: usize = 64;
const POOL: usize = 2 * 1024 * 1024;

/// How often one poll may call the reader.
const CALLS_MAX: usize = 256;

/// A frame that was handed out.
pub(super) struct Kept {
    pub(super) frame: Bytes,
    /// What it held then.
    pub(super) content: Vec<u8>,
    /// The most memory that it may keep.
    pub(super) most: usize,
}

pub(super) struct Ledger {
    script: Script,
    pub(super) scale: Scale,
    pub(super) told: Rc<Told>,
    pub(super) config: HandoffBufferConfig,
    /// How much of what the input gave is accounted for.
    counted: usize,
    pub(super) unread: Vec<u8>,
    pub(super) kept: VecDeque<Kept>,
    /// The lengths of the longest frames, the longest first.
    pub(super) largest: Vec<usize>,
    /// The largest block that the buffer may have.
    pub(super) most: usize,
    /// Memory that tails may have brought along.
    pub(super) brought: usize,
    /// How many bytes were unread when the reader was waited for last.
    pub(super) waits_with: Cell<usize>,
    /// Room was asked for.
    pub(super) asked: bool,
    /// The largest block that this thread may keep for its buffers.
    pub(super) widest: usize,
    /// The blocks of the neighbours.
    pub(super) beside: usize,
}

impl Deref for Ledger {
    type Target = Script;

    fn deref(&self) -> &Script {
        &self.script
    }
}

/// How polling came to its end.
pub(super) enum Waited<T> {
    Done(T),
    GivenUp,
    /// The reader or the finder panicked, as it was meant to.
    Panicked,
}

impl Ledger {
    pub(super) fn new(script: Script, scale: Scale, input: &Input, config: HandoffBufferConfig) -> Self {
        Self {
            script,
            scale,
            told: Rc::clone(&input.told),
            config,
            counted: 0,
            unread: Vec::new(),
            kept: VecDeque::new(),
            largest: Vec::new(),
            most: config.max_len(),
            brought: 0,
            waits_with: Cell::new(0),
            asked: false,
            widest: config.max_len(),
            beside: 0,
        }
    }

    pub(super) fn max_len(&self) -> usize {
        self.config.max_len()
    }

    pub(super) fn said(&self) -> Said {
        self.told.said.get()
    }

    /// A length: mostly one that there is, sometimes more.
    pub(super) fn amount(&self, len: usize) -> usize {
        match self.below(10) {
            7 => len,
            8 => len + 1 + self.below(3),
            9 => usize::MAX,
            _ => self.below(len + 1),
        }
    }

    /// Accounts for what the input gave since.
    pub(super) fn arrived(&mut self) -> usize {
        let given = self.told.given.borrow();
        let new = &given[self.counted..];
        self.unread.extend_from_slice(new);
        self.counted += new.len();
        new.len()
    }

    /// The first `n` bytes leave.
    pub(super) fn leave(&mut self, n: usize) -> Vec<u8> {
        self.unread.drain(..n).collect()
    }

    pub(super) fn keep(&mut self, frame: Bytes, content: Vec<u8>) {
        assert_eq!(frame, content, "what was handed out");
        let most = self.most_of(content.len());
        let at = self.largest.partition_point(|n| *n >= content.len());
        self.largest.insert(at, content.len());
        self.largest.truncate(SPARES_MAX);
        self.kept.push_back(Kept { frame, content, most });
    }

    pub(super) fn drop_kept(&mut self, n: usize) {
        for kept in self.kept.drain(..n) {
            self.scale.inside(|| drop(kept.frame));
        }
    }

    /// Polls a future that reads from the input, until it is done or dropped. No poll calls the
    /// reader too often. A poll is pending only if the reader is, or if it has woken its task,
    /// which may happen without a call of the reader only once in a row.
    pub(super) fn wait<T>(&self, mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> Waited<T> {
        let mut yields = false;
        loop {
            self.told.said.set(Said::Nothing);
            let before = self.told.calls.get();
            let waited = self.poll_once(&mut poll);
            let calls = self.told.calls.get() - before;
            assert!(calls <= CALLS_MAX, "{calls} calls of the reader in one poll");
            if calls == CALLS_MAX {
                event!(self, ReadLimit);
            }
            if !matches!(waited, Waited::GivenUp) {
                return waited;
            }
            assert!(calls > 0 || !yields, "a future waits again, but has not asked its reader");
            yields = calls == 0;
            let new = self.told.given.borrow().len() - self.counted;
            self.waits_with.set(self.unread.len() + new);
            trace!(self, "  it {}", if yields { "yields" } else { "waits" });
            if self.below(3) < 2 {
                event!(self, ReadCancel, "with {new} bytes read");
                return Waited::GivenUp;
            }
        }
    }

    /// Polls once, and gives up if it is pending.
    pub(super) fn poll_once<T>(&self, mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> Waited<T> {
        let (waker, wakes) = new_count_waker();
        let polled = self.contained(|| poll(&mut Context::from_waker(&waker)));
        match polled {
            Some(Poll::Ready(output)) => return Waited::Done(output),
            Some(Poll::Pending) => {}
            None => {
                assert_eq!(self.said(), Said::Panicked, "a panic that was not planned");
                return Waited::Panicked;
            }
        }
        assert!(wakes.get() > 0 || self.said() == Said::Stalled, "a future waits for nothing");
        Waited::GivenUp
    }

    /// A call that may panic as planned: then `None`.
    pub(super) fn contained<T>(&self, call: impl FnOnce() -> T) -> Option<T> {
        let result = self.scale.inside(|| {
            catch_unwind(AssertUnwindSafe(call)).map_err(|panic| (!panic.is::<Planned>()).then_some(panic))
        });
        match result {
            Ok(output) => Some(output),
            Err(None) => None,
            Err(Some(finding)) => resume_unwind(finding),
        }
    }
}

/// What a buffer and its frames may keep in memory.
impl Ledger {
    /// What a frame of `n` bytes may keep.
    pub(super) fn most_of(&self, n: usize) -> usize {
        match n {
            0 => 0,
            n if n <= self.config.small_copy_max().min(SMALL_MAX) => SMALL_BLOCK + COUNT,
            n => 4 * n + COUNT,
        }
    }

    /// Whether the reader had nothing when it was asked last.
    fn is_waiting(&self) -> bool {
        matches!(self.said(), Said::Pending | Said::Stalled) && !self.asked
    }

    /// What a quiet buffer may keep, without blocks that others hold.
    fn most_quiet(&self) -> usize {
        QUIET.max(2 * self.config.read_size().start())
    }

    /// A buffer that has found nothing to read keeps no block, unless it is too large for the
    /// thread.
    pub(super) fn rests(&self, buffer: &HandoffBuffer) {
        let capacity = buffer.capacity();
        // Of a large one, a front may have been handed off.
        let rests = capacity == 0 || self.widest > POOLED_MAX && capacity <= self.most_quiet();
        let quiet = self.is_waiting() && self.unread.is_empty();
        assert!(!quiet || rests, "a block of {capacity} bytes is kept with nothing to read");
    }

    /// Compares the kept memory with the limit.
    pub(super) fn weigh(&self) {
        let Some(held) = self.scale.held() else { return };
        let frames: usize = self.kept.iter().map(|kept| kept.most).sum();
        // One is left there each time that a reader has nothing.
        let left = POOL_BLOCKS.min(self.told.pending.get());
        let pool = POOL.min(left * self.widest.min(POOLED_MAX));
        let lists = LISTS + left * 2 * LEFT;
        let other = frames + self.brought + self.beside + pool + SMALL_BLOCK + lists;
        // Blocks that left whole: at least three quarters of each were handed out.
        let spare = |n: &usize| n + n.div_ceil(3) + COUNT;
        let spares: usize = self.largest.iter().take(self.config.spare_blocks()).map(spare).sum();
        let most = (self.most + COUNT + spares + other) as i64;
        trace!(self, "  expected: at most {most} bytes kept in memory, {held} are");
        assert!((0..=most).contains(&held), "{held} bytes are kept in memory, at most {most} may be");
        if self.is_waiting() {
            // A block with this many unread bytes is still growing.
            let block = self.most_quiet().max(4 * self.waits_with.get());
            let most = (block + COUNT * (1 + self.config.spare_blocks()) + other) as i64;
            assert!(held <= most, "{held} bytes are kept with nothing to read, at most {most} may be");
        }
    }
}
