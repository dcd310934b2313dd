//! Ends from another thread while the writer is being polled.

use futures_handoff::{CloseReason, HandoffBuffer, HandoffBufferConfig};

use crate::{
    device::{Device, assert_outcome, block, chunk, elsewhere, poll_once, run, running, stream},
    explore::{block_on, explore, thread},
};

#[test]
fn the_last_handle_dropped_while_another_producer_writes() {
    running(5, Device::short::<1>, 8, |_, handoff| {
        let other = elsewhere(&handoff, |other| other.try_write_fire_and_forget(chunk("abc")).unwrap());
        drop(handoff);
        other.join().unwrap();
        &["abc"]
    });
}

#[test]
fn a_weak_handle_and_the_last_one() {
    running(5, Device::ready, 8, |_, handoff| {
        let weak = handoff.downgrade();
        let other = thread::spawn(move || match weak.upgrade() {
            Some(handle) => {
                handle.try_write_fire_and_forget(chunk("a")).expect("a handle keeps the stream open");
                true
            }
            None => false,
        });
        drop(handoff);
        let wrote = other.join().unwrap();
        if wrote { &["a"] } else { &[""] }
    });
}

#[test]
fn a_close_while_a_producer_writes() {
    running(3, Device::short::<1>, 8, |_, handoff| {
        let other = elsewhere(&handoff, |other| other.try_write(chunk("abc")).is_ok());
        handoff.close();
        block_on(handoff.closed()).unwrap();
        let wrote = other.join().unwrap();
        if wrote { &["abc"] } else { &[""] }
    });
}

/// They are copied without the lock, with room that is reserved for them.
#[test]
fn a_close_while_borrowed_bytes_are_copied() {
    explore(3, || {
        let device = Device::stalled();
        let (handoff, task) = stream(&device, 8);
        // From here on only the task polls the writer, so the others have to wait.
        handoff.try_write_fire_and_forget(chunk("x")).unwrap();
        let other = elsewhere(&handoff, |other| other.try_write_slice(b"abc").is_ok());
        handoff.close();
        let accepted = other.join().unwrap();
        assert_eq!(handoff.pending_bytes(), if accepted { 4 } else { 1 });
        drop(handoff);
        device.open();
        assert_outcome(block_on(task), if accepted { &["xabc"] } else { &["x"] });
    });
}

#[test]
fn a_close_while_a_prefix_is_taken_out_of_its_buffer() {
    // Too long to be copied.
    const LEN: usize = 5000;
    explore(3, || {
        let device = Device::stalled();
        let (handoff, task) = stream(&device, 2 * LEN);
        // From here on only the task polls the writer, so the others have to wait.
        handoff.try_write_fire_and_forget(chunk("x")).unwrap();
        let other = elsewhere(&handoff, |other| {
            let config = HandoffBufferConfig::new(LEN);
            let mut buffer = HandoffBuffer::from_tail(block(&"a".repeat(LEN)), config).unwrap();
            let accepted = other.try_write_prefix(&mut buffer, LEN).is_ok();
            assert_eq!(buffer.len(), if accepted { 0 } else { LEN });
            accepted
        });
        handoff.close();
        let accepted = other.join().unwrap();
        drop(handoff);
        device.open();
        let prefix = if accepted { LEN } else { 0 };
        assert_outcome(block_on(task), &[&format!("x{}", "a".repeat(prefix))]);
    });
}

#[test]
fn an_abort_of_a_writer_that_never_gets_ready() {
    explore(3, || {
        let device = Device::stalled();
        let (handoff, task) = stream(&device, 8);
        let task = run(task);
        let abort = handoff.downgrade();
        let other = thread::spawn(move || abort.abort());
        match handoff.try_write(chunk("ab")) {
            Ok(ticket) => {
                let error = block_on(ticket).unwrap_err();
                assert!(matches!(error.reason(), CloseReason::Aborted));
                assert_eq!(error.written(), 0);
            }
            Err(refused) => assert!(matches!(refused.close_reason(), Some(CloseReason::Aborted))),
        }
        other.join().unwrap();
        let accepted = handoff.stats().accepted;
        let failure = task.join().unwrap().unwrap_err();
        assert!(matches!(failure.reason(), CloseReason::Aborted));
        assert_eq!(failure.unwritten().concat().len() as u64, accepted);
    });
}

