//! The buffer beside what it has to hold.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    pin::pin,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use bytes::Bytes;
use futures_handoff::{HandoffBuffer, HandoffBufferConfig};

use super::input::{Input, Said};
use crate::faults::{
    choices::Choices,
    event::{Event, Record},
};

pub(super) struct Model {
    pub(super) choices: Choices,
    record: Rc<RefCell<Record>>,
    pub(super) buffer: HandoffBuffer,
    pub(super) input: Input,
    /// What the input said last.
    pub(super) said: Rc<Cell<Said>>,
    /// How much of what the input gave is accounted for.
    counted: usize,
    pub(super) unread: Vec<u8>,
    /// Frames handed out, with what they held then.
    pub(super) kept: VecDeque<(Bytes, Vec<u8>)>,
}

/// Whether somebody was woken.
#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn config(choices: &Choices) -> HandoffBufferConfig {
    let max_len = 1 + choices.below(choices.of([16, 64, 64, 400, 400, 9000]));
    let min = 1 + choices.below(max_len);
    let max = min + choices.below(max_len - min + 1);
    let small = choices.below(max_len.min(40) + 1);
    HandoffBufferConfig::new(max_len)
        .and_then(|config| config.with_read_size(min..=max))
        .and_then(|config| config.with_small_copy_max(small))
        .and_then(|config| config.with_spare_blocks(choices.below(4)))
        .expect("limits in range")
}

impl Model {
    pub(super) fn new(choices: Choices, record: Record) -> Self {
        let config = config(&choices);
        let record = Rc::new(RefCell::new(record));
        record.borrow_mut().line(|| format!("{config:?}"));
        let input = Input::new(choices.clone(), Rc::clone(&record));
        Self {
            said: Rc::clone(&input.said),
            input,
            buffer: HandoffBuffer::with_config(config),
            choices,
            record,
            counted: 0,
            unread: Vec::new(),
            kept: VecDeque::new(),
        }
    }

    pub(super) fn event(&self, event: Event, detail: impl FnOnce() -> String) {
        self.record.borrow_mut().event(event, detail);
    }

    pub(super) fn line(&self, line: impl FnOnce() -> String) {
        self.record.borrow_mut().line(line);
    }

    pub(super) fn take_record(&self) -> Record {
        self.record.take()
    }

    /// Bytes that the input gave.
    pub(super) fn read(&self) -> usize {
        self.input.given.len()
    }

    pub(super) fn max_len(&self) -> usize {
        self.buffer.config().max_len()
    }

    /// A length: mostly one that there is, sometimes more.
    pub(super) fn amount(&self, len: usize) -> usize {
        match self.choices.below(10) {
            7 => len,
            8 => len + 1 + self.choices.below(3),
            9 => usize::MAX,
            _ => self.choices.below(len + 1),
        }
    }

    /// Accounts for what the input gave since.
    pub(super) fn arrived(&mut self) -> usize {
        let new = &self.input.given[self.counted..];
        let n = new.len();
        self.unread.extend_from_slice(new);
        self.counted += n;
        n
    }

    /// The first `n` bytes leave.
    pub(super) fn leave(&mut self, n: usize) -> Vec<u8> {
        self.unread.drain(..n).collect()
    }

    pub(super) fn keep(&mut self, frame: Bytes, expected: Vec<u8>) {
        assert_eq!(frame, expected, "what was handed out");
        self.kept.push_back((frame, expected));
    }

    pub(super) fn check(&self) {
        self.line(|| {
            let unread = String::from_utf8_lossy(&self.unread).escape_debug().to_string();
            format!("  expected: {} of {} bytes: {unread}", self.unread.len(), self.max_len())
        });
        assert_eq!(self.buffer.peek(), self.unread, "what is buffered");
        assert_eq!(self.buffer.len(), self.unread.len(), "the length");
        assert_eq!(self.buffer.is_empty(), self.unread.is_empty(), "whether it is empty");
        assert!(self.buffer.len() <= self.max_len(), "more is buffered than may be");
        let capacity = self.buffer.capacity();
        assert!(capacity <= self.max_len(), "memory for {capacity} bytes is kept");
        for (frame, expected) in &self.kept {
            assert_eq!(frame, expected, "what was handed out earlier");
        }
    }
}

/// Polls a future that reads from `input`, until it is done or given up: then `None`.
///
/// It may be pending only for a reader that is, or for having woken its task.
pub(super) fn wait<T>(choices: &Choices, said: &Cell<Said>, future: impl Future<Output = T>) -> Option<T> {
    said.set(Said::Nothing);
    let mut future = pin!(future);
    loop {
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return Some(output);
        }
        let awake = woken.0.load(Ordering::Relaxed);
        assert!(awake || said.get() == Said::Stalled, "a future waits for nothing");
        if choices.below(3) < 2 {
            return None;
        }
    }
}
