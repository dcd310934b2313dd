use std::io;

use futures_handoff::{WriteHandoff, WriteHandoffConfig, bytes::Bytes};
use futures_util::{AsyncWrite, future::join};

async fn produce<W: AsyncWrite + Unpin>(handoff: WriteHandoff<W>) -> io::Result<()> {
    // Fire and forget, without waiting: rejected bytes come back in the error.
    handoff.try_write_fire_and_forget(Bytes::from_static(b"one "))?;
    // Waits for room in the budget, not for the socket.
    let ticket = handoff.write(Bytes::from_static(b"two ")).await?;
    // Adjacent on the wire, whatever other producers write.
    handoff.write_chunks(&mut [Bytes::from_static(b"thr"), Bytes::from_static(b"ee")]).await?;
    // The writer has taken these bytes, or the error says how many.
    ticket.await?;
    // When the last handle is dropped, the task writes the rest, flushes, closes and ends.
    Ok(())
}

/// Returns the writer, flushed and closed.
async fn run<W: AsyncWrite + Unpin>(writer: W) -> io::Result<W> {
    let (handoff, task) = WriteHandoff::new(writer, WriteHandoffConfig::default());
    // The task runs to its end even if the producer fails: accepted bytes are written.
    let (written, produced) = join(task, produce(handoff)).await;
    produced?;
    Ok(written?)
}

fn main() -> io::Result<()> {
    // Any `futures_io::AsyncWrite`; here a `Vec`.
    let written = futures_executor::block_on(run(Vec::new()))?;
    assert_eq!(written, b"one two three");
    Ok(())
}
