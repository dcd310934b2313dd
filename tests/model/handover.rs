//! The writer polled from several threads: which party polls it, which is woken, and in what order
//! bytes are written.

use std::task::Poll;

use futures_handoff::{HandoffBuffer, HandoffBufferConfig};

use crate::{
    device::{
        Device, assert_outcome, block, chunk, elsewhere, holding_stream, open_elsewhere, poll_once, run,
        running, running_on, stream, write_elsewhere,
    },
    explore::{block_on, explore, thread},
};

#[test]
fn one_producer_and_a_writer_that_waits() {
    running(5, Device::stalled, 8, |device, handoff| {
        let peer = open_elsewhere(device);
        handoff.try_write_fire_and_forget(chunk("ab")).unwrap();
        drop(handoff);
        peer.join().unwrap();
        &["ab"]
    });
}

#[test]
fn one_producer_and_short_writes() {
    running(5, Device::short::<1>, 8, |_, handoff| {
        handoff.try_write_fire_and_forget(chunk("abcd")).unwrap();
        handoff.try_write_fire_and_forget(chunk("e")).unwrap();
        &["abcde"]
    });
}

#[test]
fn two_producers_and_short_writes() {
    running(3, Device::short::<2>, 16, |_, handoff| {
        let other = elsewhere(&handoff, |other| other.try_write_fire_and_forget(chunk("123")).unwrap());
        handoff.try_write_fire_and_forget(chunk("abc")).unwrap();
        drop(handoff);
        other.join().unwrap();
        &["abc123", "123abc"]
    });
}

#[test]
fn two_producers_and_a_writer_that_waits() {
    running(3, Device::blocked::<2>, 16, |device, handoff| {
        let other = elsewhere(&handoff, |other| other.try_write_fire_and_forget(chunk("12")).unwrap());
        let peer = open_elsewhere(device);
        handoff.try_write_fire_and_forget(chunk("ab")).unwrap();
        drop(handoff);
        other.join().unwrap();
        peer.join().unwrap();
        &["ab12", "12ab"]
    });
}

#[test]
fn a_ticket_awaited_elsewhere() {
    running(3, Device::blocked::<1>, 8, |device, handoff| {
        let ticket = handoff.try_write(chunk("ab")).unwrap();
        let peer = device.clone();
        let waiting = thread::spawn(move || {
            block_on(ticket).unwrap();
            assert_eq!(peer.taken(), b"ab");
        });
        device.open();
        drop(handoff);
        waiting.join().unwrap();
        &["ab"]
    });
}

#[test]
fn what_a_ticket_tells_of_has_happened() {
    for device in [Device::ready, Device::short::<1>] {
        explore(3, move || {
            let device = device();
            let (handoff, task) = holding_stream(&device, 8);
            let ticket = handoff.try_write(chunk("ab")).unwrap();
            let task = run(task);
            if ticket.try_result().is_some_and(|result| result.is_ok()) {
                assert_eq!(device.known_to_be_taken(), 2);
                assert_eq!(handoff.stats().written, 2);
            }
            drop(handoff);
            assert_outcome(task.join().unwrap(), &["ab"]);
        });
    }
}

#[test]
fn what_a_ticket_of_another_tells_of_has_happened() {
    running(3, Device::ready, 8, |device, handoff| {
        let producer = write_elsewhere(&handoff, "ab");
        let ticket = handoff.written();
        let end = ticket.positions().end as usize;
        if ticket.try_result().is_some_and(|result| result.is_ok()) {
            assert!(device.known_to_be_taken() >= end);
            assert!(handoff.stats().written as usize >= end);
        }
        producer.join().unwrap();
        &["ab"]
    });
}

#[test]
fn parts_of_one_write_stay_together() {
    running(3, Device::short::<3>, 8, |_, handoff| {
        let other =
            elsewhere(&handoff, |other| drop(other.try_write_chunks(&mut [chunk("1"), chunk("2")]).unwrap()));
        handoff.try_write_chunks(&mut [chunk("a"), chunk("b")]).unwrap();
        drop(handoff);
        other.join().unwrap();
        &["ab12", "12ab"]
    });
}

