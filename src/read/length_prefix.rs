//! Frames that tell their length.

use std::ops::Range;

use super::finders::{Found, FrameFinder};

/// Frames that start with their length, as an unsigned integer of 1 to 8 bytes.
///
/// As it is, that integer comes first and counts the bytes behind it, and a frame is handed out
/// with it. The methods change that: with an `offset` and an `adjustment`, a frame has `offset +
/// width + length + adjustment` bytes.
///
/// A frame that is too long is reported before it arrives, as
/// [`FrameError::TooLong`](crate::FrameError::TooLong). One that would end within its own length is
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
/// Frames of HTTP/2 have a length of 3 bytes, which counts neither itself nor the 6 bytes that
/// follow it:
///
/// ```
/// # use futures_handoff::LengthPrefix;
/// let frames = LengthPrefix::big_endian(3).with_adjustment(6).with_max_frame_len(9 + 16_384);
/// ```
///
/// Messages of PostgreSQL start with their type, then 4 bytes with a length that counts these 4:
///
/// ```
/// # use futures_handoff::LengthPrefix;
/// let messages = LengthPrefix::big_endian(4).with_offset(1).with_adjustment(-4);
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
        assert!(width >= 1 && width <= 8, "the length has to be an integer of 1 to 8 bytes");
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

    /// Sets what to add to the length to have the number of bytes that follow it (default: 0).
    ///
    /// It is negative where the length counts itself, or what comes before it.
    #[must_use]
    pub const fn with_adjustment(mut self, adjustment: i64) -> Self {
        self.adjustment = adjustment;
        self
    }

    /// Hands out frames without what they start with, up to and with the length.
    #[must_use]
    pub const fn without_header(mut self) -> Self {
        self.header_left_out = true;
        self
    }

    /// Sets how many bytes a frame may have at most, all of its header included (default: as many
    /// as the buffer may hold).
    #[must_use]
    pub const fn with_max_frame_len(mut self, n: usize) -> Self {
        self.max_frame_len = n;
        self
    }

    /// How many bytes there are up to the end of the length.
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
            return Found::Reject("the frame would end within its own length");
        }
        let behind = behind.and_then(|behind| usize::try_from(behind).ok());
        match behind.and_then(|behind| behind.checked_add(header)) {
            Some(frame) if frame <= buffered.len() => Found::Frame(frame),
            Some(frame) => Found::Length(frame),
            // More than can be counted fits in no buffer.
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
