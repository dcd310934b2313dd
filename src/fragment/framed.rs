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

/// The length of the length prefix of a packet, most significant byte first.
const PREFIX: usize = 2;

/// Sends the fragments `range` of a message over a stream, each packet after its length in 2 bytes,
/// most significant byte first.
///
/// One block of packets at a time waits for room in the handoff and is accepted whole. Other
/// writes and the packets of other messages can go in between. When the future completes, all
/// packets are accepted, as by [`WriteHandoff::write_fire_and_forget`].
///
/// # Errors
///
/// The error of the handoff when it is closed, a [`FragmentError`](super::FragmentError), or a
/// packet that is longer than the budget of the handoff. `range` starts at the first fragment that
/// was not accepted.
///
/// # Cancel safety
///
/// Cancel safe. `range` starts at the first fragment that was not accepted, and a later call
/// continues from there.
///
/// # Examples
///
/// ```
/// use futures_handoff::{
///     WriteHandoff, WriteHandoffConfig,
///     bytes::Bytes,
///     fragment::{Fragmenter, PacketPool, Plain, Stride, send_framed},
/// };
///
/// # futures_executor::block_on(async {
/// let (handoff, mut task) = WriteHandoff::new(Vec::new(), WriteHandoffConfig::default());
/// let message = Fragmenter::new(1, Bytes::from(vec![7; 3_000]), Stride::for_packets::<Plain>(1_200)?)?;
/// let mut range = 0..message.count();
/// let mut pool = PacketPool::default();
/// task.run_until(send_framed(&handoff, &message, &mut range, &mut Plain, &mut pool)).await?;
/// assert!(range.is_empty());
/// drop(handoff);
/// // Three headers and three lengths.
/// assert_eq!(task.await?.len(), 3_000 + 3 * (16 + 2));
/// # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
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

/// Receives packets over a stream, as [`send_framed`] sends them, until a message is complete.
/// Returns its id and its bytes. Returns `None` when the stream ends between two packets.
/// Incomplete messages stay in `reassembler`.
///
/// `from` and `open` are those of the peer, and `clock` returns the time, as for
/// [`Reassembler::push`]. Refused packets are skipped and counted in the
/// [statistics](Reassembler::stats). `buffer` must be able to hold the longest packet and 2 bytes.
///
/// # Errors
///
/// [`FrameError`], as for [`HandoffBuffer::next_frame`].
///
/// # Cancel safety
///
/// Cancel safe. Data that has arrived is in `buffer` and in `reassembler`.
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
