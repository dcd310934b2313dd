//! Closing, and what becomes of both ends.

use super::support::*;

#[test]
fn close_drains_and_last_receiver_discards_queue() {
    let (counted, drops) = Counted::new();
    let (sender, receiver) = handoff(3, 8);
    sender.try_send(counted.clone(), 2).unwrap();
    sender.try_send(counted.clone(), 2).unwrap();
    let other = receiver.clone();
    receiver.close();
    let refused = sender.try_send(counted, 1).unwrap_err();
    assert_eq!((refused.reason(), refused.is_closed()), (RejectReason::Closed, true));
    assert_eq!(refused.to_string(), "the message handoff is closed");
    drop(refused);
    assert_eq!(drops.load(Ordering::SeqCst), 1);
    let active = receiver.try_recv().unwrap();
    drop(receiver);
    assert_eq!(pending(&sender), (2, 4));
    drop(other);
    assert_eq!((pending(&sender), drops.load(Ordering::SeqCst)), ((1, 2), 2));
    drop(active);
    assert_eq!((pending(&sender), drops.load(Ordering::SeqCst)), ((0, 0), 3));
}

/// Ends a handoff, and keeps the receiver.
type End = fn(Sender<u32>, &Receiver<u32>);
/// Ends a handoff, and keeps the sender.
type EndBehind<T> = fn(&Sender<T>, Receiver<T>);

fn closers() -> [End; 3] {
    [
        |sender, _| sender.close(),
        |sender, receiver| {
            receiver.close();
            drop(sender);
        },
        |sender, _| drop(sender),
    ]
}

#[test]
fn receivers_get_what_is_queued_and_then_the_end() {
    for close in closers() {
        let (sender, receiver) = holding(4, [1, 2, 3]);
        close(sender, &receiver);
        assert!(receiver.is_closed());
        assert_eq!(receiver.recv().now_or_never().unwrap().as_deref(), Some(&1));
        assert_eq!(*receiver.try_recv().unwrap(), 2);
        let mut stream = receiver;
        assert_eq!(stream.next().now_or_never().unwrap().as_deref(), Some(&3));
        for _ in 0..2 {
            assert!(stream.next().now_or_never().unwrap().is_none());
            assert!(stream.recv().now_or_never().unwrap().is_none());
            assert_eq!(stream.try_recv().unwrap_err(), TryRecvError::Closed);
            assert!(stream.drain().is_empty());
        }
    }
}

#[test]
fn receivers_that_wait_learn_of_the_end() {
    // More than one section wakes.
    for waiting in [1, 200] {
        for close in closers() {
            let (sender, receiver) = handoff(4, 1000);
            let mut waits: Vec<_> = (0..waiting).map(|_| Hand::waiting(receiver.recv())).collect();
            let mut stream = receiver.clone();
            let mut streaming = Hand::waiting(stream.next());
            close(sender, &receiver);
            assert!(waits.iter_mut().all(|wait| wait.run().unwrap().is_none()));
            assert!(streaming.run().unwrap().is_none());
        }
    }
}

#[test]
fn senders_that_wait_learn_of_the_end_and_keep_their_message() {
    let closers: [EndBehind<u32>; 3] =
        [|sender, _| sender.close(), |_, receiver| receiver.close(), |_, receiver| drop(receiver)];
    for (closer, close) in closers.iter().enumerate() {
        let (sender, receiver) = holding(1, [0]);
        let mut sends: Vec<_> = (1..100).map(|message| Hand::waiting(sender.send(message, 1))).collect();
        let mut reserve = Hand::waiting(sender.reserve(0));
        let mut closed = Hand::waiting(sender.closed());
        let other = receiver.clone();
        close(&sender, receiver);
        let last = closer == 2;
        assert_eq!(closed.run().is_some(), !last, "there is another receiver");
        drop(other);
        let pending = pending(&sender);
        assert_eq!(pending, (0, 0), "messages without a receiver are dropped");
        assert!(!last || closed.run().is_some());
        for (message, send) in (1..).zip(&mut sends) {
            let refused = send.run().unwrap().unwrap_err();
            assert!(refused.is_closed());
            assert_eq!(refused.into_message(), message);
        }
        assert_eq!(reserve.run().unwrap().unwrap_err(), RejectReason::Closed);
        assert!(sender.is_closed() && sender.closed().now_or_never().is_some());
        assert!(sender.send(7, 1).now_or_never().unwrap().unwrap_err().is_closed());
    }
}

#[test]
fn room_that_was_granted_before_the_close_is_given_back() {
    let (sender, receiver) = holding(1, [0]);
    let mut sends: Vec<_> = (1..4).map(|message| Hand::waiting(sender.send(message, 1))).collect();
    drop(receiver.try_recv().unwrap());
    assert_eq!(pending(&sender), (1, 1), "the first one has it");
    sender.close();
    let dropped = sends.remove(0);
    for (message, send) in (2..).zip(&mut sends) {
        assert_eq!(send.run().unwrap().unwrap_err().into_message(), message);
    }
    drop(dropped);
    assert_eq!(pending(&sender), (0, 0));

    let (sender, receiver) = holding(1, [0]);
    let mut send = Hand::waiting(sender.send(1, 1));
    drop(receiver.try_recv().unwrap());
    sender.close();
    assert_eq!(send.run().unwrap().unwrap_err().into_message(), 1);
    assert_eq!(pending(&sender), (0, 0));
}

#[test]
fn a_permit_is_refused_after_the_close_and_its_message_comes_back() {
    let closers: [EndBehind<&str>; 2] = [|sender, _| sender.close(), |_, receiver| drop(receiver)];
    for close in closers {
        let (sender, receiver) = handoff(4, 10);
        let (permit, owned) = (sender.try_reserve(4).unwrap(), sender.try_reserve(3).unwrap().into_owned());
        close(&sender, receiver);
        assert_eq!(pending(&sender), (2, 7));
        let refused = [permit.send("permit").unwrap_err(), owned.send("owned").unwrap_err()];
        assert!(refused.iter().all(SendError::is_closed));
        assert_eq!(refused.map(SendError::into_message), ["permit", "owned"]);
        assert_eq!(pending(&sender), (0, 0));
    }
}

#[test]
fn the_last_of_the_senders_ends_it_an_owned_permit_among_them() {
    let (sender, receiver) = handoff(4, 10);
    let owned = sender.try_reserve(1).unwrap().into_owned();
    let sink = sender.clone().into_sink(|_| 1);
    let mut wait = Hand::waiting(receiver.recv());
    drop((sender, sink));
    assert!(!wait.is_due() && !receiver.is_closed());
    owned.send("owned").unwrap();
    assert_eq!(wait.run().unwrap().as_deref(), Some(&"owned"));
    assert!(receiver.is_closed());
}

#[test]
fn a_message_that_is_in_use_outlives_both_ends() {
    let (sender, receiver) = holding(1, [String::from("still here")]);
    let message = receiver.try_recv().unwrap().into_shared();
    drop((sender, receiver));
    assert_eq!(*message.clone(), "still here");
}

#[test]
fn a_message_with_an_end_of_its_own_handoff_in_it_is_freed() {
    struct Loop(#[expect(dead_code, reason = "it is only held")] Sender<Self>, #[expect(dead_code)] Counted);
    let (counted, drops) = Counted::new();
    let (sender, receiver) = handoff(4, 10);
    sender.try_send(Loop(sender.clone(), counted), 1).unwrap();
    drop(sender);
    assert!(!receiver.is_closed(), "the message is a sender");
    drop(receiver);
    assert_eq!(drops.load(Ordering::SeqCst), 1);
}
