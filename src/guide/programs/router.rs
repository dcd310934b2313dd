use std::io;

use futures_handoff::{HandoffBuffer, Then, WriteHandoff, WriteHandoffConfig};
use futures_util::{AsyncRead, AsyncWrite, future::join};

const LIMIT: usize = 64 * 1024;

/// Routes lines until `TUNNEL`, then sends everything after it to `a`.
async fn route<R, W>(mut reader: R, a: WriteHandoff<W>, b: WriteHandoff<W>) -> io::Result<()>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let mut buffer = HandoffBuffer::new(LIMIT);
    let mut tunnel = false;
    loop {
        let filled = buffer.read_ready(&mut reader, LIMIT).await?;
        while !tunnel {
            // Searches each byte once, however many reads a line takes.
            let Some(end) = buffer.find(b"\n") else { break };
            match &buffer.peek()[..end] {
                b"TUNNEL" => {
                    buffer.advance(end + 1)?;
                    tunnel = true;
                }
                // Borrowed from the buffer; owned only if it has to wait. One reader reads in
                // order: if `a` has no room left in its budget, the lines after this one wait
                // too.
                line => {
                    let out = if line.starts_with(b"a:") { &a } else { &b };
                    out.write_prefix(&mut buffer, end + 1).await?;
                }
            }
        }
        if tunnel {
            // First the bytes in the buffer, then what the reader reads after them.
            a.write_all_buf(&mut buffer).await?;
        }
        // Everything before the end, or before an error, has been sent. A line that was cut off is
        // not sent.
        match filled.then {
            Then::End if buffer.is_empty() => return Ok(()),
            Then::End => return Err(io::ErrorKind::UnexpectedEof.into()),
            Then::Error(error) => return Err(error.into()),
            // If a line does not fit in the buffer, the next read fails.
            Then::Pending | Then::Limit | Then::Full => {}
        }
    }
}

/// Returns the writers, flushed and closed.
async fn run<R, W>(reader: R, a: W, b: W) -> io::Result<(W, W)>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let (a, mut a_task) = WriteHandoff::new(a, WriteHandoffConfig::default());
    let (b, mut b_task) = WriteHandoff::new(b, WriteHandoffConfig::default());
    // Both writers are served in the router's own task: nothing is spawned, nothing is woken.
    let routed = a_task.run_until(b_task.run_until(route(reader, a, b))).await;
    // The router and its handles are gone. Both writers get the rest, even after an error, and
    // neither waits for the other.
    let (a, b) = join(a_task, b_task).await;
    routed?;
    Ok((a?, b?))
}

fn main() -> io::Result<()> {
    let reader: &[u8] = b"a: first\nb: second\nTUNNEL\nopaque \xff bytes";
    let (a, b) = futures_executor::block_on(run(reader, Vec::new(), Vec::new()))?;
    assert_eq!(a, b"a: first\nopaque \xff bytes");
    assert_eq!(b, b"b: second\n");
    Ok(())
}
