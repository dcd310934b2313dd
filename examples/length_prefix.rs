//! Messages that start with their length, in both directions.
//!
//! What to learn:
//! - `write_all` keeps a header and its body adjacent, whoever else writes to the same stream;
//! - `LengthPrefix` finds frames by their length, and refuses one that is announced too long before it arrives;
//! - `parse` takes a message apart and consumes nothing unless all of it is there.
//!
//! Run it with `cargo run --example length_prefix`.

use std::io;

use futures_executor::block_on;
use futures_handoff::{
    FrameError, HandoffBuffer, LengthPrefix, SplitError, WriteHandoff, WriteHandoffConfig,
    bytes::{Buf, Bytes},
};
use futures_util::{
    AsyncWrite,
    future::{join, try_join},
};

/// Sends each body with its length in front, as two chunks that nothing comes between.
async fn send<W: AsyncWrite + Unpin>(
    out: WriteHandoff<W>,
    bodies: &'static [&'static str],
) -> io::Result<()> {
    for body in bodies {
        let length = u16::try_from(body.len()).map_err(io::Error::other)?;
        out.write_all([Bytes::copy_from_slice(&length.to_be_bytes()), Bytes::from_static(body.as_bytes())])
            .await?;
    }
    Ok(())
}

/// Two producers write to one stream at the same time.
async fn encode() -> io::Result<Vec<u8>> {
    let (out, task) = WriteHandoff::new(Vec::new(), WriteHandoffConfig::default());
    let producers = try_join(send(out.clone(), &["alpha", "beta"]), send(out, &["", "gamma"]));
    let (written, sent) = join(task, producers).await;
    sent?;
    Ok(written?)
}

async fn decode(mut reader: &[u8]) -> Result<Vec<Bytes>, FrameError> {
    let mut buffer = HandoffBuffer::new(16).expect("the limit is valid");
    let mut finder = LengthPrefix::u16_be();
    let mut bodies = Vec::new();
    while let Some(frame) = buffer.next_frame(&mut reader, &mut finder).await? {
        bodies.push(frame.slice(2..));
    }
    Ok(bodies)
}

/// One record: a tag, and two fields with a length each. Fails, and consumes nothing, if some of it is missing.
fn record(buffer: &mut HandoffBuffer) -> Result<(u8, Bytes, Bytes), SplitError> {
    buffer.parse(|cursor| {
        let tag = cursor.take(1)?[0];
        let length = cursor.take(2)?.get_u16();
        let key = cursor.take(length.into())?;
        let length = cursor.take(2)?.get_u16();
        Ok((tag, key, cursor.take(length.into())?))
    })
}

fn main() -> io::Result<()> {
    block_on(async {
        let wire = encode().await?;
        let mut bodies = decode(&wire).await?;
        bodies.sort();
        assert_eq!(bodies, ["", "alpha", "beta", "gamma"]);

        // Only the header is there; the frame that it announces could never be buffered.
        let refused = decode(b"\x10\x00").await.expect_err("4096 bytes are announced");
        assert!(matches!(refused, FrameError::TooLong { needed: 4098, limit: 16 }));

        let mut reader: &[u8] = b"\x07\0\x01k\0\x05value\x08\0\x04half";
        let mut buffer = HandoffBuffer::new(64)?;
        buffer.read_available(&mut reader).await?;
        let (tag, key, value) = record(&mut buffer)?;
        assert_eq!((tag, &key[..], &value[..]), (7, &b"k"[..], &b"value"[..]));
        assert!(record(&mut buffer).is_err());
        assert_eq!(buffer.peek(), b"\x08\0\x04half");

        println!("{} messages on {} bytes; {refused}", bodies.len(), wire.len());
        Ok(())
    })
}
