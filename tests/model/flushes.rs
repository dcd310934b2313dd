//! Flushes, and flushes whose futures were dropped.

use crate::{
    device::{Device, chunk, elsewhere, holding_stream, open_elsewhere, poll_once, running, running_on},
    explore::block_on,
};

#[test]
fn a_flush_of_what_the_task_may_be_writing() {
    running_on(holding_stream, 5, Device::short::<1>, 8, |device, handoff| {
        handoff.try_write_fire_and_forget(chunk("ab")).unwrap();
        block_on(handoff.flush()).unwrap();
        assert_eq!(device.flushed(), 2);
        &["ab"]
    });
}

#[test]
fn two_flushes_at_once() {
    running(2, Device::unflushable, 8, |device, handoff| {
        let other = elsewhere(&handoff, |other| block_on(other.flush()).unwrap());
        handoff.try_write_fire_and_forget(chunk("a")).unwrap();
        device.open();
        block_on(handoff.flush()).unwrap();
        assert_eq!(device.flushed(), 1);
        other.join().unwrap();
        &["a"]
    });
}

#[test]
fn a_flush_asked_for_while_one_is_made_is_another() {
    running(3, Device::ready, 8, |device, handoff| {
        let peer = device.clone();
        let other = elsewhere(&handoff, move |other| {
            let before = peer.flush_calls();
            block_on(other.flush()).unwrap();
            assert!(peer.flush_calls() > before, "a writer may have more to flush than bytes");
        });
        block_on(handoff.flush()).unwrap();
        other.join().unwrap();
        &[""]
    });
}

#[test]
fn a_flush_that_is_given_up_holds_up_no_write() {
    running(4, Device::unflushable, 8, |device, handoff| {
        let mut flush = Box::pin(handoff.flush());
        assert!(poll_once(&mut flush).is_pending());
        let ticket = handoff.try_write(chunk("a")).unwrap();
        drop(flush);
        // The device never flushes before this is written.
        block_on(ticket).unwrap();
        device.open();
        &["a"]
    });
}

#[test]
fn a_flush_given_up_by_one_is_still_made_for_another() {
    running(3, Device::unflushable, 8, |device, handoff| {
        let other = elsewhere(&handoff, |other| block_on(other.flush()).unwrap());
        let mut flush = Box::pin(handoff.flush());
        let _ = poll_once(&mut flush);
        drop(flush);
        device.open();
        other.join().unwrap();
        &[""]
    });
}

#[test]
fn a_flush_and_a_close() {
    running(3, Device::short::<1>, 8, |_, handoff| {
        let other = elsewhere(&handoff, |other| block_on(other.flush()).unwrap());
        handoff.try_write_fire_and_forget(chunk("ab")).unwrap();
        handoff.close();
        block_on(handoff.closed()).unwrap();
        other.join().unwrap();
        &["ab"]
    });
}

#[test]
fn a_ticket_that_is_to_be_flushed() {
    running(3, Device::stalled, 8, |device, handoff| {
        let ticket = handoff.try_write(chunk("ab")).unwrap();
        let peer = open_elsewhere(device);
        block_on(ticket.flushed()).unwrap();
        assert_eq!(device.flushed(), 2);
        drop(handoff);
        peer.join().unwrap();
        &["ab"]
    });
}
