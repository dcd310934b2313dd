//! What counts as a queue entry, and who gets one that becomes free.

use std::{
    pin::pin,
    task::{Context, Poll, Waker},
};

use futures_handoff::{
    HandoffBuffer, HandoffBufferConfig, Inline, WriteHandoff, WriteHandoffConfig, bytes::Bytes,
};
use futures_handoff_runtimes::io::{Gate, ScriptWriter, WriteStep};

fn config(items: usize) -> WriteHandoffConfig {
    WriteHandoffConfig::new(items, 100).unwrap().with_send_at(0).unwrap().with_inline(Inline::Always)
}

fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn a_prefix_in_the_hands_of_the_writer_is_an_entry() {
    let gate = Gate::new();
    let writer = ScriptWriter::new([WriteStep::Accept(10), WriteStep::Wait(gate)]);
    let (handoff, mut task) = WriteHandoff::new(writer, config(1).with_copy_max(0).unwrap());
    assert!(poll(&mut task).is_pending());
    let tail = [7; 50][..].into();
    let mut buffer = HandoffBuffer::from_tail(tail, HandoffBufferConfig::new(100).unwrap()).unwrap();

    let permit = handoff.try_reserve(1).unwrap();
    let mut prefix = handoff.write_prefix(&mut buffer, 50);
    let mut chunk = handoff.write(Bytes::from_static(b"next"));
    assert!(poll(&mut prefix).is_pending());
    assert!(poll(&mut chunk).is_pending());
    drop(permit);
    assert!(poll(&mut prefix).is_ready());
    // The writer took some of the prefix and left the rest, which is the one entry that there may be.
    assert_eq!(handoff.pending_bytes(), 40);
    assert_eq!(handoff.pending_items(), 1);
    assert!(poll(&mut chunk).is_pending());
}

#[test]
fn a_prefix_that_the_writer_takes_whole_leaves_no_entry() {
    let (handoff, mut task) = WriteHandoff::new(ScriptWriter::willing(), config(1).with_copy_max(0).unwrap());
    assert!(poll(&mut task).is_pending());
    let tail = [7; 50][..].into();
    let mut buffer = HandoffBuffer::from_tail(tail, HandoffBufferConfig::new(100).unwrap()).unwrap();
    for _ in 0..2 {
        handoff.try_write_prefix(&mut buffer, 25).unwrap();
        assert_eq!((handoff.pending_bytes(), handoff.pending_items()), (0, 0));
        assert_eq!(handoff.available(), 100);
    }
}

#[test]
fn an_entry_that_was_granted_and_is_not_needed_goes_to_the_next_in_line() {
    let (handoff, _task) = WriteHandoff::new(ScriptWriter::willing(), config(3));
    let permit = handoff.try_reserve(1).unwrap();
    let parts = ["a", "b", "c"].map(|part| Bytes::from_static(part.as_bytes()));
    let mut all = handoff.write_all(parts);
    let mut next = handoff.write(Bytes::from(vec![0; 50]));
    assert!(poll(&mut all).is_pending());
    assert!(poll(&mut next).is_pending());
    drop(permit);
    // Three entries were granted, but the parts are gathered in one block.
    assert!(poll(&mut all).is_ready());
    assert!(poll(&mut next).is_ready(), "it fits, and nobody is before it");
}
