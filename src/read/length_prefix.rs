//! Frames that announce their length.

use std::ops::Range;

use super::finders::{Found, FrameFinder};

/// Frames that start with their length, as an unsigned integer of 1 to 8 bytes.
///
/// By default, the integer is at the start of the frame, counts the bytes after it, and is handed
/// out with them. With an [offset](Self::with_offset) and an [adjustment](Self::with_adjustment), a
/// frame has `offset + width + length + adjustment` bytes.
///
/// A frame that is too long fails with [`FrameError::TooLong`](crate::FrameError::TooLong) before
/// it arrives. A frame whose end would be before the end of its length field fails with
/// [`FrameError::Rejected`](crate::FrameError::Rejected).
///
/// # Examples
///
/// ```
/// use futures_handoff::{HandoffBuffer, LengthPrefix};
///
/// # futures_executor::block_on(async {
/// let mut reader: &[u8] = b"\x00\x03abc\x00\x02de";
/// let mut buffer = HandoffBuffer::new(64);
/// let mut frames = LengthPrefix::big_endian(2);
/// assert_eq!(buffer.next_frame(&mut reader, &mut frames).await?.unwrap(), "\x00\x03abc");
/// let mut frames = frames.without_header();
/// assert_eq!(buffer.next_frame(&mut reader, &mut frames).await?.unwrap(), "de");
/// # Ok::<_, futures_handoff::FrameError>(())
/// # }).unwrap();
/// ```
///
/// The length of an HTTP/2 frame has 3 bytes. It counts neither itself nor the 6 bytes after it:
///
/// ```
/// use futures_handoff::{HandoffBuffer, LengthPrefix};
///
/// # futures_executor::block_on(async {
/// let mut frames = LengthPrefix::big_endian(3).with_adjustment(6).with_max_frame_len(9 + 16_384);
/// let mut reader: &[u8] = b"\0\0\0\x04\x01\0\0\0\0\0\0\x08\x06...";
/// let mut buffer = HandoffBuffer::new(64 * 1024);
/// let settings = buffer.next_frame(&mut reader, &mut frames).await?.unwrap();
/// assert_eq!(settings, "\0\0\0\x04\x01\0\0\0\0");
/// # Ok::<_, futures_handoff::FrameError>(())
/// # }).unwrap();
/// ```
///
/// A PostgreSQL message starts with its type. A length of 4 bytes follows, which counts itself:
///
/// ```
/// # use futures_handoff::{HandoffBuffer, LengthPrefix};
/// # futures_executor::block_on(async {
/// let mut messages = LengthPrefix::big_endian(4).with_offset(1).with_adjustment(-4);
/// let mut reader: &[u8] = b"Q\0\0\0\x0dSELECT 1\0X\0\0\0\x04";
/// let mut buffer = HandoffBuffer::new(64 * 1024);
/// let query = buffer.next_frame(&mut reader, &mut messages).await?.unwrap();
/// assert_eq!(query, "Q\0\0\0\x0dSELECT 1\0");
/// let terminate = buffer.next_frame(&mut reader, &mut messages).await?.unwrap();
/// assert_eq!(terminate, "X\0\0\0\x04");
/// # Ok::<_, futures_handoff::FrameError>(())
/// # }).unwrap();
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LengthPrefix {
    width: usize,
    little_endian: bool,
    offset: usize,
    adjustment: i64,
    max_frame_len: usize,
    header_left_out: bool,
}

impl LengthPrefix {
    #[track_caller]
    const fn new(width: usize, little_endian: bool) -> Self {
        assert!(width >= 1 && width <= 8, "the width of the length must be 1 to 8 bytes");
        Self {
            width,
            little_endian,
            offset: 0,
            adjustment: 0,
            max_frame_len: usize::MAX,
            header_left_out: false,
        }
    }

    /// A length of `width` bytes, the most significant first.
    ///
    /// # Panics
    ///
    /// If `width` is not 1 to 8.
    #[must_use]
    #[track_caller]
    pub const fn big_endian(width: usize) -> Self {
        Self::new(width, false)
    }

    /// A length of `width` bytes, the least significant first.
    ///
    /// # Panics
    ///
    /// If `width` is not 1 to 8.
    #[must_use]
    #[track_caller]
    pub const fn little_endian(width: usize) -> Self {
        Self::new(width, true)
    }

    /// Sets how many bytes of a frame come before the length (default: none).
    #[must_use]
    pub const fn with_offset(mut self, offset: usize) -> Self {
        self.offset = offset;
        self
    }

    /// Sets what to add to the length to get the number of bytes after it (default: 0).
    ///
    /// Use a negative number if the length counts itself or the bytes before it.
    #[must_use]
    pub const fn with_adjustment(mut self, adjustment: i64) -> Self {
        self.adjustment = adjustment;
        self
    }

    /// Hands out frames without their header: the bytes up to the end of the length.
    #[must_use]
    pub const fn without_header(mut self) -> Self {
        self.header_left_out = true;
        self
    }

    /// Sets the most bytes that a frame may have, including its header (default: the `max_len` of
    /// the buffer).
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::{FrameError, HandoffBuffer, LengthPrefix};
    ///
    /// # futures_executor::block_on(async {
    /// let mut frames = LengthPrefix::little_endian(2).with_max_frame_len(1024);
    /// let mut reader: &[u8] = b"\xff\xff";
    /// let mut buffer = HandoffBuffer::new(64 * 1024);
    /// let long = buffer.next_frame(&mut reader, &mut frames).await;
    /// assert!(matches!(long, Err(FrameError::TooLong { needed: 65537, limit: 1024 })));
    /// # });
    /// ```
    #[must_use]
    pub const fn with_max_frame_len(mut self, n: usize) -> Self {
        self.max_frame_len = n;
        self
    }

    /// The number of bytes up to the end of the length.
    const fn header(&self) -> usize {
        self.offset.saturating_add(self.width)
    }
}

impl FrameFinder for LengthPrefix {
    fn find_frame(&mut self, buffered: &[u8], _searched: usize) -> Found {
        let header = self.header();
        let Some(field) = buffered.get(self.offset..header) else {
            return Found::Need(header);
        };
        let append = |length: u64, byte: &u8| length * 256 + u64::from(*byte);
        let length = if self.little_endian {
            field.iter().rev().fold(0, append)
        } else {
            field.iter().fold(0, append)
        };
        let behind =
            if self.adjustment == 0 { Some(length) } else { length.checked_add_signed(self.adjustment) };
        if behind.is_none() && self.adjustment < 0 {
            return Found::Reject("the frame would end before the end of its length");
        }
        let behind = behind.and_then(|behind| usize::try_from(behind).ok());
        match behind.and_then(|behind| behind.checked_add(header)) {
            Some(frame) if frame <= buffered.len() => Found::Frame(frame),
            Some(frame) => Found::Length(frame),
            // A length above `usize::MAX` fits in no buffer.
            None => Found::Need(usize::MAX),
        }
    }

    fn max_frame_len(&self) -> usize {
        self.max_frame_len
    }

    fn payload(&self, frame_len: usize) -> Range<usize> {
        let start = if self.header_left_out { self.header() } else { 0 };
        start..frame_len
    }
}
