//! Sealing the bytes of a packet, and opening them again.

use super::{
    error::{PacketError, SealError},
    header::HEADER_LEN,
};

/// Seals packets, from the bytes of the message into the packet.
///
/// A cipher needs its own number for each packet. Do not derive it from the header: ids wrap, and a
/// fragment that is sent again has the same header. [`Plain`] changes nothing. With the feature
/// `secure`, `secure::PacketSealer` implements it.
///
/// # Examples
///
/// A checksum, for networks that damage packets but have no attackers:
///
/// ```
/// use futures_handoff::fragment::{HEADER_LEN, OpenPacket, PacketError, SealError, SealPacket};
///
/// struct Sum;
///
/// fn sum(header: &[u8], bytes: &[u8]) -> [u8; 4] {
///     let add = |sum: u32, byte: &u8| (sum ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
///     header.iter().chain(bytes).fold(0x811C_9DC5, add).to_be_bytes()
/// }
///
/// impl SealPacket for Sum {
///     const OVERHEAD: usize = 4;
///
///     fn seal(&mut self, header: &[u8; HEADER_LEN], plain: &[u8], sealed: &mut [u8]) -> Result<(), SealError> {
///         let (bytes, end) = sealed.split_at_mut(plain.len());
///         bytes.copy_from_slice(plain);
///         end.copy_from_slice(&sum(header, plain));
///         Ok(())
///     }
/// }
///
/// impl OpenPacket for Sum {
///     const OVERHEAD: usize = 4;
///
///     fn open(&mut self, header: &[u8; HEADER_LEN], sealed: &[u8], plain: &mut [u8]) -> Result<(), PacketError> {
///         let (bytes, end) = sealed.split_at(plain.len());
///         plain.copy_from_slice(bytes);
///         if sum(header, plain) == end { Ok(()) } else { Err(PacketError::Unauthentic) }
///     }
/// }
///
/// let (mut sealed, mut opened) = ([0; 9], [0; 5]);
/// Sum.seal(&[0; HEADER_LEN], b"hello", &mut sealed)?;
/// assert_eq!(Sum.open(&[0; HEADER_LEN], &sealed, &mut opened), Ok(()));
/// assert_eq!(&opened, b"hello");
/// sealed[0] ^= 1;
/// assert_eq!(Sum.open(&[0; HEADER_LEN], &sealed, &mut opened), Err(PacketError::Unauthentic));
/// # Ok::<_, SealError>(())
/// ```
pub trait SealPacket {
    /// The number of bytes that sealing adds to a packet.
    const OVERHEAD: usize;

    /// Seals `plain` and authenticates `header` with it. The header is sent unchanged. `sealed` has
    /// [`OVERHEAD`](Self::OVERHEAD) bytes more than `plain`.
    ///
    /// # Errors
    ///
    /// [`SealError`]. No part of the packet is sent.
    fn seal(&mut self, header: &[u8; HEADER_LEN], plain: &[u8], sealed: &mut [u8]) -> Result<(), SealError>;
}

/// Opens packets of a peer, directly into their place in the message. The example at [`SealPacket`]
/// implements both.
pub trait OpenPacket {
    /// The number of bytes that sealing adds to a packet.
    const OVERHEAD: usize;

    /// Checks a packet and opens `sealed` into `plain`, which is [`OVERHEAD`](Self::OVERHEAD) bytes
    /// shorter.
    ///
    /// # Errors
    ///
    /// [`PacketError::Unauthentic`] or [`PacketError::Replayed`]. The packet then changes nothing,
    /// and the bytes in `plain` are not used.
    fn open(&mut self, header: &[u8; HEADER_LEN], sealed: &[u8], plain: &mut [u8])
    -> Result<(), PacketError>;
}

/// Leaves packets as they are, for trusted networks.
///
/// # Examples
///
/// ```
/// use futures_handoff::fragment::{HEADER_LEN, Plain, SealPacket, Stride};
///
/// assert_eq!(<Plain as SealPacket>::OVERHEAD, 0);
/// assert_eq!(Stride::for_packets::<Plain>(1_200)?.get(), 1_200 - HEADER_LEN);
/// # Ok::<_, futures_handoff::fragment::FragmentError>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Plain;

impl SealPacket for Plain {
    const OVERHEAD: usize = 0;

    #[inline]
    fn seal(&mut self, _: &[u8; HEADER_LEN], plain: &[u8], sealed: &mut [u8]) -> Result<(), SealError> {
        sealed.copy_from_slice(plain);
        Ok(())
    }
}

impl OpenPacket for Plain {
    const OVERHEAD: usize = 0;

    #[inline]
    fn open(&mut self, _: &[u8; HEADER_LEN], sealed: &[u8], plain: &mut [u8]) -> Result<(), PacketError> {
        plain.copy_from_slice(sealed);
        Ok(())
    }
}
