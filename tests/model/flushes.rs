//! Flushes, and flushes that are not waited for any more.

use crate::{
    device::{Device, assert_done, chunk, holding_stream, open_elsewhere, poll_once, run, stream},
    explore::{block_on, explore, thread},
};

#[test]
fn a_flush_of_what_the_task_may_be_writing() {
    explore(5, || {
        let device = Device::short(1);
        let (handoff, task) = holding_stream(&device, 8);
        let task = run(task);
        handoff.try_write_fire_and_forget(chunk("ab")).unwrap();
        block_on(handoff.flush()).unwrap();
        assert_eq!(device.flushed(), 2);
        drop(handoff);
        assert_done(task, &["ab"]);
    });
}

#[test]
fn two_flushes_at_once() {
    explore(2, || {
        let device = Device::unflushable();
        let (handoff, task) = stream(&device, 8);
        let task = run(task);
        let other = handoff.clone();
        let other = thread::spawn(move || block_on(other.flush()).unwrap());
        handoff.try_write_fire_and_forget(chunk("a")).unwrap();
        device.open();
        block_on(handoff.flush()).unwrap();
        assert_eq!(device.flushed(), 1);
        other.join().unwrap();
        drop(handoff);
        assert_done(task, &["a"]);
    });
}

#[test]
fn a_flush_asked_for_while_one_is_made_is_another() {
    explore(3, || {
        let device = Device::ready();
        let (handoff, task) = stream(&device, 8);
        let task = run(task);
        let (other, peer) = (handoff.clone(), device.clone());
        let other = thread::spawn(move || {
            let before = peer.flush_calls();
            block_on(other.flush()).unwrap();
            assert!(peer.flush_calls() > before, "a writer may have more to flush than bytes");
        });
        block_on(handoff.flush()).unwrap();
        other.join().unwrap();
        drop(handoff);
        assert_done(task, &[""]);
    });
}

#[test]
fn a_flush_that_is_given_up_holds_up_no_write() {
    explore(4, || {
        let device = Device::unflushable();
        let (handoff, task) = stream(&device, 8);
        let task = run(task);
        let mut flush = Box::pin(handoff.flush());
        assert!(poll_once(&mut flush).is_pending());
        let ticket = handoff.try_write(chunk("a")).unwrap();
        drop(flush);
        // The device never flushes before this is written.
        block_on(ticket).unwrap();
        device.open();
        drop(handoff);
        assert_done(task, &["a"]);
    });
}

#[test]
fn a_flush_given_up_by_one_is_still_made_for_another() {
    explore(3, || {
        let device = Device::unflushable();
        let (handoff, task) = stream(&device, 8);
        let task = run(task);
        let other = handoff.clone();
        let other = thread::spawn(move || block_on(other.flush()).unwrap());
        let mut flush = Box::pin(handoff.flush());
        let _ = poll_once(&mut flush);
        drop(flush);
        device.open();
        other.join().unwrap();
        drop(handoff);
        assert_done(task, &[""]);
    });
}

#[test]
fn a_flush_and_a_close() {
    explore(3, || {
        let device = Device::short(1);
        let (handoff, task) = stream(&device, 8);
        let task = run(task);
        let other = handoff.clone();
        let other = thread::spawn(move || block_on(other.flush()).unwrap());
        handoff.try_write_fire_and_forget(chunk("ab")).unwrap();
        handoff.close();
        block_on(handoff.closed()).unwrap();
        other.join().unwrap();
        drop(handoff);
        assert_done(task, &["ab"]);
    });
}

#[test]
fn a_ticket_that_is_to_be_flushed() {
    explore(3, || {
        let device = Device::blocked(usize::MAX);
        let (handoff, task) = stream(&device, 8);
        let task = run(task);
        let ticket = handoff.try_write(chunk("ab")).unwrap();
        let peer = open_elsewhere(&device);
        block_on(ticket.flushed()).unwrap();
        assert_eq!(device.flushed(), 2);
        drop(handoff);
        peer.join().unwrap();
        assert_done(task, &["ab"]);
    });
}