#[test]
fn a_ticket_cancelled_while_its_bytes_are_written() {
    running(2, Device::stalled, 8, |device, handoff| {
        let mut first = handoff.try_write(chunk("a")).unwrap();
        let second = handoff.try_write(chunk("b")).unwrap();
        let waiting = thread::spawn(move || block_on(second).unwrap());
        let peer = open_elsewhere(device);
        let _ = poll_once(&mut first);
        drop(first);
        waiting.join().unwrap();
        drop(handoff);
        peer.join().unwrap();
        &["ab"]
    });
}

#[test]
fn a_task_that_moves_to_another_thread() {
    explore(3, || {
        let device = Device::stalled();
        let (handoff, mut task) = stream(&device, 8);
        let producer = thread::spawn(move || handoff.try_write_fire_and_forget(chunk("ab")).unwrap());
        let peer = open_elsewhere(&device);
        // The other thread's waker handles what this poll leaves.
        let outcome = match poll_once(&mut task) {
            Poll::Ready(outcome) => outcome,
            Poll::Pending => run(task).join().unwrap(),
        };
        producer.join().unwrap();
        peer.join().unwrap();
        assert_outcome(outcome, &["ab"]);
    });
}

#[test]
fn a_dispatch_racing_the_task() {
    explore(5, || {
        let device = Device::short::<1>();
        let (handoff, task) = holding_stream(&device, 8);
        handoff.try_write_fire_and_forget(chunk("ab")).unwrap();
        let task = run(task);
        handoff.dispatch();
        let ticket = handoff.try_write(chunk("c")).unwrap();
        block_on(ticket).unwrap();
        drop(handoff);
        assert_outcome(task.join().unwrap(), &["abc"]);
    });
}

#[test]
fn a_batching_producer_and_another() {
    running_on(holding_stream, 3, Device::ready, 8, |_, handoff| {
        let other = elsewhere(&handoff, |other| {
            let ticket = other.try_write(chunk("1")).unwrap();
            block_on(ticket).unwrap();
        });
        let mut ticket = None;
        block_on(handoff.batching(async { ticket = handoff.try_write(chunk("a")).ok() }));
        block_on(ticket.unwrap()).unwrap();
        other.join().unwrap();
        &["a1", "1a"]
    });
}

#[test]
fn a_batching_future_that_is_dropped() {
    running_on(holding_stream, 5, Device::ready, 8, |_, handoff| {
        let mut ticket = None;
        let mut batch = Box::pin(handoff.batching(async {
            ticket = Some(handoff.try_write(chunk("a")).unwrap());
            std::future::pending::<()>().await;
        }));
        assert!(poll_once(&mut batch).is_pending());
        drop(batch);
        block_on(ticket.unwrap()).unwrap();
        &["a"]
    });
}

#[test]
fn the_rest_of_a_borrowed_prefix_goes_before_what_comes_later() {
    running(3, Device::short::<1>, 16, |_, handoff| {
        let other = elsewhere(&handoff, |other| other.try_write_fire_and_forget(chunk("12")).unwrap());
        let config = HandoffBufferConfig::new(16).with_read_size(1..=16);
        let mut buffer = HandoffBuffer::from_tail(block("abcd"), config).unwrap();
        handoff.try_write_prefix(&mut buffer, 4).unwrap();
        assert!(buffer.is_empty());
        drop(handoff);
        other.join().unwrap();
        &["abcd12", "12abcd"]
    });
}

#[test]
fn the_writer_lent_while_it_is_wanted() {
    running(3, Device::ready, 8, |_, handoff| {
        let other = elsewhere(&handoff, |other| {
            other.with_writer(|_| ());
        });
        let ticket = handoff.try_write(chunk("a")).unwrap();
        block_on(ticket).unwrap();
        other.join().unwrap();
        &["a"]
    });
}
