//! Many tasks and threads at once.

use std::thread;

use futures_util::future::join_all;

use super::support::*;

runtimes::watched_tests! {
    fn concurrent_clones_retain_charge_until_final_drop() {
        for _ in 0..100 {
            let (sender, receiver) = handoff(1, 4);
            sender.try_send([1_u8; 4], 4).unwrap();
            let active = receiver.try_recv().unwrap().into_shared();
            thread::scope(|scope| {
                for _ in 0..2 {
                    let other = active.clone();
                    scope.spawn(move || drop(other));
                }
                assert_eq!(pending(&sender), (1, 4));
            });
            assert_eq!(pending(&sender), (1, 4));
            let other = active.clone();
            thread::scope(|scope| {
                scope.spawn(move || drop(other));
                scope.spawn(move || drop(active));
            });
            assert_eq!(pending(&sender), (0, 0));
        }
    }

    fn concurrent_send_close_and_receive_preserve_accounting() {
        for round in 0..20 {
            let (sender, receiver) = handoff(32, 32);
            let (sent, received) = (AtomicUsize::new(0), AtomicUsize::new(0));
            thread::scope(|scope| {
                for producer in 0..4 {
                    let (sender, sent) = (sender.clone(), &sent);
                    scope.spawn(move || {
                        for _ in 0..1000 {
                            let accepted = match producer {
                                0 => sender.send_blocking((), 1).is_ok(),
                                1 => sender.try_reserve(2).is_ok_and(|permit| permit.send(()).is_ok()),
                                _ => sender.try_send((), 1).is_ok(),
                            };
                            sent.fetch_add(usize::from(accepted), Ordering::Relaxed);
                        }
                    });
                }
                for _ in 0..2 {
                    let (consumer, received) = (receiver.clone(), &received);
                    scope.spawn(move || {
                        for _ in 0..50 * (round + 1) {
                            received.fetch_add(usize::from(consumer.try_recv().is_ok()), Ordering::Relaxed);
                        }
                        consumer.close();
                    });
                }
            });
            let rest = drained(&receiver).len();
            assert_eq!(received.into_inner() + rest, sent.into_inner(), "what was accepted was received");
            assert_eq!(pending(&sender), (0, 0));
        }
    }
}

runtimes::tests! {
    /// With receives and sends that are dropped all the time.
    async fn every_message_arrives_once_and_those_of_a_producer_in_order<R: Runtime>() {
        const PRODUCERS: usize = 4;
        const MESSAGES: usize = 400;
        let (sender, receiver) = handoff::<(usize, usize)>(5, 20);
        let producers = (0..PRODUCERS).map(|producer| {
            let sender = sender.clone();
            R::task(async move {
                for number in 0..MESSAGES {
                    let bytes = [1, 20, 7][number % 3];
                    // One that is dropped after its first poll, when it may be in the line, or
                    // granted.
                    drop(sender.reserve(bytes).now_or_never());
                    match producer % 2 {
                        0 => sender.send((producer, number), bytes).await.unwrap(),
                        _ => sender.reserve(bytes).await.unwrap().send((producer, number)).unwrap(),
                    }
                }
            })
        });
        let producers: Vec<_> = producers.collect();
        drop(sender);
        let consumers = (0..3).map(|consumer| {
            let mut receiver = receiver.clone();
            R::task(async move {
                let mut received = Vec::new();
                loop {
                    if let Some(Some(message)) = receiver.recv().now_or_never() {
                        received.push(message.into_inner());
                    }
                    let next = if consumer == 0 { receiver.next().await } else { receiver.recv().await };
                    let Some(message) = next else { return received };
                    received.push(message.into_inner());
                }
            })
        });
        let consumers: Vec<_> = consumers.collect();
        join_all(producers).await;
        let mut all = Vec::new();
        for received in join_all(consumers).await {
            for producer in 0..PRODUCERS {
                let numbers = received.iter().filter(|(by, _)| *by == producer).map(|(_, number)| number);
                assert!(numbers.is_sorted(), "the order of a producer is that of each consumer");
            }
            all.extend(received);
        }
        all.sort_unstable();
        let each = (0..PRODUCERS).flat_map(|producer| (0..MESSAGES).map(move |number| (producer, number)));
        assert!(all.into_iter().eq(each));
        assert_eq!((receiver.pending_items(), receiver.pending_bytes()), (0, 0));
    }
}
