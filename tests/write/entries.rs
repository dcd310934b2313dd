//! What counts as a queue entry, and which waiter gets a free one.

use super::support::*;

/// Everything is sent at once, by producers, too, and prefixes are not copied.
fn config(items: usize) -> WriteHandoffConfig {
    limits(items, 100).with_send_at(0).with_inline(Inline::Always).with_copy_max(0)
}

#[test]
fn a_prefix_in_the_hands_of_the_writer_is_an_entry_and_one_that_it_took_whole_is_none() {
    let (handoff, mut task, _, gate) = gated_after(10, config(1));
    let mut buffer = holding(&[7; 100]);
    let permit = handoff.try_reserve(1).unwrap();
    {
        let mut prefix = Hand::waiting(handoff.write_prefix(&mut buffer, 50));
        let mut chunk = Hand::waiting(handoff.write(text("next")));
        drop(permit);
        assert!(prefix.run().is_some());
        // The writer took a part of the prefix. The rest is the one entry that the limit allows.
        assert_eq!((handoff.pending_bytes(), handoff.stats().pending_items), (40, 1));
        assert!(chunk.run().is_none());
        gate.open();
        task.run();
        assert!(chunk.run().is_some());
    }
    task.run();
    for _ in 0..2 {
        handoff.try_write_prefix(&mut buffer, 25).unwrap();
        assert_eq!((handoff.pending_bytes(), handoff.stats().pending_items), (0, 0));
        assert_eq!(handoff.available(), 100);
    }
}

#[test]
fn an_entry_that_was_granted_and_is_not_needed_goes_to_the_next_in_line() {
    let (handoff, _task) = WriteHandoff::new(ScriptWriter::willing(), config(3).with_copy_max(100));
    let permit = handoff.try_reserve(1).unwrap();
    let mut parts = ["a", "b", "c"].map(text);
    let mut all = Hand::waiting(handoff.write_chunks(&mut parts));
    let mut next = Hand::waiting(handoff.write(filled(0, 50)));
    drop(permit);
    // Three entries were granted, but the parts are gathered in one block.
    assert!(all.run().is_some());
    assert!(next.run().is_some(), "it fits, and is first in line");
}
