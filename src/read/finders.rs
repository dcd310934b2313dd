//! Where a frame ends.

use std::fmt;

/// What a [`FrameFinder`] says about the buffered bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Found {
    /// The first so many bytes are a frame.
    Frame(usize),
    /// No frame yet: look again once so many bytes in all are buffered. Values not above the number of
    /// buffered bytes mean one byte more than that, and that nothing is known of the frame's length.
    Need(usize),
    /// The frame is so many bytes long, of which some may still have to arrive.
    ///
    /// Differs from `Need` in that the end of the frame is known. So [`skip_frame`] can leave the frame behind
    /// if it is too long for the buffer.
    ///
    /// [`skip_frame`]: crate::HandoffBuffer::skip_frame
    Length(usize),
    /// No frame of this protocol starts with these bytes, for the reason given. Ends in
    /// [`FrameError::Rejected`](crate::FrameError::Rejected); nothing is consumed.
    Reject(&'static str),
}

/// Finds the end of the first frame in a buffer.
///
/// Implemented for closures of the same form as [`find_frame`](Self::find_frame).
///
/// # Examples
///
/// Frames of four bytes:
///
/// ```
/// use futures_handoff::{Found, HandoffBuffer};
///
/// # futures_executor::block_on(async {
/// let mut reader: &[u8] = b"abcdefgh";
/// let mut buffer = HandoffBuffer::new(64).unwrap();
/// let mut finder =
///     |buffered: &[u8], _| if buffered.len() < 4 { Found::Need(4) } else { Found::Frame(4) };
/// assert_eq!(buffer.next_frame(&mut reader, &mut finder).await.unwrap().unwrap(), "abcd");
/// assert_eq!(buffer.next_frame(&mut reader, &mut finder).await.unwrap().unwrap(), "efgh");
/// assert_eq!(buffer.next_frame(&mut reader, &mut finder).await.unwrap(), None);
/// # });
/// ```
///
/// Records that start with their type and a length of two bytes, as those of TLS do:
///
/// ```
/// use futures_handoff::{Found, FrameError, HandoffBuffer};
///
/// # futures_executor::block_on(async {
/// let mut records = |buffered: &[u8], _| match *buffered {
///     [20..=23, _, _, high, low, ..] => Found::Length(5 + usize::from(u16::from_be_bytes([high, low]))),
///     [20..=23, ..] => Found::Need(5),
///     _ => Found::Reject("no TLS record"),
/// };
/// let mut reader: &[u8] = b"\x16\x03\x01\0\x02hiGET / HTTP/1.1";
/// let mut buffer = HandoffBuffer::new(64).unwrap();
/// let record = buffer.next_frame(&mut reader, &mut records).await.unwrap().unwrap();
/// assert_eq!(record, "\x16\x03\x01\0\x02hi");
/// let rejected = buffer.next_frame(&mut reader, &mut records).await;
/// assert!(matches!(rejected, Err(FrameError::Rejected { reason: "no TLS record" })));
/// assert_eq!(buffer.peek(), b"GET / HTTP/1.1");
/// # });
/// ```
pub trait FrameFinder {
    /// Looks for the end of the frame that starts at the front of `buffered`, which is never empty.
    ///
    /// Of these bytes, the finder was shown the first `searched` before, for this same frame, and found no end.
    /// `searched` is 0 again where a future that was looking for the frame has been dropped.
    fn find_frame(&mut self, buffered: &[u8], searched: usize) -> Found;

    /// The needle that ends a frame, if each frame ends right after the first occurrence of a fixed one.
    ///
    /// The buffer then searches for it by itself, as [`HandoffBuffer::find`](crate::HandoffBuffer::find) does,
    /// and the place where the search stopped outlives the future that searched. A finder that wraps another one
    /// should pass on its needle.
    fn needle(&self) -> Option<&[u8]> {
        None
    }
}

impl<F: FnMut(&[u8], usize) -> Found> FrameFinder for F {
    fn find_frame(&mut self, buffered: &[u8], searched: usize) -> Found {
        self(buffered, searched)
    }
}

