//! `Sink` and `AsyncWrite`, which hold room between two polls.

use futures_util::{AsyncWriteExt, SinkExt};

use crate::{
    device::{Device, assert_done, chunk, open_elsewhere, poll_once, run, stream, write_elsewhere},
    explore::{block_on, explore, thread},
};

#[test]
fn a_sink_that_waits_for_room_beside_a_producer() {
    explore(1, || {
        let device = Device::blocked(usize::MAX);
        let (mut handoff, task) = stream(&device, 2);
        let task = run(task);
        handoff.try_write_fire_and_forget(chunk("ab")).unwrap();
        let other = write_elsewhere(&handoff, "12");
        let peer = open_elsewhere(&device);
        block_on(handoff.send(chunk("cd"))).unwrap();
        other.join().unwrap();
        assert!(handoff.stats().flushed >= 4);
        drop(handoff);
        peer.join().unwrap();
        assert_done(task, &["abcd12", "ab12cd"]);
    });
}

#[test]
fn a_sink_that_is_dropped_with_the_room_it_holds() {
    explore(2, || {
        let device = Device::blocked(usize::MAX);
        let (handoff, task) = stream(&device, 2);
        let task = run(task);
        handoff.try_write_fire_and_forget(chunk("ab")).unwrap();
        let mut sink = handoff.clone();
        // In line, before the other.
        assert!(poll_once(&mut sink.feed(chunk("--"))).is_pending());
        let other = write_elsewhere(&handoff, "cd");
        let peer = open_elsewhere(&device);
        drop(sink);
        other.join().unwrap();
        drop(handoff);
        peer.join().unwrap();
        assert_done(task, &["abcd"]);
    });
}

#[test]
fn a_writer_of_borrowed_bytes_that_closes() {
    explore(2, || {
        let device = Device::short(2);
        let (mut handoff, task) = stream(&device, 2);
        let task = run(task);
        let other = handoff.clone();
        let other = thread::spawn(move || block_on(other.write(chunk("12"))).map(drop).is_ok());
        block_on(AsyncWriteExt::write_all(&mut handoff, b"abc")).unwrap();
        block_on(AsyncWriteExt::close(&mut handoff)).unwrap();
        let accepted = other.join().unwrap();
        drop(handoff);
        let orders: &[&str] = if accepted { &["ab12c", "12abc", "abc12", "a12bc"] } else { &["abc"] };
        assert_done(task, orders);
    });
}
