//! A connection whose content decides where its bytes go.
//!
//! The client sends lines. Each line is routed to an upstream by its first word, until the line
//! `TUNNEL`. The rest of the connection is opaque bytes for one of the upstreams.
//!
//! What to learn:
//! - `find` and `peek` look at a line in the buffer and `write_prefix` sends it from there. It
//!   becomes owned only if it has to wait;
//! - every upstream has its own order, budget and writer task, and one reader feeds them all;
//! - when the protocol changes, nothing is lost: bytes read after the last line are still in the
//!   buffer;
//! - complete lines before the end, or before an error, are routed first. A line that was cut off
//!   is not routed;
//! - one reader reads in order: an upstream that takes nothing delays the lines of the others once
//!   its budget is used up.
//!
//! Run it with `cargo run --example content_routing`.

use std::io;

use futures_executor::block_on;
use futures_handoff::{HandoffBuffer, Then, WriteHandoff, WriteHandoffConfig};
use futures_util::{AsyncRead, AsyncWrite, StreamExt, TryStreamExt, future::join3, stream};

/// The most to read before other work gets its turn.
const LIMIT: usize = 64 * 1024;

/// The upstreams.
pub(crate) struct Upstreams<W> {
    pub(crate) orders: WriteHandoff<W>,
    pub(crate) events: WriteHandoff<W>,
}

/// Routes lines until the tunnel begins, then sends everything to `orders`.
pub(crate) async fn route<R, W>(mut reader: R, upstreams: Upstreams<W>) -> io::Result<()>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let mut buffer = HandoffBuffer::new(2 * LIMIT);
    let mut tunnel = false;
    loop {
        let filled = buffer.read_ready(&mut reader, LIMIT).await?;
        while !tunnel {
            let Some(end) = buffer.find(b"\n") else { break };
            let line = &buffer.peek()[..end];
            if line == b"TUNNEL" {
                tunnel = true;
                buffer.advance(end + 1)?;
                break;
            }
            let upstream = if line.starts_with(b"order ") { &upstreams.orders } else { &upstreams.events };
            // Waits for room if the upstream is slow. The client is then read at the speed of the
            // upstream.
            upstream.write_prefix(&mut buffer, end + 1).await?;
        }
        if tunnel {
            upstreams.orders.write_all_buf(&mut buffer).await?;
        }
        match filled.then {
            Then::End if buffer.is_empty() => return Ok(()),
            Then::End => return Err(io::ErrorKind::UnexpectedEof.into()),
            Then::Error(error) => return Err(error.into()),
            // If a line does not fit in the buffer, the next read fails.
            Then::Pending | Then::Limit | Then::Full => {}
        }
    }
}

fn main() -> io::Result<()> {
    let input = b"order 1\nlogin ann\norder 2\nlogout ann\nTUNNEL\n\x00\x01\n\xfe\xff";
    // The result does not depend on how the input is cut.
    for piece in [1, 7, input.len()] {
        let reader = stream::iter(input.chunks(piece)).map(io::Result::Ok).into_async_read();
        let config = WriteHandoffConfig::default();
        let (orders, orders_task) = WriteHandoff::new(Vec::new(), config);
        let (events, events_task) = WriteHandoff::new(Vec::new(), config);

        // The router owns the handles. When it is done, or has failed, the upstreams get the rest
        // and are closed. All three run to their end before any result is checked.
        let router = route(reader, Upstreams { orders, events });
        let (orders, events, routed) = block_on(join3(orders_task, events_task, router));
        routed?;
        assert_eq!(orders?, b"order 1\norder 2\n\x00\x01\n\xfe\xff");
        assert_eq!(events?, b"login ann\nlogout ann\n");
    }
    println!("routed {} bytes to two upstreams", input.len());
    Ok(())
}
