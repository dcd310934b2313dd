//! A buffer as what others read bytes from.

use bytes::{Buf, Bytes};

use super::buffer::HandoffBuffer;

/// The unconsumed bytes, as from [`peek`](HandoffBuffer::peek).
impl AsRef<[u8]> for HandoffBuffer {
    fn as_ref(&self) -> &[u8] {
        self.peek()
    }
}

/// The unconsumed bytes, for what decodes from any [`Buf`].
///
/// Where the type is known, `buffer.advance(n)` is [`HandoffBuffer::advance`], which returns an
/// error. [`Buf::advance`] and the `get` methods panic instead if there are fewer bytes; they have
/// `try_get` forms. [`Buf::copy_to_bytes`] shares the block as [`HandoffBuffer::split_prefix`]
/// does.
///
/// # Examples
///
/// ```
/// use futures_handoff::{HandoffBuffer, HandoffBufferConfig, bytes::{Buf, BytesMut}};
///
/// let tail = BytesMut::from("\x00\x03abc");
/// let mut buffer = HandoffBuffer::from_tail(tail, HandoffBufferConfig::default()).unwrap();
/// assert_eq!(buffer.get_u16(), 3);
/// assert_eq!(buffer.copy_to_bytes(3), "abc");
/// assert!(buffer.try_get_u8().is_err());
/// ```
impl Buf for HandoffBuffer {
    fn remaining(&self) -> usize {
        self.len()
    }

    fn chunk(&self) -> &[u8] {
        self.peek()
    }

    #[track_caller]
    fn advance(&mut self, n: usize) {
        if let Err(error) = Self::advance(self, n) {
            panic!("{error}");
        }
    }

    #[track_caller]
    fn copy_to_bytes(&mut self, n: usize) -> Bytes {
        match self.split_prefix(n) {
            Ok(bytes) => bytes,
            Err(error) => panic!("{error}"),
        }
    }
}
