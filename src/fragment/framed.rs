//! Packets over streams.

use std::{hash::Hash, io, ops::Range, time::Instant};

use bytes::Bytes;
use futures_io::{AsyncRead, AsyncWrite};

use super::{
    fragmenter::Fragmenter,
    packets::PacketPool,
    reassembler::Reassembler,
    received::Received,
    seal::{OpenPacket, SealPacket},
};
use crate::{FrameError, HandoffBuffer, LengthPrefix, WriteHandoff};

/// The length in front of a packet, most significant byte first.
const PREFIX: usize = 2;

/// Sends the fragments `range` of a message over a stream, each packet behind its length in 2
/// bytes, most significant first.
///
/// A block of packets at a time waits for room in the handoff and is accepted whole, so that what
/// others send, and the packets of other messages, go in between. When this completes, all of it is
/// accepted, as by [`WriteHandoff::write_fire_and_forget`].
///
/// # Errors
///
/// That of the handoff when it is closed, [`FragmentError`](super::FragmentError), or a packet that
/// is longer than the budget of the handoff. `range` starts at what was not accepted.
///
/// # Cancel safety
///
/// Cancel safe: `range` starts at what was not accepted, and a later call goes on from there.
pub async fn send_framed<W, S>(
    handoff: &WriteHandoff<W>,
    message: &Fragmenter,
    range: &mut Range<u32>,
    seal: &mut S,
    pool: &mut PacketPool,
) -> io::Result<()>
where
    W: AsyncWrite + Unpin,
    S: SealPacket,
{
    let most = handoff.config().max_pending_bytes();
    loop {
        let mut rest = range.clone();
        let packets = message.pack_behind::<S, PREFIX>(&mut rest, most, seal, pool)?;
        if let Some(packets) = &packets {
            handoff.write_fire_and_forget(packets.contents().clone()).await?;
        }
        *range = rest;
        if packets.is_none() {
            return Ok(());
        }
    }
}

/// Receives packets over a stream, as [`send_framed`] sends them, until a message is complete: its
/// id, and its bytes. `None` when the stream ends between two packets; incomplete messages are left
/// in `reassembler`.
///
/// `from` and `open` are those of the peer, and `clock` gives the time, as for
/// [`Reassembler::push`]. Packets that it refuses are counted in its
/// [statistics](Reassembler::stats) and left out. `buffer` must be able to hold the longest packet
/// and 2 bytes.
///
/// # Examples
///
/// ```
/// use std::time::Instant;
///
/// use futures_handoff::{
///     HandoffBuffer, WriteHandoff, WriteHandoffConfig,
///     bytes::Bytes,
///     fragment::*,
/// };
///
/// # futures_executor::block_on(async {
/// let message = Bytes::from(vec![7; 1_000_000]);
/// let (handoff, task) = WriteHandoff::new(Vec::new(), WriteHandoffConfig::default());
/// let send = async {
///     let message = Fragmenter::new(1, message.clone(), Stride::for_packets::<Plain>(1_200)?)?;
///     let mut range = 0..message.count();
///     send_framed(&handoff, &message, &mut range, &mut Plain, &mut PacketPool::default()).await?;
///     handoff.close();
///     Ok::<_, std::io::Error>(())
/// };
/// let (written, sent) = futures_util::join!(task, send);
/// sent?;
///
/// let (stream, mut buffer) = (written?, HandoffBuffer::new(64 * 1024));
/// let mut reassembler = Reassembler::new(Limits::default());
/// let mut reader = &stream[..];
/// let received = receive_framed(
///     &mut buffer, &mut reader, &mut reassembler, &(), &mut Plain, Instant::now,
/// ).await?;
/// assert_eq!(received, Some((1, message)));
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// # Errors
///
/// [`FrameError`], as of [`HandoffBuffer::next_frame`].
///
/// # Cancel safety
///
/// Cancel safe: what has arrived is in `buffer` and in `reassembler`.
pub async fn receive_framed<R, K, O>(
    buffer: &mut HandoffBuffer,
    reader: &mut R,
    reassembler: &mut Reassembler<K>,
    from: &K,
    open: &mut O,
    mut clock: impl FnMut() -> Instant,
) -> Result<Option<(u32, Bytes)>, FrameError>
where
    R: AsyncRead + Unpin + ?Sized,
    K: Eq + Hash + Clone,
    O: OpenPacket,
{
    let mut frames = LengthPrefix::big_endian(PREFIX).without_header();
    while let Some(packet) = buffer.next_frame(reader, &mut frames).await? {
        if let Ok(Received::Complete { id, payload }) = reassembler.push(from, &packet, open, clock()) {
            return Ok(Some((id, payload)));
        }
    }
    Ok(None)
}
