//! Many producers, one writer, and what each producer learns.
//!
//! What to learn:
//! - `new` returns a handle and a task; the task is a plain future, here joined with the producers;
//! - `try_write` never waits and returns rejected bytes; `write` waits in line for room;
//! - a ticket reports the outcome of one write, and dropping it changes nothing;
//! - after a failure it is known which bytes were written, and the others are returned.
//!
//! Run it with `cargo run --example write_handoff`.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use futures_executor::block_on;
use futures_handoff::{CloseReason, RejectReason, WriteHandoff, WriteHandoffConfig, bytes::Bytes};
use futures_util::{
    AsyncWrite,
    future::{join, join_all},
};

/// Eight producers write four chunks of five bytes each, all through clones of one handle. Returns
/// the writer.
pub(crate) async fn many_producers<W: AsyncWrite + Unpin>(writer: W) -> io::Result<W> {
    // At most 16 bytes are accepted and not yet written at any time.
    let config = WriteHandoffConfig::default().with_max_pending_bytes(16);
    let (handoff, task) = WriteHandoff::new(writer, config);
    let producers = (0..8_u8).map(|producer| {
        let handoff = handoff.clone();
        async move {
            for _ in 0..4 {
                handoff.write(Bytes::from(vec![b'a' + producer; 5])).await?;
                assert!(handoff.pending_bytes() <= 16);
            }
            // A barrier for everything accepted so far, from all producers.
            handoff.written().await.map_err(io::Error::from)
        }
    });
    let producers = join_all(producers.collect::<Vec<_>>());
    // The last handle: once it and its clones are dropped, the task flushes and closes the writer,
    // and completes.
    drop(handoff);

    // The task writes everything that was accepted before the results of the producers are checked.
    let (written, results) = join(task, producers).await;
    results.into_iter().collect::<io::Result<()>>()?;
    Ok(written?)
}

/// Writes without waiting for room.
fn never_waits() -> io::Result<()> {
    let config = WriteHandoffConfig::default().with_max_pending_bytes(8);
    // The task does not run, so nothing is written.
    let (handoff, _task) = WriteHandoff::new(Vec::new(), config);
    handoff.try_write(Bytes::from_static(b"hello"))?;
    assert_eq!(handoff.available(), 3);

    let full = handoff.try_write(Bytes::from_static(b"world")).expect_err("there are 3 bytes of room");
    assert!(full.is_full());
    assert_eq!(full.into_bytes(), "world");

    // This chunk can never fit, and the error says so.
    let too_large = handoff.try_write(Bytes::from_static(b"too large")).expect_err("9 bytes are above 8");
    assert!(matches!(too_large.reason(), RejectReason::TooLarge { len: 9, limit: 8 }));
    Ok(())
}

/// A writer that takes this many bytes and then fails.
#[derive(Debug)]
struct Breaks {
    after: usize,
}

impl AsyncWrite for Breaks {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let n = bytes.len().min(self.after);
        self.after -= n;
        Poll::Ready(if n == 0 { Err(io::ErrorKind::BrokenPipe.into()) } else { Ok(n) })
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// What is known about a stream whose writer failed.
pub(crate) struct Known {
    /// How much of each chunk was written.
    pub(crate) written: [u64; 3],
    /// The unwritten bytes.
    pub(crate) unwritten: Vec<u8>,
}

/// Writes three chunks. Returns what is known of them if the connection breaks, and `None` if it
/// does not.
pub(crate) async fn three_chunks<W: AsyncWrite + Unpin>(writer: W) -> io::Result<Option<Known>> {
    let (handoff, task) = WriteHandoff::new(writer, WriteHandoffConfig::default());
    let first = handoff.write(Bytes::from_static(b"first")).await?;
    let second = handoff.write(Bytes::from_static(b"second")).await?;
    let third = handoff.write(Bytes::from_static(b"third")).await?;
    // A clone of the handle would also report why the stream ended.
    drop(handoff);

    let Err(failure) = task.await else { return Ok(None) };
    println!("as expected: {failure}");
    assert!(matches!(failure.reason(), CloseReason::Io(_)));
    let mut written = [0; 3];
    for (written, (ticket, len)) in written.iter_mut().zip([(first, 5), (second, 6), (third, 5)]) {
        *written = ticket.await.map_or_else(|error| error.written(), |()| len);
    }
    assert_eq!(failure.written(), written.iter().sum::<u64>());
    Ok(Some(Known { written, unwritten: failure.unwritten().concat() }))
}

fn main() -> io::Result<()> {
    never_waits()?;

    let written = block_on(many_producers(Vec::new()))?;
    assert_eq!(written.len(), 8 * 4 * 5);
    // Writes of other producers do not split a write.
    assert!(written.chunks(5).all(|chunk| chunk.iter().all(|byte| byte == &chunk[0])));

    // The connection breaks in the middle of the second of three chunks.
    let known = block_on(three_chunks(Breaks { after: 7 }))?.expect("the writer fails");
    assert_eq!(known.written, [5, 2, 0]);
    assert_eq!(known.unwritten, b"condthird");
    Ok(())
}
