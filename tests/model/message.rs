//! Messages between threads: waiting at both ends, giving up, and ending.

use futures_handoff::message::{MessageHandoff, MessageHandoffConfig, Receiver, Sender};

use crate::{
    device::poll_once,
    explore::{block_on, explore, thread},
};

/// A handoff for one message at a time.
fn handoff() -> (Sender<u32>, Receiver<u32>) {
    MessageHandoff::new(MessageHandoffConfig::new(1, 1))
}

#[test]
fn a_send_that_waits_for_a_message_to_be_done_with() {
    explore(3, || {
        let (sender, receiver) = handoff();
        let producer = thread::spawn(move || {
            block_on(async {
                sender.send(1, 1).await.unwrap();
                sender.send(2, 1).await.unwrap();
            });
        });
        block_on(async {
            assert_eq!(receiver.recv().await.as_deref(), Some(&1));
            let (second, charge) = receiver.recv().await.unwrap().into_parts();
            assert_eq!((second, receiver.pending_bytes()), (2, 1));
            drop(charge);
            assert!(receiver.recv().await.is_none());
        });
        producer.join().unwrap();
        assert_eq!(receiver.pending_items(), 0);
    });
}

#[test]
fn a_receive_that_is_given_up_when_it_may_have_been_woken() {
    explore(3, || {
        let (sender, receiver) = handoff();
        let other = receiver.clone();
        let mut first = Box::pin(receiver.recv());
        let got = poll_once(&mut first).is_ready();
        assert!(!got);
        let consumer = thread::spawn(move || block_on(other.recv()).map(|message| *message));
        let producer = thread::spawn(move || {
            sender.try_send(7, 1).unwrap();
            sender
        });
        drop(first);
        assert_eq!(consumer.join().unwrap(), Some(7));
        drop(producer.join().unwrap());
    });
}

#[test]
fn a_send_that_is_given_up_when_it_may_have_been_let_in() {
    explore(3, || {
        let (sender, receiver) = handoff();
        sender.try_send(1, 1).unwrap();
        let other = sender.clone();
        let mut first = Box::pin(sender.send(9, 1));
        assert!(poll_once(&mut first).is_pending());
        let producer = thread::spawn(move || block_on(other.send(2, 1)).unwrap());
        let consumer = thread::spawn(move || {
            assert_eq!(*block_on(receiver.recv()).unwrap(), 1);
            assert_eq!(*block_on(receiver.recv()).unwrap(), 2);
        });
        drop(first);
        producer.join().unwrap();
        consumer.join().unwrap();
        assert_eq!(sender.pending_items(), 0);
    });
}

#[test]
fn a_close_beside_a_send_loses_nothing_that_was_accepted() {
    explore(2, || {
        let (sender, receiver) = handoff();
        let producer = thread::spawn(move || {
            let accepted = sender.try_send(1, 1).is_ok();
            (accepted, block_on(sender.send(2, 1)).map_err(|refused| refused.into_message()))
        });
        let closer = receiver.clone();
        let closer = thread::spawn(move || closer.close());
        let mut received = Vec::new();
        while let Some(message) = block_on(receiver.recv()) {
            received.push(message.into_inner());
        }
        closer.join().unwrap();
        let (first, second) = producer.join().unwrap();
        assert!(second.is_ok() || second == Err(2));
        let sent = [first.then_some(1), second.ok().map(|()| 2)];
        assert!(received.into_iter().eq(sent.into_iter().flatten()));
        assert_eq!(receiver.pending_items(), 0);
    });
}

#[test]
fn the_last_receiver_leaves_beside_senders_that_wait() {
    explore(3, || {
        let (sender, receiver) = handoff();
        sender.try_send(1, 1).unwrap();
        let other = sender.clone();
        let waits = thread::spawn(move || block_on(other.send(2, 1)).unwrap_err().into_message());
        let watches = sender.clone();
        let watches = thread::spawn(move || block_on(watches.closed()));
        drop(receiver);
        assert_eq!(waits.join().unwrap(), 2);
        watches.join().unwrap();
        assert_eq!(sender.pending_items(), 0);
    });
}

#[test]
fn the_last_owner_of_a_shared_message_lets_a_sender_in() {
    explore(3, || {
        let (sender, receiver) = handoff();
        sender.try_send(1, 1).unwrap();
        let message = block_on(receiver.recv()).unwrap().into_shared();
        let other = message.clone();
        let owner = thread::spawn(move || drop(other));
        let producer = thread::spawn(move || block_on(sender.send(2, 1)).unwrap());
        drop(message);
        producer.join().unwrap();
        owner.join().unwrap();
        assert_eq!((receiver.try_recv().unwrap().into_inner(), receiver.pending_items()), (2, 0));
    });
}
