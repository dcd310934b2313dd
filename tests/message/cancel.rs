//! Every future, dropped after each possible number of polls, and at the hand-over.

use std::task::{Context, Wake, Waker};

use futures_handoff_runtimes::cancel::at_every_poll;
use futures_util::{SinkExt, future::BoxFuture};

use super::support::*;

/// Runs a future that waits for room, with another one after it, and drops it after each number of
/// polls. Returns whether it has sent 2.
fn sends<F: Future<Output = bool>>(send: impl Fn(Sender<u32>) -> F) {
    let polls = at_every_poll(|cut| {
        let (sender, receiver) = handoff(2, 10);
        sender.try_send(0, 6).unwrap();
        sender.try_send(1, 4).unwrap();
        let mut received = Vec::new();
        let mut behind = Hand::new(sender.send(3, 1));
        // One message is received at a time. Whether there was something to do.
        let mut step = || {
            let due = behind.is_due();
            assert!(behind.run().is_none_or(|sent| sent.is_ok()));
            let message = receiver.try_recv().ok().map(Message::into_inner);
            received.extend(message);
            due || message.is_some()
        };
        let sent = cut.run(send(sender.clone()), &mut step);
        while step() {}
        let expected: &[u32] = if sent == Some(true) { &[0, 1, 2, 3] } else { &[0, 1, 3] };
        assert_eq!((&received[..], pending(&sender)), (expected, (0, 0)));
        sender.try_send(4, 10).unwrap();
    });
    assert!(polls >= 2, "it waits");
}

#[test]
fn a_send() {
    sends(async |sender: Sender<u32>| sender.send(2, 10).await.is_ok());
}

#[test]
fn a_reservation() {
    sends(async |sender: Sender<u32>| sender.reserve(10).await.unwrap().send(2).is_ok());
    sends(async |sender: Sender<u32>| {
        drop(sender.reserve(10).await.unwrap());
        false
    });
}

#[test]
fn a_sink() {
    sends(async |sender: Sender<u32>| sender.into_sink(|_| 10).send(2).await.is_ok());
}

/// Runs a future that waits for a message, with another receiver after it.
fn receives<F: Future<Output = Option<u32>>>(receive: impl Fn(Receiver<u32>) -> F) {
    let polls = at_every_poll(|cut| {
        let (sender, receiver) = handoff(4, 10);
        let mut behind = Hand::new(receiver.recv());
        let mut unsent = vec![1];
        let got = cut.run(receive(receiver.clone()), || {
            assert!(behind.run().is_none(), "it is behind");
            unsent.pop().is_some_and(|message| sender.try_send(message, 1).is_ok())
        });
        sender.try_send(2, 1).unwrap();
        // A dropped receiver, woken or not, does not keep a message from the next one.
        let behind = behind.run().map(|message| *message.unwrap());
        let received = got.flatten().into_iter().chain(behind).chain(drained(&receiver));
        let expected: &[u32] = if unsent.is_empty() { &[1, 2] } else { &[2] };
        assert_eq!((received.collect::<Vec<_>>(), pending(&sender)), (expected.to_vec(), (0, 0)));
        assert!(behind.is_some());
    });
    assert!(polls >= 2, "it waits");
}

#[test]
fn a_receive() {
    receives(async |receiver: Receiver<u32>| receiver.recv().await.map(Message::into_inner));
}

#[test]
fn a_stream() {
    receives(async |mut receiver: Receiver<u32>| receiver.next().await.map(Message::into_inner));
}

#[test]
fn waiting_for_the_close() {
    let polls = at_every_poll(|cut| {
        let (sender, receiver) = handoff::<()>(1, 1);
        let mut behind = Hand::waiting(sender.closed());
        let mut receiver = Some(receiver);
        let closed = cut.run(sender.closed(), || receiver.take().is_some());
        assert!(closed.is_none() || receiver.is_none());
        drop(receiver);
        assert!(behind.run().is_some());
    });
    assert!(polls >= 2, "it waits");
}

#[test]
fn an_item_is_not_destroyed_when_a_receive_is_dropped_at_the_hand_over() {
    let (counted, drops) = Counted::new();
    let (sender, receiver) = handoff(4, 10);
    let mut stream = receiver.clone();
    let (woken, streaming) = (Hand::waiting(receiver.recv()), Hand::waiting(stream.next()));
    sender.try_send(counted.clone(), 1).unwrap();
    sender.try_send(counted, 1).unwrap();
    assert!(woken.is_due() && streaming.is_due());
    drop((woken, streaming));
    drop(stream);
    assert_eq!((drops.load(Ordering::SeqCst), sender.len(), drained(&receiver).len()), (0, 2, 2));
}

