//! Where a frame ends.

use std::{fmt, ops::Range};

/// What a [`FrameFinder`] says about the buffered bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Found {
    /// The first so many bytes are a frame.
    Frame(usize),
    /// No frame yet: look again once so many bytes in all are buffered. Values not above the number
    /// of buffered bytes mean one byte more than that, and that nothing is known of the frame's
    /// length.
    Need(usize),
    /// The frame is so many bytes long, of which some may still have to arrive.
    ///
    /// Differs from `Need` in that the end of the frame is known. So [`skip_frame`] can leave the
    /// frame behind if it is too long for the buffer.
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
/// let mut buffer = HandoffBuffer::new(64);
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
/// let mut buffer = HandoffBuffer::new(64);
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
    /// Of these bytes, the finder was shown the first `searched` before, for this same frame, and
    /// found no end. `searched` is 0 again where a future that was looking for the frame has been
    /// dropped.
    fn find_frame(&mut self, buffered: &[u8], searched: usize) -> Found;

    /// The needle that ends a frame, if each frame ends right after the first occurrence of a fixed
    /// one.
    ///
    /// The buffer then searches for it by itself, as
    /// [`HandoffBuffer::find`](crate::HandoffBuffer::find) does, and the place where the search
    /// stopped outlives the future that searched. A finder that wraps another one passes on its
    /// needle, its largest length and its payload.
    fn needle(&self) -> Option<&[u8]> {
        None
    }

    /// The most bytes that a frame may have, if that is less than the buffer may hold.
    ///
    /// A longer one ends in [`FrameError::TooLong`](crate::FrameError::TooLong), as soon as it is
    /// known to be longer.
    fn max_frame_len(&self) -> usize {
        usize::MAX
    }

    /// Which of the `frame_len` bytes of the frame that was just found are handed out. The others
    /// are dropped. A range that is not in the frame is an
    /// [`FrameError::InvalidFinder`](crate::FrameError::InvalidFinder), and consumes nothing.
    ///
    /// What is handed out is a part of the frame, and holds on to memory as the frame would.
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
/// The needle is part of the frame, unless it is to be [left out](Self::without_delimiter). An
/// empty needle ends no frame: looking for one with it fails with
/// [`FrameError::InvalidFinder`](crate::FrameError::InvalidFinder).
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

    /// Hands out frames without the needle that ends them.
    #[must_use]
    pub fn without_delimiter(mut self) -> Self {
        self.left_out = true;
        self
    }

    /// Sets how many bytes a frame may have at most, its needle included (default: as many as the
    /// buffer may hold).
    ///
    /// [`FrameError::TooLong`](crate::FrameError::TooLong) tells of a longer one, and
    /// [`skip_frame`](crate::HandoffBuffer::skip_frame) goes on behind it.
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
    /// Of the needle it shows only how long it is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delimiter")
            .field("len", &self.needle.as_ref().len())
            .field("max_frame_len", &self.max_frame_len)
            .field("left_out", &self.left_out)
            .finish()
    }
}
