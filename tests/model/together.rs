//! A producer and the task in one task, with other producers on other threads.

use crate::{
    device::{Device, assert_outcome, chunk, elsewhere, holding_stream, open_elsewhere, poll_once, stream},
    explore::{block_on, explore},
};

#[test]
fn together_with_a_writer_that_waits() {
    explore(5, || {
        let device = Device::blocked::<1>();
        let (handoff, mut task) = stream(&device, 2);
        let peer = open_elsewhere(&device);
        block_on(task.run_until(async {
            handoff.write_fire_and_forget(chunk("ab")).await.unwrap();
            handoff.write(chunk("c")).await.unwrap().await.unwrap();
        }));
        peer.join().unwrap();
        drop(handoff);
        assert_outcome(block_on(task), &["abc"]);
    });
}

#[test]
fn together_and_a_producer_elsewhere() {
    explore(3, || {
        let device = Device::ready();
        let (handoff, mut task) = holding_stream(&device, 8);
        let other = elsewhere(&handoff, |other| {
            let ticket = other.try_write(chunk("1")).unwrap();
            block_on(ticket).unwrap();
        });
        block_on(task.run_until(async {
            let ticket = handoff.try_write(chunk("a")).unwrap();
            ticket.await.unwrap();
        }));
        drop(handoff);
        assert_outcome(block_on(task), &["a1", "1a"]);
        other.join().unwrap();
    });
}

#[test]
fn together_while_others_wait_for_room() {
    explore(3, || {
        let device = Device::stalled();
        let (handoff, mut task) = holding_stream(&device, 1);
        let other = elsewhere(&handoff, |other| block_on(other.write_fire_and_forget(chunk("1"))).unwrap());
        let peer = open_elsewhere(&device);
        block_on(task.run_until(async {
            handoff.write_fire_and_forget(chunk("a")).await.unwrap();
            handoff.flush().await.unwrap();
        }));
        drop(handoff);
        assert_outcome(block_on(task), &["a1", "1a"]);
        peer.join().unwrap();
        other.join().unwrap();
    });
}

#[test]
fn together_and_dropped_half_way() {
    explore(3, || {
        let device = Device::ready();
        let (handoff, mut task) = holding_stream(&device, 8);
        let other = elsewhere(&handoff, |other| other.try_write_fire_and_forget(chunk("1")).unwrap());
        let mut producer = Box::pin(task.run_until(async {
            handoff.try_write_fire_and_forget(chunk("a")).unwrap();
            std::future::pending::<()>().await;
        }));
        assert!(poll_once(&mut producer).is_pending());
        drop(producer);
        drop(handoff);
        assert_outcome(block_on(task), &["a1", "1a"]);
        other.join().unwrap();
    });
}