#[test]
fn a_wake_up_that_meets_a_dropped_receiver_goes_to_the_next_one() {
    for dropped in 1..5 {
        let (sender, receiver) = handoff(4, 10);
        let mut woken: Vec<_> = (0..dropped).map(|_| Hand::waiting(receiver.recv())).collect();
        let mut next = Hand::waiting(receiver.recv());
        sender.try_send("message", 1).unwrap();
        while !woken.is_empty() {
            assert!(!next.is_due());
            assert!(woken.remove(0).is_due(), "each is woken once the one before it is dropped");
        }
        assert_eq!(next.run().unwrap().as_deref(), Some(&"message"));
    }
}

#[test]
fn a_stream_that_is_polled_no_more_keeps_no_message_from_others() {
    // Also more of them than one section wakes.
    for streams in [1, 100] {
        let (sender, receiver) = handoff(4, 10);
        let mut idle: Vec<_> = (0..streams).map(|_| receiver.clone()).collect();
        assert!(idle.iter_mut().all(|stream| stream.next().now_or_never().is_none()));
        let (mut next, behind) = (Hand::waiting(receiver.recv()), Hand::waiting(receiver.recv()));
        sender.try_send("message", 1).unwrap();
        assert_eq!(next.run().unwrap().as_deref(), Some(&"message"));
        assert!(!behind.is_due(), "one is enough");
    }
}

#[test]
fn room_that_meets_a_dropped_sender_goes_to_the_next_one() {
    let (sender, receiver) = holding(1, [0]);
    let mut granted: Vec<_> = (0..4).map(|_| Hand::waiting(sender.send(9, 1))).collect();
    let mut next = Hand::waiting(sender.send(1, 1));
    drop(receiver.try_recv().unwrap());
    while !granted.is_empty() {
        assert!(granted.remove(0).is_due());
    }
    next.run().unwrap().unwrap();
    assert_eq!((drained(&receiver), pending(&sender)), (vec![1], (0, 0)));
}

#[test]
fn a_wait_that_is_given_up_leaves_no_waker_behind() {
    struct Unused;
    impl Wake for Unused {
        fn wake(self: Arc<Self>) {}
    }
    type Wait = BoxFuture<'static, ()>;
    /// The end moves into a task.
    type Waits = fn(Sender<u32>, Receiver<u32>) -> Wait;
    let waits: [Waits; 6] = [
        |sender, _| async move { sender.send(1, 1).await }.map(drop).boxed(),
        |sender, _| async move { sender.reserve(1).await.map(drop) }.map(drop).boxed(),
        |sender, _| async move { sender.into_sink(|_| 1).send(1).await }.map(drop).boxed(),
        |sender, _| async move { sender.closed().await }.boxed(),
        |_, receiver| async move { receiver.recv().await }.map(drop).boxed(),
        |_, mut receiver| async move { receiver.next().await }.map(drop).boxed(),
    ];
    for (which, wait) in waits.iter().enumerate() {
        let (sender, receiver) = handoff(1, 1);
        let held = sender.try_reserve(1).unwrap();
        let unused = Arc::new(Unused);
        let mut wait = wait(sender.clone(), receiver.clone());
        let waker = Waker::from(Arc::clone(&unused));
        assert!(wait.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        drop(waker);
        assert_eq!(Arc::strong_count(&unused), 2, "{which}");
        drop(wait);
        assert_eq!(Arc::strong_count(&unused), 1, "{which}");
        drop(held);
    }
}

#[test]
fn a_cancelled_send_can_keep_its_message() {
    let (counted, drops) = Counted::new();
    let (sender, receiver) = holding(1, [counted.clone()]);
    let waits = Hand::waiting(sender.reserve(1));
    drop(waits);
    drop(receiver.try_recv().unwrap());
    assert_eq!(drops.load(Ordering::SeqCst), 1, "it was not in the future");
    sender.reserve(1).now_or_never().unwrap().unwrap().send(counted).unwrap();
    assert_eq!(sender.len(), 1);
}

#[test]
fn a_loop_over_what_is_always_there_lets_others_run() {
    let config = MessageHandoffConfig::new(1, 1);
    for (config, yields) in [(config, true), (config.with_cooperative(false), false)] {
        let (sender, mut receiver) = MessageHandoff::new(config);
        let mut busy = Hand::new(async {
            for round in 0..2000 {
                sender.send(round, 1).await.unwrap();
                let message = if round % 2 == 0 { receiver.recv().await } else { receiver.next().await };
                assert_eq!(message.unwrap().into_inner(), round);
            }
        });
        assert!(busy.run().is_some());
        assert_eq!(busy.polls() > 5, yields, "{} polls", busy.polls());
    }
}
