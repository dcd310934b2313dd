//! The order of messages, of waiting senders and of waiting receivers.

use super::support::*;

#[test]
fn messages_leave_in_the_order_of_acceptance() {
    let (sender, receiver) = handoff(100, 1000);
    let permit = sender.try_reserve(1).unwrap();
    sender.try_send(0, 1).unwrap();
    sender.send(1, 1).now_or_never().unwrap().unwrap();
    permit.send(2).unwrap();
    sender.clone().try_send(3, 1).unwrap();
    assert_eq!(drained(&receiver), [0, 1, 2, 3]);
}

#[test]
fn waiters_are_admitted_in_the_order_of_asking_with_one_wake_up_each() {
    // Also more of them than one section wakes.
    for (waiters, most) in [(200, 16), (10, 1), (1000, 1)] {
        let bytes = |i: usize| 16 / most * (1 + i % most);
        let config = MessageHandoffConfig::new(64, 16).with_cooperative(false);
        let (sender, receiver) = MessageHandoff::new(config);
        sender.try_send(usize::MAX, 16).unwrap();
        let mut waits: Vec<_> = (0..waiters).map(|i| Hand::waiting(sender.send(i, bytes(i)))).collect();
        let mut order = Vec::new();
        while let Ok(message) = receiver.try_recv() {
            order.push(message.into_inner());
            for wait in waits.iter_mut().filter(|wait| wait.is_due()) {
                wait.run().expect("a wake-up means that it is admitted").unwrap();
            }
        }
        assert!(order[1..].iter().copied().eq(0..waiters));
        assert!(waits.iter().all(|wait| wait.polls() == 2));
    }
}

#[test]
fn a_release_lets_in_as_many_as_fit() {
    let (sender, receiver) = handoff(1000, 1000);
    sender.try_send(0, 1000).unwrap();
    let mut waits: Vec<_> = (1..=999).map(|i| Hand::waiting(sender.send(i, 1))).collect();
    let mut last = Hand::waiting(sender.send(1000, 2));
    drop(receiver.try_recv().unwrap());
    assert_eq!(pending(&sender), (999, 999));
    assert!(waits.iter_mut().all(|wait| wait.run().unwrap().is_ok()) && last.run().is_none());
    assert_eq!(drained(&receiver), (1..=999).collect::<Vec<_>>());
    last.run().unwrap().unwrap();
}

#[test]
fn a_large_message_does_not_starve_behind_small_ones() {
    let (sender, receiver) = handoff(100, 10);
    for _ in 0..10 {
        sender.try_send("small", 1).unwrap();
    }
    let mut large = Hand::waiting(sender.send("large", 10));
    for left in (0..10).rev() {
        assert_eq!(receiver.try_recv().unwrap().into_inner(), "small");
        // There is room for small ones, and they would starve the large one.
        assert!(
            sender.try_send("small", 1).unwrap_err().is_full()
                && sender.try_reserve(0).is_err() == (left > 0)
        );
        assert_eq!(large.run().is_some(), left == 0);
    }
    assert_eq!(drained(&receiver), ["large"]);
}

#[test]
fn a_head_that_leaves_lets_in_those_behind_it() {
    let (sender, receiver) = handoff(4, 10);
    sender.try_send("first", 5).unwrap();
    let head = Hand::waiting(sender.send("head", 6));
    let mut behind = Hand::waiting(sender.send("behind", 5));
    let middle = Hand::waiting(sender.reserve(5));
    assert!(!behind.is_due());
    drop(head);
    behind.run().unwrap().unwrap();
    drop(middle);
    assert_eq!((drained(&receiver), pending(&sender)), (vec!["first", "behind"], (0, 0)));
    sender.try_send("free", 10).unwrap();
}

#[test]
fn receivers_that_wait_are_served_in_their_order() {
    let (sender, receiver) = handoff(100, 1000);
    let mut waits: Vec<_> = (0..50).map(|_| Hand::waiting(receiver.recv())).collect();
    for message in 0..50 {
        sender.try_send(message, 1).unwrap();
        let due: Vec<_> = waits.iter().map(Hand::is_due).collect();
        assert!(
            due.iter().position(|due| *due) == Some(message) && due.iter().filter(|due| **due).count() == 1
        );
        assert_eq!(waits[message].run().unwrap().as_deref(), Some(&message));
    }
}

#[test]
fn a_receiver_whose_message_was_taken_by_another_keeps_its_place() {
    let (sender, receiver) = handoff(4, 1000);
    let (mut first, mut second) = (Hand::waiting(receiver.recv()), Hand::waiting(receiver.recv()));
    sender.try_send("taken", 1).unwrap();
    drop(receiver.try_recv().unwrap());
    assert!(first.is_due() && first.run().is_none());
    sender.try_send("for the first", 1).unwrap();
    assert!(first.is_due() && !second.is_due());
    sender.try_send("for the second", 1).unwrap();
    assert_eq!(first.run().unwrap().as_deref(), Some(&"for the first"));
    assert_eq!(second.run().unwrap().as_deref(), Some(&"for the second"));
}

#[test]
fn each_message_goes_to_one_of_the_receivers() {
    let (sender, receiver) = holding(9, 0..9);
    let mut receivers = [receiver.clone(), receiver.clone(), receiver];
    drop(sender);
    let mut got = Vec::new();
    for turn in 0..3 {
        got.push(receivers[0].try_recv().unwrap().into_inner());
        got.push(receivers[1].recv().now_or_never().unwrap().unwrap().into_inner());
        got.push(receivers[2].next().now_or_never().unwrap().unwrap().into_inner());
        assert_eq!(got.len(), 3 * (turn + 1));
    }
    assert_eq!(got, (0..9).collect::<Vec<_>>());
}
