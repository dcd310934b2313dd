//! Finders: where a frame ends.

use std::{fmt, ops::Range};

/// What a [`FrameFinder`] found in the buffered bytes.
///
/// # Examples
///
/// A protocol of two messages: `Q` alone, and `P` with a length and a payload:
///
/// ```
/// use futures_handoff::{Found, HandoffBuffer};
///
/// fn message(buffered: &[u8], _searched: usize) -> Found {
///     match *buffered {
///         [b'P', length, ..] => Found::Length(2 + usize::from(length)),
///         [b'P'] => Found::Need(2),
///         [b'Q', ..] => Found::Frame(1),
///         _ => Found::Reject("unknown message type"),
///     }
/// }
///
/// # futures_executor::block_on(async {
/// let mut reader: &[u8] = b"P\x05helloQ";
/// let mut buffer = HandoffBuffer::new(64);
/// assert_eq!(buffer.next_frame(&mut reader, &mut message).await?.unwrap(), "P\x05hello");
/// assert_eq!(buffer.next_frame(&mut reader, &mut message).await?.unwrap(), "Q");
/// assert_eq!(message(b"GET /", 0), Found::Reject("unknown message type"));
/// # Ok::<_, futures_handoff::FrameError>(())
/// # }).unwrap();
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Found {
    /// A whole frame of this many bytes is at the front of the buffer.
    Frame(usize),
    /// There is no whole frame yet. The finder is called again once this many bytes in total are
    /// buffered. A value up to the number of buffered bytes, such as 0, means one byte more than
    /// buffered.
    Need(usize),
    /// The frame has this length in bytes, and may still have to arrive in part.
    ///
    /// Unlike after `Need`, the end of the frame is known. So [`skip_frame`] can discard the
    /// frame if it is too long for the buffer.
    ///
    /// [`skip_frame`]: crate::HandoffBuffer::skip_frame
    Length(usize),
    /// No frame of this protocol starts with these bytes, for the given reason. The read fails with
    /// [`FrameError::Rejected`](crate::FrameError::Rejected) and consumes nothing.
    Reject(&'static str),
}

/// Finds the end of the first frame in a buffer.
///
/// Closures with the parameters of [`find_frame`](Self::find_frame) are finders.
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
/// let mut buffer = HandoffBuffer::new(64);
/// let mut finder =
///     |buffered: &[u8], _| if buffered.len() < 4 { Found::Need(4) } else { Found::Frame(4) };
/// assert_eq!(buffer.next_frame(&mut reader, &mut finder).await?.unwrap(), "abcd");
/// assert_eq!(buffer.next_frame(&mut reader, &mut finder).await?.unwrap(), "efgh");
/// assert_eq!(buffer.next_frame(&mut reader, &mut finder).await?, None);
/// # Ok::<_, futures_handoff::FrameError>(())
/// # }).unwrap();
/// ```
///
/// TLS records, which start with a type, a version and a length of two bytes:
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
/// let mut buffer = HandoffBuffer::new(64);
/// let record = buffer.next_frame(&mut reader, &mut records).await?.unwrap();
/// assert_eq!(record, "\x16\x03\x01\0\x02hi");
/// let rejected = buffer.next_frame(&mut reader, &mut records).await;
/// assert!(matches!(rejected, Err(FrameError::Rejected { reason: "no TLS record" })));
/// assert_eq!(buffer.peek(), b"GET / HTTP/1.1");
/// # Ok::<_, FrameError>(())
/// # }).unwrap();
/// ```
pub trait FrameFinder {
    /// Looks for the end of the frame that starts at the front of `buffered`, which is never empty.
    ///
    /// An earlier call for the same frame saw the first `searched` bytes and found no end.
    /// `searched` starts at 0 again if the future that looked for the frame was dropped.
    fn find_frame(&mut self, buffered: &[u8], searched: usize) -> Found;

    /// The fixed needle that ends each frame, if there is one. The frame ends right after the first
    /// needle in it.
    ///
    /// The buffer then searches for the needle itself, as
    /// [`HandoffBuffer::find`](crate::HandoffBuffer::find) does, and remembers where the search
    /// stopped if the future is dropped. A finder that wraps another finder has to forward its
    /// `needle`, `max_frame_len` and `payload`.
    fn needle(&self) -> Option<&[u8]> {
        None
    }

    /// The most bytes that a frame may have, if that is less than the `max_len` of the buffer.
    ///
    /// A longer frame fails with [`FrameError::TooLong`](crate::FrameError::TooLong) as soon as its
    /// length is known to be above the limit.
    fn max_frame_len(&self) -> usize {
        usize::MAX
    }

    /// The range of the found frame, of `frame_len` bytes, that is handed out. The rest is dropped.
    /// A range outside of the frame fails with
    /// [`FrameError::InvalidFinder`](crate::FrameError::InvalidFinder) and consumes nothing.
    ///
    /// The payload is a slice of the frame and keeps as much memory alive as the frame.
    fn payload(&self, frame_len: usize) -> Range<usize> {
        0..frame_len
    }
}

impl<F: FnMut(&[u8], usize) -> Found> FrameFinder for F {
    fn find_frame(&mut self, buffered: &[u8], searched: usize) -> Found {
        self(buffered, searched)
    }
}

/// Frames that end with a fixed needle.
///
/// The needle is part of the frame, except [without delimiter](Self::without_delimiter). An
/// empty needle fails with [`FrameError::InvalidFinder`](crate::FrameError::InvalidFinder).
///
/// # Examples
///
/// ```
/// use futures_handoff::{Delimiter, HandoffBuffer};
///
/// # futures_executor::block_on(async {
/// let mut reader: &[u8] = b"one\r\ntwo\r\n";
/// let mut buffer = HandoffBuffer::new(64);
/// let mut lines = Delimiter::new(b"\r\n");
/// assert_eq!(buffer.next_frame(&mut reader, &mut lines).await?.unwrap(), "one\r\n");
/// let mut lines = lines.without_delimiter();
/// assert_eq!(buffer.next_frame(&mut reader, &mut lines).await?.unwrap(), "two");
/// # Ok::<_, futures_handoff::FrameError>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Copy)]
pub struct Delimiter<N> {
    needle: N,
    max_frame_len: usize,
    left_out: bool,
}

impl<N: AsRef<[u8]>> Delimiter<N> {
    /// Frames that end with `needle`.
    pub const fn new(needle: N) -> Self {
        Self { needle, max_frame_len: usize::MAX, left_out: false }
    }

    /// Hands out frames without the needle at their end.
    #[must_use]
    pub fn without_delimiter(mut self) -> Self {
        self.left_out = true;
        self
    }

    /// Sets the most bytes that a frame may have, including its needle (default: the `max_len` of
    /// the buffer).
    ///
    /// A longer frame fails with [`FrameError::TooLong`](crate::FrameError::TooLong), and
    /// [`skip_frame`](crate::HandoffBuffer::skip_frame) discards it.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::{Delimiter, FrameError, HandoffBuffer};
    ///
    /// # futures_executor::block_on(async {
    /// let mut reader: &[u8] = b"too long\nok\n";
    /// let mut buffer = HandoffBuffer::new(64);
    /// let mut lines = Delimiter::new(b"\n").with_max_frame_len(5);
    /// let long = buffer.next_frame(&mut reader, &mut lines).await;
    /// assert!(matches!(long, Err(FrameError::TooLong { needed: 9, limit: 5 })));
    /// assert_eq!(buffer.skip_frame(&mut reader, &mut lines).await?, 9);
    /// assert_eq!(buffer.next_frame(&mut reader, &mut lines).await?.unwrap(), "ok\n");
    /// # Ok::<_, FrameError>(())
    /// # }).unwrap();
    /// ```
    #[must_use]
    pub fn with_max_frame_len(mut self, n: usize) -> Self {
        self.max_frame_len = n;
        self
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

    fn max_frame_len(&self) -> usize {
        self.max_frame_len
    }

    fn payload(&self, frame_len: usize) -> Range<usize> {
        let left_out = if self.left_out { self.needle.as_ref().len() } else { 0 };
        0..frame_len.saturating_sub(left_out)
    }
}

impl<N: AsRef<[u8]>> fmt::Debug for Delimiter<N> {
    /// Shows the length of the needle, not its bytes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delimiter")
            .field("len", &self.needle.as_ref().len())
            .field("max_frame_len", &self.max_frame_len)
            .field("left_out", &self.left_out)
            .finish()
    }
}
