use std::io;

use futures_channel::mpsc;
use futures_executor::block_on;
use futures_handoff::{
    Delimiter, HandoffBuffer, WriteHandoff, WriteHandoffConfig,
    bytes::{Bytes, BytesMut},
};
use futures_util::{AsyncRead, AsyncWrite, StreamExt, future::join};

/// Answers lines that start with `?`. Passes all other lines, the answers of the peer, to
/// `answered`.
async fn answer<R, W>(
    mut reader: R,
    out: WriteHandoff<W>,
    most_open: usize,
    mut answered: impl FnMut(Bytes),
) -> io::Result<()>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let (mut questions, mut open) = mpsc::channel(most_open);
    let read = async move {
        let mut buffer = HandoffBuffer::new(1024);
        let mut lines = Delimiter::new(b"\n");
        while let Some(line) = buffer.next_frame(&mut reader, &mut lines).await? {
            if line.starts_with(b"?") {
                // Never waits. If the peer has too many open questions, this fails and ends the
                // loop.
                questions.try_send(line).map_err(io::Error::other)?;
            } else {
                answered(line);
            }
        }
        Ok(())
    };
    let write = async move {
        while let Some(question) = open.next().await {
            let mut answer = BytesMut::from(question);
            answer[0] = b'!';
            // Only this waits for room. The reader goes on meanwhile.
            out.write_fire_and_forget(answer.freeze()).await?;
        }
        Ok(())
    };
    // Questions from before the end, or before an error, are answered first.
    let (read, written) = join(read, write).await;
    read.and(written)
}

fn main() -> io::Result<()> {
    let (out, task) = WriteHandoff::new(Vec::new(), WriteHandoffConfig::default());
    let mut answers = Vec::new();
    let answering = answer(&b"?one\n!two\n"[..], out, 8, |line| answers.push(line));
    let (written, answered) = block_on(join(task, answering));
    answered?;
    assert_eq!(written?, b"!one\n");
    assert_eq!(answers, ["!two\n"]);
    Ok(())
}
