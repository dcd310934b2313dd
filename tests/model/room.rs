//! Waiting for room, and dropping the wait.

use crate::{
    device::{
        Device, assert_outcome, chunk, elsewhere, open_elsewhere, poll_once, run, running, stream,
        write_elsewhere,
    },
    explore::{block_on, explore},
};

#[test]
fn a_waiter_and_the_progress_that_lets_it_in() {
    running(3, Device::stalled, 2, |device, handoff| {
        handoff.try_write_fire_and_forget(chunk("ab")).unwrap();
        let peer = open_elsewhere(device);
        block_on(handoff.write(chunk("cd"))).unwrap();
        drop(handoff);
        peer.join().unwrap();
        &["abcd"]
    });
}

#[test]
fn a_waiter_that_leaves_when_it_may_have_been_let_in() {
    running(2, Device::stalled, 2, |device, handoff| {
        handoff.try_write_fire_and_forget(chunk("ab")).unwrap();
        let mut first = handoff.write(chunk("--"));
        // By a waker that does nothing: it is not polled again.
        let accepted = poll_once(&mut first).is_ready();
        assert!(!accepted);
        let other = write_elsewhere(&handoff, "cd");
        let peer = open_elsewhere(device);
        drop(first);
        other.join().unwrap();
        drop(handoff);
        peer.join().unwrap();
        &["abcd"]
    });
}

#[test]
fn a_head_that_leaves_lets_in_those_behind_it() {
    running(3, Device::stalled, 3, |device, handoff| {
        handoff.try_write_fire_and_forget(chunk("ab")).unwrap();
        let mut head = handoff.write(chunk("--"));
        assert!(poll_once(&mut head).is_pending());
        let other = write_elsewhere(&handoff, "c");
        drop(head);
        // The device is still blocked: only the head was in the way.
        other.join().unwrap();
        device.open();
        &["abc"]
    });
}

#[test]
fn a_permit_that_is_granted_and_dropped() {
    running(3, Device::ready, 2, |_, handoff| {
        let permit = handoff.try_reserve(2).unwrap();
        let other = elsewhere(&handoff, |other| drop(block_on(other.reserve(2)).unwrap()));
        drop(permit);
        let permit = block_on(handoff.reserve(1)).unwrap();
        permit.send(chunk("a")).unwrap();
        other.join().unwrap();
        assert_eq!(handoff.stats().accepted, 1);
        &["a"]
    });
}

/// They hold their room while they are copied, and the unused rest goes to the waiter.
#[test]
fn borrowed_bytes_that_are_copied_beside_a_waiter() {
    explore(2, || {
        let device = Device::stalled();
        let (handoff, task) = stream(&device, 4);
        handoff.try_write_fire_and_forget(chunk("x")).unwrap();
        let task = run(task);
        let other = write_elsewhere(&handoff, "12");
        let peer = open_elsewhere(&device);
        let accepted = handoff.try_write_slice(b"abc").is_ok();
        other.join().unwrap();
        drop(handoff);
        peer.join().unwrap();
        assert_outcome(task.join().unwrap(), if accepted { &["xabc12", "x12abc"] } else { &["x12"] });
    });
}

#[test]
fn a_close_that_lets_waiters_go() {
    running(3, Device::stalled, 2, |device, handoff| {
        handoff.try_write_fire_and_forget(chunk("ab")).unwrap();
        let other = elsewhere(&handoff, |other| {
            let refused = block_on(other.write(chunk("cd"))).unwrap_err();
            assert!(refused.is_closed());
            assert_eq!(refused.into_bytes(), "cd");
        });
        handoff.close();
        other.join().unwrap();
        device.open();
        block_on(handoff.closed()).unwrap();
        &["ab"]
    });
}
