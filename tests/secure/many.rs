//! Many senders at once, on several threads.

use std::thread;

use super::support::*;
use futures_util::future::join;

const SENDERS: usize = 8;
/// Of each sender.
const MESSAGES: usize = 1250;

/// The message with this number of a sender. Their lengths differ.
fn message(sender: usize, number: usize) -> Vec<u8> {
    let mut message = format!("{sender} {number} ").into_bytes();
    message.resize(message.len() + number % 50, b'.');
    message
}

/// Sends the messages of one sender, each third together with its neighbours.
async fn send_all(sender: &Sender<PipeWriter>, number: usize) {
    let messages: Vec<_> = (0..MESSAGES).map(|i| message(number, i)).collect();
    for chunk in messages.chunks(10) {
        let (single, batch) = chunk.split_at(7);
        for message in single {
            sender.send(message).await.unwrap();
        }
        sender.send_batch(batch).await.unwrap();
    }
}

fn all_arrive_in_the_order_of_each_sender(config: &Config) {
    let (near, far) = pipes(4096);
    let near = side(Role::Initiator, near.0, near.1, config);
    let mut far = side(Role::Responder, far.0, far.1, config);
    let writing = thread::spawn(|| block_on(near.task).unwrap());
    let senders: Vec<_> = (0..SENDERS)
        .map(|number| {
            let sender = near.sender.clone();
            thread::spawn(move || block_on(send_all(&sender, number)))
        })
        .collect();
    let closing = thread::spawn(move || {
        senders.into_iter().for_each(|sender| sender.join().unwrap());
        block_on(near.sender.close()).unwrap();
    });
    let mut next = [0; SENDERS];
    let mut receive = async || {
        while let Some(received) = far.receiver.recv().await.unwrap() {
            let sender = usize::from(received[0] - b'0');
            assert_eq!(received, message(sender, next[sender]), "the next one of {sender}");
            next[sender] += 1;
        }
    };
    block_on(receive());
    assert_eq!(next, [MESSAGES; SENDERS]);
    closing.join().unwrap();
    writing.join().unwrap();
}

runtimes::watched_tests! {
    fn ten_thousand_messages_of_eight_senders_arrive_in_order() {
        all_arrive_in_the_order_of_each_sender(&config().with_rekey_after(1000));
    }

    fn they_do_so_where_there_is_little_room_and_a_key_for_each_record() {
        let write = WriteHandoffConfig::new(4, 1000).with_inline(Inline::Always);
        all_arrive_in_the_order_of_each_sender(&limits(200, 100).with_rekey_after(1).with_write(write));
    }

    /// Every sender gets the error that the connection was closed, whichever is first.
    fn senders_that_close_on_several_threads_all_succeed() {
        for _ in 0..500 {
            let (near, far) = pipes(4096);
            let near = side(Role::Initiator, near.0, near.1, &config());
            let mut far = side(Role::Responder, far.0, far.1, &config());
            let closers: Vec<_> = (0..4)
                .map(|_| {
                    let sender = near.sender.clone();
                    thread::spawn(move || block_on(sender.close()))
                })
                .collect();
            let (task, received) = block_on(join(near.task, drain_all(&mut far.receiver)));
            task.unwrap();
            assert!(received.0.is_empty());
            received.1.unwrap();
            for closer in closers {
                closer.join().unwrap().unwrap();
            }
        }
    }

    /// Everything accepted before the close arrives, and everything after it is refused, without
    /// exception.
    fn a_close_beside_senders_on_other_threads_loses_nothing_that_was_accepted() {
        let config = limits(10, 10).with_write(WriteHandoffConfig::new(16, 1000));
        for round in 0..200 {
            let (near, far) = pipes(4096);
            let near = side(Role::Initiator, near.0, near.1, &config);
            let mut far = side(Role::Responder, far.0, far.1, &config);
            let senders: Vec<_> = (0..3_u8)
                .map(|i| {
                    let sender = near.sender.clone();
                    thread::spawn(move || {
                        let mut accepted = 0_usize;
                        loop {
                            match block_on(sender.send(&[i])) {
                                Ok(_) => accepted += 1,
                                Err(SendError::Closed(CloseReason::Closed)) => return accepted,
                                Err(error) => panic!("{error:?}"),
                            }
                        }
                    })
                })
                .collect();
            let closing = near.sender;
            let closer = thread::spawn(move || {
                (0..round % 10).for_each(|_| thread::yield_now());
                block_on(closing.close()).unwrap();
            });
            let (task, (received, end)) = block_on(join(near.task, drain_all(&mut far.receiver)));
            task.unwrap();
            end.unwrap();
            closer.join().unwrap();
            for (i, sender) in senders.into_iter().enumerate() {
                let arrived = received.iter().filter(|message| usize::from(message[0]) == i).count();
                assert_eq!(sender.join().unwrap(), arrived, "of {i}");
            }
        }
    }
}
