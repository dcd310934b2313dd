//! What is charged and for how long, and what is refused.

use super::support::*;

#[test]
fn rejects_invalid_limits_and_counts_zero_byte_items() {
    for (items, bytes, said) in
        [(0, 1, "max_items must be at least 1 message"), (1, 0, "max_bytes must be at least 1 byte")]
    {
        let panic = std::panic::catch_unwind(|| MessageHandoffConfig::new(items, bytes)).unwrap_err();
        assert_eq!(panic.downcast_ref::<&str>(), Some(&said));
    }
    let (sender, receiver) = handoff(1, 1);
    sender.try_send(7, 0).unwrap();
    assert_eq!((sender.len(), pending(&sender)), (1, (1, 0)));
    let refused = sender.try_send(8, 0).unwrap_err();
    assert_eq!(refused.reason(), RejectReason::Full { bytes: 0, free_items: 0, free_bytes: 1 });
    assert_eq!(refused.into_message(), 8);
    drop(receiver.try_recv().unwrap());
    assert_eq!(pending(&sender), (0, 0));
}

#[test]
fn active_consumers_and_clones_hold_both_limits() {
    let (sender, receiver) = handoff(1, 3);
    sender.try_send("first", 3).unwrap();
    let active = receiver.try_recv().unwrap();
    assert_eq!((*active, active.bytes(), sender.len(), pending(&sender)), ("first", 3, 0, (1, 3)));
    let active = active.into_shared();
    let clone = active.clone();
    assert_eq!(sender.try_send("second", 0).unwrap_err().into_message(), "second");
    drop(active);
    assert_eq!((*clone, clone.bytes(), pending(&sender)), ("first", 3, (1, 3)));
    drop(clone);
    assert_eq!(pending(&sender), (0, 0));
    sender.try_send("second", 1).unwrap();
    assert_eq!(*receiver.try_recv().unwrap(), "second");
}

#[test]
fn a_message_is_moved_out_with_or_without_its_charge() {
    // A type that cannot be cloned.
    let (sender, receiver) = handoff::<Box<dyn FnOnce() -> u8 + Send>>(2, 10);
    sender.try_send(Box::new(|| 1), 4).unwrap();
    sender.try_send(Box::new(|| 2), 5).unwrap();
    let call = receiver.try_recv().unwrap().into_inner();
    assert_eq!((call(), pending(&sender)), (1, (1, 5)));
    let (call, charge) = receiver.try_recv().unwrap().into_parts();
    assert_eq!((call(), charge.bytes(), pending(&sender)), (2, 5, (1, 5)));
    drop(charge);
    assert_eq!(pending(&sender), (0, 0));
}

#[test]
fn a_shared_message_comes_back_whole_from_its_last_owner() {
    let (sender, receiver) = holding(1, [String::from("text")]);
    let mut message = receiver.try_recv().unwrap();
    message.push('s');
    let shared = message.into_shared();
    let other = shared.clone();
    let shared = shared.try_unwrap().unwrap_err();
    drop(other);
    let message = shared.try_unwrap().unwrap();
    assert_eq!((pending(&sender), message.into_inner(), pending(&sender)), ((1, 1), "texts".into(), (0, 0)));
}

#[test]
fn a_value_is_gone_before_its_charge_ends() {
    struct Asks(Sender<Self>, Arc<AtomicUsize>);
    impl Drop for Asks {
        fn drop(&mut self) {
            self.1.store(self.0.pending_bytes(), Ordering::SeqCst);
        }
    }
    let (sender, receiver) = handoff(4, 100);
    let seen = Arc::<AtomicUsize>::default();
    sender.try_send(Asks(sender.clone(), Arc::clone(&seen)), 7).unwrap();
    drop(receiver.try_recv());
    assert_eq!((seen.load(Ordering::SeqCst), pending(&sender)), (7, (0, 0)));
}

#[test]
fn what_is_larger_than_the_limit_is_refused_at_once() {
    let (sender, receiver) = handoff(4, 8);
    // Also while it is full and other senders wait.
    let held = sender.try_reserve(8).unwrap();
    let mut other = Hand::waiting(sender.send("waits", 1));
    let reason = RejectReason::TooLarge { bytes: 9, limit: 8 };
    let refused = sender.try_send("nine", 9).unwrap_err();
    assert_eq!((refused.reason(), refused.is_full(), refused.is_closed()), (reason, false, false));
    assert_eq!(refused.to_string(), "a message of 9 bytes exceeds the limit of 8 bytes");
    let refused = sender.send("nine", 9).now_or_never().unwrap().unwrap_err();
    assert_eq!((refused.reason(), refused.into_message()), (reason, "nine"));
    assert_eq!(
        sender.reserve(usize::MAX).now_or_never().unwrap().unwrap_err().to_string(),
        format!("a message of {} bytes exceeds the limit of 8 bytes", usize::MAX)
    );
    assert_eq!(sender.try_reserve(9).unwrap_err(), reason);
    drop(held);
    other.run().unwrap().unwrap();
    assert_eq!((drained(&receiver), pending(&sender)), (vec!["waits"], (0, 0)));
}