#[test]
fn an_abort_while_a_producer_writes() {
    explore(5, || {
        let device = Device::short::<1>();
        let (handoff, task) = stream(&device, 8);
        let task = run(task);
        let abort = handoff.downgrade();
        let other = thread::spawn(move || abort.abort());
        let ticket = handoff.try_write(chunk("abc"));
        other.join().unwrap();
        // Aborted in time or not at all: the handle that is still there keeps the stream open.
        let failure = task.join().unwrap().unwrap_err();
        assert!(matches!(failure.reason(), CloseReason::Aborted));
        let written = failure.written();
        let (writer, unwritten) = failure.into_parts();
        let taken = writer.expect("the writer comes back").taken();
        let all = [taken.as_slice(), &unwritten.concat()].concat();
        assert_eq!(all, if ticket.is_ok() { &b"abc"[..] } else { b"" });
        assert_eq!(written, taken.len() as u64);
        if let Ok(ticket) = ticket {
            assert_eq!(ticket.try_result().unwrap().is_ok(), taken.len() == 3);
        }
    });
}

#[test]
fn a_task_dropped_while_a_producer_writes() {
    explore(5, || {
        let device = Device::short::<1>();
        let (handoff, task) = stream(&device, 8);
        let other = thread::spawn(move || drop(task));
        let ticket = handoff.try_write(chunk("abc"));
        other.join().unwrap();
        let ended = block_on(handoff.closed());
        assert!(matches!(ended, Err(CloseReason::TaskDropped)));
        assert!(handoff.try_write(chunk("late")).is_err_and(|refused| refused.is_closed()));
        let accepted = ticket.is_ok();
        if let Ok(ticket) = ticket {
            assert_eq!(block_on(ticket).is_ok(), device.taken().len() == 3);
        }
        let (writer, unwritten) = block_on(handoff.into_parts()).unwrap_err().into_parts();
        assert!(writer.is_none());
        let all = [device.taken(), unwritten.concat()].concat();
        assert_eq!(all, if accepted { &b"abc"[..] } else { b"" });
    });
}

#[test]
fn a_task_dropped_while_others_wait() {
    explore(3, || {
        let device = Device::stalled();
        let (handoff, task) = stream(&device, 2);
        let ticket = handoff.try_write(chunk("ab")).unwrap();
        let other = elsewhere(&handoff, |other| block_on(other.write(chunk("cd"))).map(drop).unwrap_err());
        let waiting = thread::spawn(move || block_on(ticket).unwrap_err());
        drop(task);
        assert!(matches!(other.join().unwrap().close_reason(), Some(CloseReason::TaskDropped)));
        assert!(matches!(waiting.join().unwrap().reason(), CloseReason::TaskDropped));
    });
}

#[test]
fn the_writer_taken_back_while_the_task_ends() {
    explore(5, || {
        let device = Device::short::<1>();
        let (handoff, task) = stream(&device, 8);
        let task = run(task);
        handoff.try_write_fire_and_forget(chunk("ab")).unwrap();
        let writer = block_on(handoff.into_parts()).expect("the first to ask gets the writer");
        assert_eq!(writer.taken(), b"ab");
        assert_eq!(writer.flushed(), 2);
        assert!(!writer.is_closed());
        let failure = task.join().unwrap().expect_err("the writer is not there twice");
        assert!(matches!(failure.reason(), CloseReason::Closed));
    });
}

#[test]
fn the_writer_wanted_by_two() {
    explore(2, || {
        let device = Device::ready();
        let (handoff, task) = stream(&device, 8);
        let task = run(task);
        let other = elsewhere(&handoff, |other| block_on(other.into_parts()).is_ok());
        let one = block_on(handoff.into_parts()).is_ok();
        let two = other.join().unwrap();
        let task = task.join().unwrap().is_ok();
        assert_eq!(usize::from(one) + usize::from(two) + usize::from(task), 1);
    });
}

#[test]
fn those_who_wait_for_the_end() {
    running(3, Device::ready, 8, |_, handoff| {
        let other = elsewhere(&handoff, |other| {
            let mut given_up = Box::pin(other.closed());
            let _ = poll_once(&mut given_up);
            drop(given_up);
            block_on(other.closed())
        });
        handoff.close();
        block_on(handoff.closed()).unwrap();
        assert!(other.join().unwrap().is_ok());
        &[""]
    });
}
