//! The buffer beside what it has to hold.

use std::{cell::RefCell, rc::Rc};

use futures_handoff::{HandoffBuffer, HandoffBufferConfig};

use super::{
    input::{Input, Said},
    ledger::{Ledger, SPARES_MAX},
};
use crate::faults::{
    choices::Choices,
    event::{Record, Tally},
    scale::Scale,
};

pub(super) struct Model {
    pub(super) buffer: HandoffBuffer,
    pub(super) input: Input,
    pub(super) ledger: Ledger,
    /// Other buffers of the same kind, on the same thread.
    pub(super) neighbours: Vec<HandoffBuffer>,
    record: Rc<RefCell<Record>>,
}

pub(super) fn config(choices: &Choices) -> HandoffBufferConfig {
    // Large ones are rare: they take longer.
    let most = if choices.once_in(60) { 400_000 } else { choices.of([16, 64, 64, 400, 400, 9000]) };
    let max_len = 1 + choices.below(most);
    let min = 1 + choices.below(max_len);
    let max = min + choices.below(max_len - min + 1);
    let small = choices.below(max_len.min(40) + 1);
    HandoffBufferConfig::new(max_len)
        .and_then(|config| config.with_read_size(min..=max))
        .and_then(|config| config.with_small_copy_max(small))
        .and_then(|config| config.with_spare_blocks(choices.below(SPARES_MAX + 1)))
        .expect("limits in range")
}

impl Model {
    pub(super) fn new(choices: Choices, record: Record, scale: Scale) -> Self {
        let config = config(&choices);
        record.line(|| format!("{config:?}"));
        let record = Rc::new(RefCell::new(record));
        let input = Input::new(choices.clone(), Rc::clone(&record), scale.clone());
        let told = Rc::clone(&input.told);
        let buffer = scale.inside(|| HandoffBuffer::with_config(config));
        let ledger = Ledger::new(choices, Rc::clone(&record), scale, told, config);
        Self { buffer, input, ledger, neighbours: Vec::new(), record }
    }

    pub(super) fn take_tally(&self) -> Tally {
        self.record.take().tally
    }

    /// Bytes that the input gave.
    pub(super) fn read(&self) -> usize {
        self.ledger.told.given.borrow().len()
    }

    /// Makes one call and looks at what it did.
    pub(super) fn step(&mut self) {
        self.ledger.told.said.set(Said::Nothing);
        self.call();
        self.check();
    }

    fn check(&self) {
        let Self { buffer, ledger, .. } = self;
        let (unread, max_len) = (&ledger.unread, ledger.max_len());
        ledger.line(|| {
            let content = String::from_utf8_lossy(unread).escape_debug().to_string();
            format!("  expected: {} of {max_len} bytes: {content}", unread.len())
        });
        assert_eq!(buffer.peek(), unread, "what is buffered");
        assert_eq!(buffer.len(), unread.len(), "the length");
        assert_eq!(buffer.is_empty(), unread.is_empty(), "whether it is empty");
        assert!(buffer.len() <= max_len, "more is buffered than may be");
        let capacity = buffer.capacity();
        assert!(capacity <= ledger.most.max(ledger.brought), "memory for {capacity} bytes is kept");
        for kept in &ledger.kept {
            assert_eq!(kept.frame, kept.content, "what was handed out earlier");
        }
        ledger.rests(buffer);
        ledger.weigh();
    }
}
