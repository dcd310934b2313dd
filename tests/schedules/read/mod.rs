//! The read half: random calls on a buffer, whose input comes in any pieces, against a plain
//! vector.

mod calls;
mod frames;
mod input;
mod ledger;

use std::mem;

use futures_handoff::{HandoffBuffer, HandoffBufferConfig};

use self::{
    input::{Input, Said},
    ledger::Ledger,
};
use crate::{
    run::{Scale, Summary, Weigh, or_finding},
    script::Script,
};

/// Runs a schedule, with measured memory if requested. Errors are failed assertions.
pub(crate) fn run(script: &Script, weigh: Option<Weigh>) -> Result<Summary, String> {
    let mut model = Model::new(script, Scale::new(weigh));
    let calls = 1 + script.below(60);
    let held = or_finding(|| {
        for step in 1..=calls {
            script.step();
            trace!(script, "step {step}");
            model.ledger.told.said.set(Said::Nothing);
            model.call();
            model.check();
        }
    });
    let bytes = model.ledger.told.given.borrow().len() as u64;
    if let Err(finding) = held {
        // A broken state may not be safe to drop.
        mem::forget(model);
        return Err(finding);
    }
    Ok(Summary { bytes, ..Summary::default() })
}

/// The buffer beside what it has to hold.
struct Model {
    buffer: HandoffBuffer,
    input: Input,
    ledger: Ledger,
    /// Other buffers of the same kind, on the same thread.
    neighbours: Vec<HandoffBuffer>,
}

/// The most blocks that a buffer of a schedule remembers.
const SPARES_MAX: usize = 3;

fn config(script: &Script) -> HandoffBufferConfig {
    // Large ones are rare: they take longer.
    let most = if script.once_in(60) { 400_000 } else { script.of([16, 64, 64, 400, 400, 9000]) };
    let max_len = 1 + script.below(most);
    let min = 1 + script.below(max_len);
    let max = min + script.below(max_len - min + 1);
    let small = script.below(max_len.min(40) + 1);
    HandoffBufferConfig::new(max_len)
        .with_read_size(min..=max)
        .with_small_copy_max(small)
        .with_spare_blocks(script.below(SPARES_MAX + 1))
}

impl Model {
    fn new(script: &Script, scale: Scale) -> Self {
        let config = config(script);
        trace!(script, "{config:?}");
        let input = Input::new(script.clone(), scale.clone());
        let buffer = scale.inside(|| HandoffBuffer::with_config(config));
        let ledger = Ledger::new(script.clone(), scale, &input, config);
        Self { buffer, input, ledger, neighbours: Vec::new() }
    }

    fn check(&self) {
        let Self { buffer, ledger, .. } = self;
        let (unread, max_len) = (&ledger.unread, ledger.max_len());
        let n = unread.len();
        trace!(ledger, "  expected: {n} of {max_len} bytes: {:?}", String::from_utf8_lossy(unread));
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
