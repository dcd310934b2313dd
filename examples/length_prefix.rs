//! Messages with a length prefix, in both directions.
//!
//! What to learn:
//! - `write_chunks` keeps a header and its body adjacent, even if other producers write to the same
//!   stream;
//! - `LengthPrefix` finds frames by their length, and refuses a frame that announces too much
//!   before it arrives;
//! - `parse` takes the fields of a message and consumes nothing unless all of them are there;
//! - messages from before the end, or before an error, are returned first.
//!
//! Run it with `cargo run --example length_prefix`.

use std::io;

use futures_executor::block_on;
use futures_handoff::{
    BufferError, FrameError, HandoffBuffer, LengthPrefix, WriteHandoff, WriteHandoffConfig,
    bytes::{Buf, Bytes},
};
use futures_util::{AsyncRead, AsyncWrite, future::join};

/// Sends each body after its length, as two adjacent chunks.
async fn send<W: AsyncWrite + Unpin>(out: WriteHandoff<W>, bodies: &[&'static str]) -> io::Result<()> {
    for body in bodies {
        let length = u16::try_from(body.len()).map_err(io::Error::other)?;
        out.write_chunks(&mut [
            Bytes::copy_from_slice(&length.to_be_bytes()),
            Bytes::from_static(body.as_bytes()),
        ])
        .await?;
    }
    Ok(())
}

/// Two producers write to one stream at the same time.
pub(crate) async fn encode<W: AsyncWrite + Unpin>(
    writer: W,
    some: &[&'static str],
    others: &[&'static str],
) -> io::Result<W> {
    let (out, task) = WriteHandoff::new(writer, WriteHandoffConfig::default());
    let producers = join(send(out.clone(), some), send(out, others));
    // All run to their end before a result is checked: what one producer could send is sent even if
    // the other failed.
    let (written, (some, others)) = join(task, producers).await;
    some.and(others)?;
    Ok(written?)
}

/// Reads bodies until the stream ends. After an error, `bodies` has those that came before it.
pub(crate) async fn decode(
    mut reader: impl AsyncRead + Unpin,
    bodies: &mut Vec<Bytes>,
) -> Result<(), FrameError> {
    let mut buffer = HandoffBuffer::new(16);
    let mut finder = LengthPrefix::big_endian(2).without_header();
    while let Some(body) = buffer.next_frame(&mut reader, &mut finder).await? {
        bodies.push(body);
    }
    Ok(())
}

/// A tag, and two fields with a length prefix each.
pub(crate) type Record = (u8, Bytes, Bytes);

/// Takes one record. Fails and consumes nothing if bytes are missing.
fn record(buffer: &mut HandoffBuffer) -> Result<Record, BufferError> {
    buffer.parse(|cursor| {
        let tag = cursor.take(1)?[0];
        let length = cursor.take(2)?.get_u16();
        let key = cursor.take(length.into())?;
        let length = cursor.take(2)?.get_u16();
        Ok((tag, key, cursor.take(length.into())?))
    })
}

/// Reads records until the stream ends. After an error, `records` has those that came before it.
pub(crate) async fn decode_records(
    mut reader: impl AsyncRead + Unpin,
    records: &mut Vec<Record>,
) -> io::Result<()> {
    let mut buffer = HandoffBuffer::new(64);
    loop {
        // Fields of up to 64 bytes are parsed again after each read. For large fields, read as many
        // bytes as `missing` says.
        while let Ok(record) = record(&mut buffer) {
            records.push(record);
        }
        // A record that does not fit in the buffer fails here.
        if buffer.read_available(&mut reader).await? == 0 {
            return if buffer.is_empty() { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
        }
    }
}

fn main() -> io::Result<()> {
    block_on(async {
        let wire = encode(Vec::new(), &["alpha", "beta"], &["", "gamma"]).await?;
        let mut bodies = Vec::new();
        decode(&wire[..], &mut bodies).await?;
        bodies.sort();
        assert_eq!(bodies, ["", "alpha", "beta", "gamma"]);

        // Only the header has arrived. The frame that it announces could never be buffered.
        let refused = decode(&b"\x10\x00"[..], &mut bodies).await.expect_err("4096 bytes are announced");
        assert!(matches!(refused, FrameError::TooLong { needed: 4098, limit: 16 }));

        let mut records = Vec::new();
        let input: &[u8] = b"\x07\0\x01k\0\x05value\x08\0\x04half";
        let cut_off = decode_records(input, &mut records).await.expect_err("the second has no value");
        assert_eq!(cut_off.kind(), io::ErrorKind::UnexpectedEof);
        assert_eq!(records, [(7, Bytes::from_static(b"k"), Bytes::from_static(b"value"))]);

        println!("{} messages on {} bytes; {refused}", bodies.len(), wire.len());
        Ok(())
    })
}
