//! What messages between tasks allocate, and when their memory is freed.

use allocation_counter::measure;
use futures_handoff::message::{MessageHandoff, MessageHandoffConfig};

use super::{allocates_nothing, support::*};

runtimes::watched_tests! {
    fn a_handoff_allocates_once_and_its_queue_when_it_is_used() {
        let config = MessageHandoffConfig::new(usize::MAX, usize::MAX);
        let made = measure(|| drop(MessageHandoff::<[u8; 1000]>::new(config)));
        assert_eq!(made.count_total, 1);
        assert!(made.bytes_total < 1000, "{} bytes, whatever the limits are", made.bytes_total);
    }

    fn sending_and_receiving_allocate_nothing() {
        let (sender, receiver) = MessageHandoff::new(MessageHandoffConfig::new(64, 1000));
        allocates_nothing(|| {
            for message in 0..64 {
                sender.try_send(message, 10).unwrap();
            }
            for message in 0..64 {
                assert_eq!(receiver.try_recv().unwrap().into_inner(), message);
            }
            sender.try_reserve(1).unwrap().send(0).unwrap();
            assert!(sender.reserve(1).now_or_never().unwrap().is_ok());
            drop(receiver.recv().now_or_never().unwrap().unwrap().into_parts().1);
        });
    }

    /// Besides the allocations of the test.
    fn waiting_allocates_nothing_once_the_lines_have_grown() {
        let (sender, receiver) = MessageHandoff::new(MessageHandoffConfig::new(1, 1));
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        allocates_nothing(|| {
            let mut recv = std::pin::pin!(receiver.recv());
            assert!(recv.as_mut().poll(&mut cx).is_pending());
            sender.try_send(1, 1).unwrap();
            let mut send = std::pin::pin!(sender.send(2, 1));
            assert!(send.as_mut().poll(&mut cx).is_pending());
            assert!(recv.as_mut().poll(&mut cx).is_ready());
            assert!(send.as_mut().poll(&mut cx).is_ready());
            assert!(receiver.try_recv().is_ok());
        });
    }
}
