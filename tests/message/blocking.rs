//! Ends on threads that run no executor.

use std::thread;

use super::support::*;

runtimes::watched_tests! {
    fn threads_send_and_receive() {
        let (sender, receiver) = handoff::<usize>(2, 10);
        let consumer = thread::spawn(move || {
            let mut received = Vec::new();
            while let Some(message) = receiver.recv_blocking() {
                received.push(message.into_inner());
            }
            received
        });
        for message in 0..5000 {
            sender.send_blocking(message, message % 11).unwrap();
        }
        drop(sender);
        assert!(consumer.join().unwrap().into_iter().eq(0..5000));
    }

    fn a_thread_that_waits_learns_of_the_end() {
        for waits_to_send in [true, false] {
            let (sender, receiver) = handoff(1, 1);
            sender.try_send(1, 1).unwrap();
            if waits_to_send {
                let closer = receiver.clone();
                let thread = thread::spawn(move || sender.send_blocking(2, 1).unwrap_err().into_message());
                closer.close();
                assert_eq!(thread.join().unwrap(), 2);
            } else {
                let thread = thread::spawn(move || (receiver.recv_blocking().is_some(), receiver.recv_blocking().is_some()));
                drop(sender);
                assert_eq!(thread.join().unwrap(), (true, false));
            }
        }
    }

    fn a_message_that_is_too_large_does_not_block() {
        let (sender, _receiver) = handoff(1, 1);
        assert!(!sender.send_blocking(1, 2).unwrap_err().is_full());
    }
}

runtimes::tests! {
    async fn a_thread_and_a_task_hand_over_to_each_other<R: Runtime>() {
        let (questions, asked) = handoff::<u32>(1, 1);
        let (answers, answered) = handoff(1, 1);
        let thread = thread::spawn(move || {
            while let Some(question) = asked.recv_blocking() {
                answers.send_blocking(question.into_inner() * 2, 1).unwrap();
            }
        });
        for number in 0..200 {
            questions.send(number, 1).await.unwrap();
            assert_eq!(answered.recv().await.unwrap().into_inner(), number * 2);
        }
        drop(questions);
        assert!(answered.recv().await.is_none());
        thread.join().unwrap();
    }
}
