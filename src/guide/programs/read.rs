use std::io;

use futures_handoff::{Delimiter, HandoffBuffer, bytes::Bytes};
use futures_util::AsyncRead;

/// Reads two lines. The bytes after them stay in the buffer.
async fn two_lines(
    // Any `futures_io::AsyncRead`.
    mut reader: impl AsyncRead + Unpin,
    buffer: &mut HandoffBuffer,
    received: &mut Vec<Bytes>,
) -> io::Result<()> {
    let mut lines = Delimiter::new(b"\n");
    while received.len() < 2 {
        let Some(line) = buffer.next_frame(&mut reader, &mut lines).await? else { break };
        received.push(line); // `Bytes`: keep it, send it to another task
    }
    Ok(())
}

fn main() -> io::Result<()> {
    let reader: &[u8] = b"GET /a\nGET /b\nPOS";
    // Never more than 64 KiB of unconsumed bytes.
    let mut buffer = HandoffBuffer::new(64 * 1024);
    let mut received = Vec::new();
    futures_executor::block_on(two_lines(reader, &mut buffer, &mut received))?;
    assert_eq!(received, ["GET /a\n", "GET /b\n"]);
    assert_eq!(buffer.peek(), b"POS");
    Ok(())
}
