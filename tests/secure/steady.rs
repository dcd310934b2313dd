//! The cost of a message once the blocks of a session are allocated.

use super::support::*;
use allocation_counter::measure;

/// The allocations of both sides while messages go from one to the other, after as many that went
/// before. `len` is what a call sends.
fn allocations(
    config: &Config,
    len: usize,
    messages: usize,
    mut send: impl FnMut(&Sender<PipeWriter>),
) -> u64 {
    let (near, far) = pipes(512 * 1024);
    let near = side(Role::Initiator, near.0, near.1, config);
    let mut far = side(Role::Responder, far.0, far.1, config);
    let mut task = Hand::new(near.task);
    let mut rounds = |n| {
        for _ in 0..n {
            send(&near.sender);
            assert!(task.run().is_none());
            for _ in 0..messages {
                let received = far.receiver.recv().now_or_never();
                received.expect("it is there").unwrap().expect("it is no end");
            }
        }
    };
    // Short messages share blocks, so it takes more of them until those come back.
    let n = (200_000 / (len + 1)).clamp(16, 400);
    rounds(n);
    measure(|| rounds(n)).count_total
}

runtimes::watched_tests! {
    fn a_message_of_one_record_takes_no_allocation_on_either_side() {
        for suite in SUITES {
            let config = config().with_suite(suite);
            for len in [0, 1, 64, 1000, 1024, 1025, 5000, 16 * 1024, 64 * 1024] {
                let message = pattern(len);
                let count =
                    allocations(&config, len, 1, |sender| sender.try_send(&message).map(drop).unwrap());
                assert_eq!(count, 0, "{suite:?}, {len} bytes");
            }
        }
    }

    fn a_window_of_messages_takes_no_allocation_on_either_side() {
        for len in [64, 1024, 16 * 1024] {
            let message = pattern(len);
            let send = |sender: &Sender<_>| {
                (0..8).for_each(|_| sender.try_send(&message).map(drop).unwrap());
            };
            assert_eq!(allocations(&config(), 8 * len, 8, send), 0, "8 times {len} bytes");
        }
    }

    fn a_long_message_takes_no_allocation_on_either_side() {
        let config = config().with_max_record_len(32 * 1024).with_rekey_after(100);
        let message = pattern(200 * 1024);
        let send = |sender: &Sender<_>| sender.try_send(&message).map(drop).unwrap();
        assert_eq!(allocations(&config, message.len(), 1, send), 0);
    }

    fn a_batch_of_one_record_takes_no_allocation_on_either_side() {
        for len in [0, 64, 1000] {
            let messages = vec![pattern(len); 64];
            let send = |sender: &Sender<_>| sender.try_send_batch(&messages).map(drop).unwrap();
            let count = allocations(&config(), 64 * len, 64, send);
            assert_eq!(count, 0, "64 times {len} bytes");
        }
    }

    fn a_batch_leaves_in_one_call_of_the_writer() {
        for (lens, records_expected) in [([64; 9], 1), ([60_000; 9], 9)] {
            let messages = lens.map(pattern);
            let config = config().with_write(WriteHandoffConfig::new(100, 1 << 20));
            let mut near = Near::willing(&config);
            near.sender.try_send_batch(&messages).unwrap();
            near.task.run();
            assert_eq!(records(&near.log.written()).len(), records_expected);
            assert_eq!(near.log.writes() + near.log.vectored_writes(), 1);
        }
    }
}
