//! Where a needle is in the unconsumed bytes.

use super::buffer::HandoffBuffer;

impl HandoffBuffer {
    /// The offset of the first `needle`, or `None` if it is not (wholly) there.
    ///
    /// A search resumes where the last one for the same needle stopped, so looking after every read
    /// scans each byte once. Consuming bytes keeps that. An empty needle is found at 0.
    ///
    /// # Complexity
    ///
    /// The buffer remembers the last 4 needles, so up to 4 may be searched for in turns: each byte
    /// is scanned once for each of them. A search for a fifth one starts anew, and displaces the
    /// one that was not searched for the longest.
    ///
    /// A needle of up to 64 bytes is remembered as a copy, in an allocation if it is longer than 16
    /// bytes, and each search looks again at the last bytes, fewer than the needle has. Of a longer
    /// needle the buffer remembers how much of it the last bytes match. So a byte that arrives
    /// costs the same however long the needle is, but for one comparison of the needle with the
    /// longest beginning of it that the buffered bytes have matched. That beginning takes about 9
    /// bytes of memory for each of its bytes.
    ///
    /// # Examples
    ///
    /// ```
    /// # use futures_handoff::{HandoffBuffer, HandoffBufferConfig, bytes::BytesMut};
    /// # let config = HandoffBufferConfig::new(64);
    /// let mut buffer = HandoffBuffer::from_tail(BytesMut::from("key: value"), config).unwrap();
    /// assert_eq!(buffer.find(b": "), Some(3));
    /// assert_eq!(buffer.find(b"\n"), None);
    /// ```
    #[inline]
    pub fn find(&mut self, needle: &[u8]) -> Option<usize> {
        self.search.find(self.storage.unread(), 0, 0, needle)
    }

    /// The offset of the first `needle` that starts at `from` or later, to look at several messages
    /// before any is consumed: those with one destination can leave as one prefix. `None` as well
    /// if there are fewer than `from` bytes.
    ///
    /// As for [`find`](Self::find), each byte is scanned once if every search begins right behind
    /// what the last one found, or where that began if it found nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// # use futures_handoff::{HandoffBuffer, HandoffBufferConfig, bytes::BytesMut};
    /// # let config = HandoffBufferConfig::new(64);
    /// let mut buffer = HandoffBuffer::from_tail(BytesMut::from("one\ntwo\nthr"), config).unwrap();
    /// let mut lines = 0;
    /// while let Some(end) = buffer.find_from(lines, b"\n") {
    ///     lines = end + 1;
    /// }
    /// assert_eq!(buffer.split_prefix(lines).unwrap(), "one\ntwo\n");
    /// ```
    #[inline]
    pub fn find_from(&mut self, from: usize, needle: &[u8]) -> Option<usize> {
        if from > self.len() { None } else { self.search.find(self.storage.unread(), 0, from, needle) }
    }
}
