//! What counts as a queue entry, and who gets one that becomes free.

use std::{
    pin::pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Wake, Waker},
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

/// Writes its name down when it is woken.
struct Named(&'static str, Arc<Mutex<Vec<&'static str>>>);

impl Wake for Named {
    fn wake(self: Arc<Self>) {
        self.1.lock().unwrap().push(self.0);
    }
}

#[test]
fn room_that_a_send_leaves_and_room_that_it_makes_wake_in_the_order_of_the_line() {
    let config = WriteHandoffConfig::new(3, 7).unwrap().with_send_at(0).unwrap().with_inline(Inline::Always);
    let (handoff, mut task) = WriteHandoff::new(ScriptWriter::willing(), config);
    assert!(poll(&mut task).is_pending());
    let permit = handoff.try_reserve(7).unwrap();
    let woken = Arc::new(Mutex::new(Vec::new()));
    let line = [("first", &b"abc"[..]), ("second", b"defg")];
    let mut line = line.map(|(name, chunk)| (name, handoff.write(Bytes::from_static(chunk))));
    for (name, write) in &mut line {
        let waker = Waker::from(Arc::new(Named(name, Arc::clone(&woken))));
        assert!(pin!(write).poll(&mut Context::from_waker(&waker)).is_pending());
    }
    // Of the seven bytes reserved six are left, which is enough for the first. The one that is sent is written at once,
    // which makes enough room for the second.
    permit.send(Bytes::from_static(b"x")).unwrap();
    assert_eq!(*woken.lock().unwrap(), ["first", "second"]);
    for (_, write) in &mut line {
        assert!(poll(write).is_ready());
    }
}
