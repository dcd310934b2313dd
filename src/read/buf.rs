//! `AsRef<[u8]>` and [`Buf`] for a buffer.

use bytes::{Buf, Bytes};

use super::buffer::HandoffBuffer;

/// The unconsumed bytes, as from [`peek`](HandoffBuffer::peek).
impl AsRef<[u8]> for HandoffBuffer {
    fn as_ref(&self) -> &[u8] {
        self.peek()
    }
}

/// The unconsumed bytes, for decoders that take any [`Buf`].
///
/// On a `HandoffBuffer` itself, `buffer.advance(n)` calls [`HandoffBuffer::advance`], which returns
/// an error. [`Buf::advance`] and the `get` methods panic if there are fewer bytes; their `try_get`
/// forms return an error. [`Buf::copy_to_bytes`] shares the block as
/// [`HandoffBuffer::split_prefix`] does.
///
/// # Examples
///
/// ```
/// use futures_handoff::{HandoffBuffer, bytes::Buf};
///
/// # futures_executor::block_on(async {
/// let mut reader: &[u8] = b"\x00\x03abc";
/// let mut buffer = HandoffBuffer::new(64);
/// buffer.read_available(&mut reader).await?;
/// let length = buffer.try_get_u16()?;
/// assert_eq!(buffer.copy_to_bytes(length.into()), "abc");
/// assert!(buffer.try_get_u8().is_err(), "no byte is left");
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// # }).unwrap();
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
