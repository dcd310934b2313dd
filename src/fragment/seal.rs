//! What is done to the bytes of a packet on the way out, and undone on the way in.

use super::{
    error::{PacketError, SealError},
    header::HEADER_LEN,
};

/// Seals packets: from where the bytes of a message lie into where they leave.
///
/// A cipher takes a number of its own for each packet, which must not come from the header: ids
/// wrap, and a fragment that is sent again has the same header. [`Plain`] changes nothing. With the
/// feature `secure`, `secure::PacketSealer` is one.
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
/// ```
pub trait SealPacket {
    /// By how many bytes a sealed packet is longer than its header and its bytes.
    const OVERHEAD: usize;

    /// Seals `plain`, and authenticates `header` with it, which leaves as it is. `sealed` has
    /// [`OVERHEAD`](Self::OVERHEAD) bytes more than `plain`.
    ///
    /// # Errors
    ///
    /// [`SealError`]. Nothing of the packet is sent.
    fn seal(&mut self, header: &[u8; HEADER_LEN], plain: &[u8], sealed: &mut [u8]) -> Result<(), SealError>;
}

/// Opens packets of a peer, straight into their place in the message.
pub trait OpenPacket {
    /// By how many bytes a sealed packet is longer than its header and its bytes.
    const OVERHEAD: usize;

    /// Checks a packet, and opens `sealed` into `plain`, which is [`OVERHEAD`](Self::OVERHEAD)
    /// bytes shorter.
    ///
    /// # Errors
    ///
    /// [`PacketError::Unauthentic`] or [`PacketError::Replayed`]. The packet changes nothing then,
    /// and what was written to `plain` is not used.
    fn open(&mut self, header: &[u8; HEADER_LEN], sealed: &[u8], plain: &mut [u8])
    -> Result<(), PacketError>;
}

/// Packets as they are, for networks that are trusted.
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
