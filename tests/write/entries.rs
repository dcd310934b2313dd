//! What counts as a queue entry, and who gets one that becomes free.

use super::support::*;
use std::{
    pin::pin,
    sync::{Arc, Mutex},
    task::{Context, Wake, Waker},
};

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
        // The writer took some of the prefix and left the rest, which is the one entry that there may be.
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
    assert!(next.run().is_some(), "it fits, and nobody is before it");
}

/// Writes its name down when it is woken.
struct Named(&'static str, Arc<Mutex<Vec<&'static str>>>);

impl Wake for Named {
    fn wake(self: Arc<Self>) {
        self.1.lock().unwrap().push(self.0);
    }
}

#[test]
fn room_that_a_send_leaves_and_room_that_it_makes_wake_in_the_order_of_the_line() {
    let (handoff, _task, _) = willing(limits(3, 7).with_send_at(0).with_inline(Inline::Always));
    let permit = handoff.try_reserve(7).unwrap();
    let woken = Arc::new(Mutex::new(Vec::new()));
    let mut line =
        [("first", "abc"), ("second", "defg")].map(|(name, chunk)| (name, handoff.write(text(chunk))));
    for (name, write) in &mut line {
        let waker = Waker::from(Arc::new(Named(name, Arc::clone(&woken))));
        assert!(pin!(write).poll(&mut Context::from_waker(&waker)).is_pending());
    }
    // Of the seven bytes reserved six are left, which is enough for the first. The one that is sent is written at once,
    // which makes enough room for the second.
    permit.send(text("x")).unwrap();
    assert_eq!(*woken.lock().unwrap(), ["first", "second"]);
    for (_, write) in line {
        assert!(write.now_or_never().is_some());
    }
}