/// Frames that end with a fixed needle, which is part of the frame.
///
/// An empty needle ends no frame: looking for one with it fails with
/// [`FrameError::InvalidFinder`](crate::FrameError::InvalidFinder).
///
/// # Examples
///
/// ```
/// use futures_handoff::{Delimiter, HandoffBuffer};
///
/// # futures_executor::block_on(async {
/// let mut reader: &[u8] = b"one\r\ntwo\r\n";
/// let mut buffer = HandoffBuffer::new(64).unwrap();
/// let mut lines = Delimiter::new(b"\r\n");
/// assert_eq!(buffer.next_frame(&mut reader, &mut lines).await.unwrap().unwrap(), "one\r\n");
/// # });
/// ```
#[derive(Clone, Copy)]
pub struct Delimiter<N> {
    needle: N,
}

impl<N: AsRef<[u8]>> Delimiter<N> {
    /// Frames that end with `needle`.
    pub fn new(needle: N) -> Self {
        Self { needle }
    }
}

impl<N: AsRef<[u8]>> FrameFinder for Delimiter<N> {
    fn find_frame(&mut self, buffered: &[u8], searched: usize) -> Found {
        let needle = self.needle.as_ref();
        if needle.is_empty() {
            return Found::Frame(0);
        }
        let from = (searched + 1).saturating_sub(needle.len()).min(buffered.len());
        match memchr::memmem::find(&buffered[from..], needle) {
            Some(at) => Found::Frame(from + at + needle.len()),
            None => Found::Need(buffered.len() + 1),
        }
    }

    fn needle(&self) -> Option<&[u8]> {
        Some(self.needle.as_ref())
    }
}

impl<N: AsRef<[u8]>> fmt::Debug for Delimiter<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delimiter").field("len", &self.needle.as_ref().len()).finish()
    }
}

/// Frames that start with the length of the rest, as an unsigned integer; that header is part of the frame.
///
/// A length that does not fit in the buffer is reported before the frame arrives, as
/// [`FrameError::TooLong`](crate::FrameError::TooLong).
///
/// # Examples
///
/// ```
/// use futures_handoff::{HandoffBuffer, LengthPrefix};
///
/// # futures_executor::block_on(async {
/// let mut reader: &[u8] = b"\x00\x03abc\x00\x00";
/// let mut buffer = HandoffBuffer::new(64).unwrap();
/// let mut frames = LengthPrefix::u16_be();
/// assert_eq!(buffer.next_frame(&mut reader, &mut frames).await.unwrap().unwrap(), "\x00\x03abc");
/// assert_eq!(buffer.next_frame(&mut reader, &mut frames).await.unwrap().unwrap(), "\x00\x00");
/// # });
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LengthPrefix {
    width: usize,
    little_endian: bool,
}

impl LengthPrefix {
    const fn new(width: usize, little_endian: bool) -> Self {
        Self { width, little_endian }
    }

    /// A length of one byte.
    #[must_use]
    pub const fn u8() -> Self {
        Self::new(1, false)
    }

    /// A length of two bytes, the most significant first.
    #[must_use]
    pub const fn u16_be() -> Self {
        Self::new(2, false)
    }

    /// A length of two bytes, the least significant first.
    #[must_use]
    pub const fn u16_le() -> Self {
        Self::new(2, true)
    }

    /// A length of four bytes, the most significant first.
    #[must_use]
    pub const fn u32_be() -> Self {
        Self::new(4, false)
    }

    /// A length of four bytes, the least significant first.
    #[must_use]
    pub const fn u32_le() -> Self {
        Self::new(4, true)
    }

    /// A length of eight bytes, the most significant first.
    #[must_use]
    pub const fn u64_be() -> Self {
        Self::new(8, false)
    }

    /// A length of eight bytes, the least significant first.
    #[must_use]
    pub const fn u64_le() -> Self {
        Self::new(8, true)
    }
}

impl FrameFinder for LengthPrefix {
    fn find_frame(&mut self, buffered: &[u8], _searched: usize) -> Found {
        let Some(header) = buffered.get(..self.width) else {
            return Found::Need(self.width);
        };
        let append = |length: u64, byte: &u8| length * 256 + u64::from(*byte);
        let length = if self.little_endian {
            header.iter().rev().fold(0, append)
        } else {
            header.iter().fold(0, append)
        };
        match usize::try_from(length).ok().and_then(|length| length.checked_add(self.width)) {
            Some(frame) if frame <= buffered.len() => Found::Frame(frame),
            Some(frame) => Found::Length(frame),
            // More than can be counted fits in no buffer.
            None => Found::Need(usize::MAX),
        }
    }
}
