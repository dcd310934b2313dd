//! Writing straight out of a read buffer, when the writer does not take it all.

use futures_executor::block_on;
use futures_handoff::{HandoffBuffer, WriteHandoff, WriteHandoffConfig};
use futures_handoff_runtimes::{
    self as runtimes,
    io::{ScriptWriter, WriteStep},
};
use futures_util::future::{join, poll_fn};

/// A buffer that holds `bytes`.
async fn filled(bytes: &[u8]) -> HandoffBuffer {
    let mut buffer = HandoffBuffer::new(bytes.len() + 1).unwrap();
    let mut reader = bytes;
    while buffer.read_available(&mut reader).await.unwrap() > 0 {}
    buffer
}

#[test]
fn what_the_writer_leaves_of_a_prefix_counts_as_one_entry_until_it_is_written() {
    runtimes::watched("write_prefix", || {
        let payload: Vec<u8> = (0..20_000u32).map(|i| (i % 251) as u8).collect();
        let expected = payload.repeat(3);
        // Every prefix is long enough to be written by its producer, who is left with the rest of it.
        let steps =
            [WriteStep::Accept(10), WriteStep::Accept(10), WriteStep::Pending, WriteStep::Accept(20_000)];
        let writer = ScriptWriter::new(steps.iter().cycle().take(3 * steps.len()).cloned());
        let log = writer.log();
        let config = WriteHandoffConfig::new(4, 64 * 1024).unwrap();
        let (handoff, task) = WriteHandoff::new(writer, config);
        let produce = async move {
            // Lets the task run first: before that nobody else may write.
            let mut born = false;
            poll_fn(|cx| {
                cx.waker().wake_by_ref();
                if std::mem::replace(&mut born, true) {
                    std::task::Poll::Ready(())
                } else {
                    std::task::Poll::Pending
                }
            })
            .await;
            for _ in 0..3 {
                let mut buffer = filled(&payload).await;
                let ticket = handoff.write_prefix(&mut buffer, payload.len()).await.unwrap();
                assert_eq!((buffer.len(), handoff.pending_items()), (0, 1));
                ticket.await.unwrap();
                assert_eq!((handoff.pending_bytes(), handoff.pending_items()), (0, 0));
            }
            assert_eq!(handoff.stats().inline_write_calls, 9);
        };
        let (ended, ()) = block_on(join(task, produce));
        drop(ended.unwrap());
        assert_eq!(log.written(), expected);
    });
}