#[test]
fn a_refusal_for_want_of_room_tells_what_there_is() {
    let (sender, _receiver) = handoff(3, 10);
    sender.try_send((), 6).unwrap();
    let full = sender.try_send((), 5).unwrap_err();
    assert!(full.is_full());
    assert_eq!(full.to_string(), "no room for a message of 5 bytes: 2 messages and 4 bytes are free");
    let _waits = Hand::waiting(sender.send((), 5));
    let behind = sender.try_send((), 1).unwrap_err();
    assert_eq!(behind.reason(), RejectReason::Full { bytes: 1, free_items: 2, free_bytes: 4 });
    assert_eq!(behind.to_string(), "no room for a message of 1 bytes: other senders wait for room");
}

#[test]
fn the_largest_limits_do_not_overflow() {
    let (sender, receiver) = handoff(usize::MAX, usize::MAX);
    sender.try_send("all", usize::MAX).unwrap();
    sender.try_send("nothing", 0).unwrap();
    let full = sender.try_send("one", 1).unwrap_err();
    assert_eq!(full.reason(), RejectReason::Full { bytes: 1, free_items: usize::MAX - 2, free_bytes: 0 });
    assert!(sender.try_reserve(usize::MAX).unwrap_err().is_full(), "it is not too large");
    assert_eq!((drained(&receiver), pending(&sender)), (vec!["all", "nothing"], (0, 0)));
}

#[test]
fn errors_become_those_of_io() {
    use std::io::ErrorKind::{BrokenPipe, InvalidInput, WouldBlock};
    let (sender, receiver) = holding(1, [1]);
    let kind = |bytes| std::io::Error::from(sender.try_send(2, bytes).unwrap_err()).kind();
    assert_eq!((kind(1), kind(1001)), (WouldBlock, InvalidInput));
    drop(receiver.try_recv().unwrap());
    let empty = receiver.try_recv().unwrap_err();
    assert_eq!((empty, std::io::Error::from(empty).kind()), (TryRecvError::Empty, WouldBlock));
    sender.close();
    let closed = receiver.try_recv().unwrap_err();
    assert_eq!((closed, std::io::Error::from(closed).kind()), (TryRecvError::Closed, BrokenPipe));
    assert_eq!(std::io::Error::from(sender.try_send(2, 1).unwrap_err()).kind(), BrokenPipe);
}

#[test]
fn a_permit_holds_its_room_until_it_is_used_or_dropped() {
    let (sender, receiver) = handoff(2, 10);
    let (used, dropped) = (sender.try_reserve(6).unwrap(), sender.try_reserve(4).unwrap());
    assert_eq!((used.bytes(), sender.len(), pending(&sender)), (6, 0, (2, 10)));
    assert!(sender.try_send("", 0).unwrap_err().is_full());
    drop(dropped);
    used.send("sent").unwrap();
    assert_eq!((sender.len(), pending(&sender)), (1, (1, 6)));
    let owned = sender.reserve(4).now_or_never().unwrap().unwrap().into_owned();
    assert_eq!((owned.bytes(), receiver.sender_count(), pending(&sender)), (4, 2, (2, 10)));
    owned.send("owned").unwrap();
    drop(sender.try_reserve(0).map_err(|full| assert!(full.is_full())));
    assert_eq!(
        (drained(&receiver), receiver.sender_count(), pending(&sender)),
        (vec!["sent", "owned"], 1, (0, 0))
    );
}

#[test]
fn the_oldest_is_evicted_only_when_asked_for() {
    let (sender, receiver) = holding(2, ["oldest", "newer"]);
    assert!(sender.try_send("newest", 1).unwrap_err().is_full());
    assert_eq!((sender.evict_oldest(), pending(&sender)), (Some("oldest"), (1, 1)));
    sender.try_send("newest", 1).unwrap();
    let in_use = receiver.try_recv().unwrap();
    assert_eq!(*in_use, "newer");
    assert_eq!((sender.evict_oldest(), sender.evict_oldest()), (Some("newest"), None), "not what is in use");
    assert_eq!(pending(&sender), (1, 1));
}

#[test]
fn the_room_of_what_is_evicted_goes_to_those_that_wait() {
    let (sender, receiver) = holding(2, ["oldest", "newer"]);
    let mut waits = Hand::waiting(sender.send("waits", 1));
    assert_eq!(sender.evict_oldest(), Some("oldest"));
    assert!(sender.try_send("overtakes", 1).unwrap_err().is_full());
    waits.run().unwrap().unwrap();
    assert_eq!(drained(&receiver), ["newer", "waits"]);
}

#[test]
fn the_ends_tell_what_there_is() {
    let (sender, receiver) = holding(8, 0..3);
    let (other_sender, other_receiver) = (sender.clone(), receiver.clone());
    assert_eq!((receiver.sender_count(), sender.receiver_count()), (2, 2));
    drop((other_sender, other_receiver));
    assert_eq!((receiver.sender_count(), sender.receiver_count()), (1, 1));
    let message = receiver.try_recv().unwrap();
    assert_eq!((sender.len(), receiver.len(), sender.is_empty(), receiver.is_empty()), (2, 2, false, false));
    assert_eq!((receiver.pending_items(), receiver.pending_bytes()), (3, 3));
    assert_eq!(sender.config(), receiver.config());
    assert_eq!(sender.config().max_items(), 8);
    assert_eq!(format!("{message:?}"), "Message { value: 0, bytes: 1 }");
    let said = "{ len: 2, pending_items: 3, pending_bytes: 3, closed: false, .. }";
    assert_eq!(
        (format!("{sender:?}"), format!("{receiver:?}")),
        (format!("Sender {said}"), format!("Receiver {said}"))
    );
}
