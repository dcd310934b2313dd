//! Finding a needle in the unconsumed bytes.

use super::buffer::HandoffBuffer;

impl HandoffBuffer {
    /// The offset of the first `needle`, or `None` if it is not buffered as a whole.
    ///
    /// A search resumes where the last one for the same needle stopped, also after bytes were
    /// consumed. So a search after every read scans each byte once. An empty needle is found at 0.
    ///
    /// # Complexity
    ///
    /// The buffer remembers the last 4 needles, so it scans each byte once for each of up to 4
    /// needles that a program searches for in turns. A search for a fifth needle starts at the
    /// front, and replaces the needle that was searched for least recently.
    ///
    /// The buffer copies a needle of up to 64 bytes, into an allocation if it is longer than 16
    /// bytes. Each search scans the last bytes again, up to the length of the needle. For a longer
    /// needle, the buffer remembers how much the last bytes match, so the cost of a byte does not
    /// depend on the length of the needle. Each search then compares the needle once with the
    /// longest beginning that the bytes have matched. The buffer stores that beginning, in about 9
    /// bytes for each byte.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::HandoffBuffer;
    ///
    /// # futures_executor::block_on(async {
    /// let mut reader: &[u8] = b"key: value\n";
    /// let mut buffer = HandoffBuffer::new(64);
    /// assert_eq!(buffer.find(b"\n"), None);
    /// buffer.read_available(&mut reader).await?;
    /// assert_eq!(buffer.find(b"\n"), Some(10));
    /// assert_eq!(buffer.find(b": "), Some(3));
    /// # Ok::<_, futures_handoff::BufferError>(())
    /// # }).unwrap();
    /// ```
    #[inline]
    pub fn find(&mut self, needle: &[u8]) -> Option<usize> {
        self.search.find(self.storage.unread(), 0, 0, needle)
    }

    /// The offset of the first `needle` that starts at `from` or later, or `None` if there is none
    /// or fewer than `from` bytes are buffered.
    ///
    /// With it, a program looks at several messages before it consumes any. Messages with the same
    /// destination can then leave as one prefix.
    ///
    /// As for [`find`](Self::find), each byte is scanned once if a search begins right after the
    /// last match, or where the last search began if that found nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// # use futures_handoff::{HandoffBuffer, HandoffBufferConfig, bytes::BytesMut};
    /// # let config = HandoffBufferConfig::new(64);
    /// let mut buffer = HandoffBuffer::from_tail(BytesMut::from("one\ntwo\nthr"), config)?;
    /// let mut lines = 0;
    /// while let Some(end) = buffer.find_from(lines, b"\n") {
    ///     lines = end + 1;
    /// }
    /// assert_eq!(buffer.split_prefix(lines)?, "one\ntwo\n");
    /// # Ok::<_, futures_handoff::BufferError>(())
    /// ```
    #[inline]
    pub fn find_from(&mut self, from: usize, needle: &[u8]) -> Option<usize> {
        if from > self.len() { None } else { self.search.find(self.storage.unread(), 0, from, needle) }
    }
}
