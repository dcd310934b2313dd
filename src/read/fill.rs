//! Reading into a buffer, once or while it pays.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures_io::AsyncRead;

use super::{
    buffer::HandoffBuffer,
    error::BufferError,
    reading::{self, Filled, Then},
};

/// Spare room of this size, or of a quarter of the read size if that is less, is offered to the
/// reader. With less room, the bytes move to another block first.
const ENOUGH: usize = 4 * 1024;
/// The most polls of a reader in one poll of a future, so that a reader that always has a little
/// data does not keep the task from yielding.
pub(super) const POLLS: usize = 256;

/// One successful read.
pub(super) struct Got {
    n: usize,
    /// Whether the read filled the offered room, and the room was close to the read size.
    filled: bool,
}

impl HandoffBuffer {
    /// Reads once and returns the number of bytes read. 0 means the end of the stream.
    ///
    /// The reader gets initialised memory: zeros, or bytes that readers of this buffer wrote there
    /// earlier, reported or not.
    ///
    /// If the reader is always ready, the future yields from time to time; see
    /// [`with_cooperative`](crate::HandoffBufferConfig::with_cooperative).
    ///
    /// # Errors
    ///
    /// - [`BufferError::LimitExceeded`] if the buffer holds `max_len` bytes. The reader is not
    ///   polled then, so the end of a stream shows only after some bytes are consumed.
    /// - [`BufferError::OutOfMemory`] if there is no memory to read into.
    /// - [`BufferError::Io`] if the reader fails.
    /// - [`BufferError::InvalidReader`] if the reader reports more bytes than it had room for.
    ///
    /// # Panics
    ///
    /// If the future is polled after it has completed.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::{BufferError, HandoffBuffer};
    ///
    /// # futures_executor::block_on(async {
    /// let mut reader: &[u8] = b"abcdef";
    /// let mut buffer = HandoffBuffer::new(4);
    /// assert_eq!(buffer.read_available(&mut reader).await?, 4);
    /// let full = buffer.read_available(&mut reader).await;
    /// assert!(matches!(full, Err(BufferError::LimitExceeded { limit: 4, .. })));
    ///
    /// buffer.advance(4)?;
    /// assert_eq!(buffer.read_available(&mut reader).await?, 2);
    /// assert_eq!(buffer.read_available(&mut reader).await?, 0, "the stream has ended");
    /// assert_eq!(buffer.peek(), b"ef");
    /// # Ok::<_, BufferError>(())
    /// # }).unwrap();
    /// ```
    pub fn read_available<R>(&mut self, reader: &mut R) -> impl Future<Output = Result<usize, BufferError>>
    where
        R: AsyncRead + Unpin + ?Sized,
    {
        reading::once(move |cx| self.poll_read_available(cx, Pin::new(&mut *reader)))
    }

    /// The poll form of [`read_available`](Self::read_available).
    ///
    /// # Errors
    ///
    /// Those of [`read_available`](Self::read_available).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::{future::poll_fn, pin::Pin};
    ///
    /// # use futures_handoff::HandoffBuffer;
    /// # futures_executor::block_on(async {
    /// let mut reader: &[u8] = b"abc";
    /// let mut buffer = HandoffBuffer::new(64);
    /// let read = poll_fn(|cx| buffer.poll_read_available(cx, Pin::new(&mut reader))).await;
    /// assert_eq!(read.unwrap(), 3);
    /// # });
    /// ```
    pub fn poll_read_available<R: AsyncRead + ?Sized>(
        &mut self,
        cx: &mut Context<'_>,
        reader: Pin<&mut R>,
    ) -> Poll<Result<usize, BufferError>> {
        self.poll_read_toward(cx, reader, 0)
    }

    /// Reads once. A known frame length, `goal > len()`, lets the block grow toward it; 0 means
    /// that none is known.
    pub(super) fn poll_read_toward<R: AsyncRead + ?Sized>(
        &mut self,
        cx: &mut Context<'_>,
        reader: Pin<&mut R>,
        goal: usize,
    ) -> Poll<Result<usize, BufferError>> {
        let got = ready!(self.poll_once(cx, reader, usize::MAX, goal))?;
        if got.n > 0 {
            self.learn(got.n, got.filled, usize::MAX);
        }
        Poll::Ready(Ok(got.n))
    }

    /// Reads while it pays, up to `limit` bytes.
    ///
    /// The future waits only until it has read something. It reads on while reads fill the offered
    /// room. After a short read, it reads on only if that has brought bytes lately. So it gathers
    /// bursts, and input that arrives at intervals costs no extra read that returns `Pending`. It
    /// stops when the block is full, because the bytes would have to move to a larger block. Blocks
    /// grow with the reads, so a call soon reads as much as its `limit` allows. [`Filled`] has the
    /// number of bytes and the reason for the stop. A limit of 0 returns at once.
    ///
    /// An error or the end of the stream after the bytes is returned in [`Filled::then`] and not
    /// stored. A loop handles the bytes first, and then the error or the end.
    ///
    /// If the reader is always ready, the future yields from time to time; see
    /// [`with_cooperative`](crate::HandoffBufferConfig::with_cooperative).
    ///
    /// # Errors
    ///
    /// Those of [`read_available`](Self::read_available), if this call has read nothing. In
    /// particular, [`BufferError::LimitExceeded`] if the buffer is full at the call.
    ///
    /// # Panics
    ///
    /// If the future is polled after it has completed.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::{Filled, HandoffBuffer, Then};
    ///
    /// # futures_executor::block_on(async {
    /// let mut reader: &[u8] = b"abcdef";
    /// let mut buffer = HandoffBuffer::new(64);
    /// let filled = buffer.read_ready(&mut reader, 4).await?;
    /// assert!(matches!(filled, Filled { n: 4, then: Then::Limit }));
    /// let filled = buffer.read_ready(&mut reader, 4).await?;
    /// assert!(matches!(filled, Filled { n: 2, then: Then::End }));
    /// assert_eq!(buffer.peek(), b"abcdef");
    /// # Ok::<_, futures_handoff::BufferError>(())
    /// # }).unwrap();
    /// ```
    pub fn read_ready<R>(
        &mut self,
        reader: &mut R,
        limit: usize,
    ) -> impl Future<Output = Result<Filled, BufferError>>
    where
        R: AsyncRead + Unpin + ?Sized,
    {
        reading::once(move |cx| self.poll_read_ready(cx, Pin::new(&mut *reader), limit))
    }

    /// The poll form of [`read_ready`](Self::read_ready).
    ///
    /// # Errors
    ///
    /// Those of [`read_ready`](Self::read_ready).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::{future::poll_fn, pin::Pin};
    ///
    /// # use futures_handoff::HandoffBuffer;
    /// # futures_executor::block_on(async {
    /// let mut reader: &[u8] = b"abc";
    /// let mut buffer = HandoffBuffer::new(64);
    /// let filled = poll_fn(|cx| buffer.poll_read_ready(cx, Pin::new(&mut reader), 64)).await;
    /// assert_eq!(filled.unwrap().n, 3);
    /// # });
    /// ```
    pub fn poll_read_ready<R: AsyncRead + ?Sized>(
        &mut self,
        cx: &mut Context<'_>,
        mut reader: Pin<&mut R>,
        limit: usize,
    ) -> Poll<Result<Filled, BufferError>> {
        ready!(self.budget.poll(cx));
        let mut n = 0;
        let mut filled = false;
        let mut short = false;
        let mut polls = 0;
        let then = loop {
            let spent = polls == POLLS || self.budget.is_spent();
            if n >= limit || spent || (n > 0 && self.is_worth_handing_off(limit - n)) {
                break Then::Limit;
            }
            if self.len() == self.config().max_len() {
                break Then::Full;
            }
            let Some(given) = self.offer(limit - n, 0) else { break Then::Error(self.no_memory()) };
            let worth = self.pace.is_worth(given);
            let mut habit = self.pace.habit;
            // While it pays, the reader is offered what is left of the same room.
            let mut room = self.storage.room(given);
            let stop = loop {
                polls += 1;
                match room.poll_read(cx, reader.as_mut()) {
                    Poll::Ready(Ok(0)) => break Some(Then::End),
                    Poll::Ready(Ok(more)) => {
                        self.budget.spend(more);
                        if short {
                            habit.asked_again(true);
                        }
                        filled |= worth && more == given;
                    }
                    Poll::Ready(Err(error)) => break Some(Then::Error(error)),
                    Poll::Pending => {
                        if short {
                            habit.asked_again(false);
                        }
                        break Some(Then::Pending);
                    }
                }
                short = room.len() > 0;
                if !short || polls == POLLS || self.budget.is_spent() {
                    break None;
                }
                if !habit.asks_again() {
                    break Some(Then::Pending);
                }
            };
            let got = given - room.len();
            self.pace.habit = habit;
            if got > 0 {
                self.pace.read(got);
                self.reserved = self.reserved.saturating_sub(got);
                n += got;
            }
            match stop {
                Some(Then::Pending) if n == 0 => {
                    self.budget.waited();
                    self.rest();
                    return Poll::Pending;
                }
                Some(then) => break then,
                None => {}
            }
        };
        if n > 0 {
            self.pace.stays_roomy(polls);
            self.learn(n, filled, limit);
            return Poll::Ready(Ok(Filled { n, then }));
        }
        self.budget.spend(0);
        Poll::Ready(match then {
            Then::Full => Err(self.full()),
            Then::Error(error) => Err(error),
            then @ (Then::Pending | Then::Limit | Then::End) => Ok(Filled { n, then }),
        })
    }

    /// The error of a full buffer.
    fn full(&self) -> BufferError {
        let limit = self.len();
        BufferError::LimitExceeded { attempted: limit + 1, limit }
    }

    /// Whether to stop and let the caller take the block: a read of up to `limit` more bytes would
    /// first move the unread bytes to another block, and they are at least half the read size.
    fn is_worth_handing_off(&self, limit: usize) -> bool {
        let full = self.len() == self.config().max_len();
        !full && self.len() >= self.pace.size().div_ceil(2) && self.storage.spare() < self.enough(limit, 0)
    }

    fn poll_once<R: AsyncRead + ?Sized>(
        &mut self,
        cx: &mut Context<'_>,
        reader: Pin<&mut R>,
        limit: usize,
        goal: usize,
    ) -> Poll<Result<Got, BufferError>> {
        ready!(self.budget.poll(cx));
        if self.len() == self.config().max_len() {
            self.budget.spend(0);
            return Poll::Ready(Err(self.full()));
        }
        let Some(given) = self.offer(limit, goal) else { return Poll::Ready(Err(self.no_memory())) };
        let read = self.storage.room(given).poll_read(cx, reader);
        match read {
            Poll::Pending => {
                self.budget.waited();
                self.rest();
                Poll::Pending
            }
            Poll::Ready(Ok(n)) => {
                self.budget.spend(n);
                self.pace.read(n);
                self.reserved = self.reserved.saturating_sub(n);
                Poll::Ready(Ok(Got { n, filled: n == given && self.pace.is_worth(n) }))
            }
            Poll::Ready(Err(error)) => {
                self.budget.spend(0);
                Poll::Ready(Err(error))
            }
        }
    }

    /// Makes room for one read of at most `limit` bytes and returns the size of the room. The
    /// buffer must not be full. Returns `None` if there is no memory.
    fn offer(&mut self, limit: usize, goal: usize) -> Option<usize> {
        self.shed(goal);
        let (len, max_len) = (self.len(), self.config().max_len());
        let size = self.pace.size().min(max_len - len);
        // A new block has room for twice the unread bytes, so moving them costs an amortised
        // constant per byte read. For a known frame of more than one read it grows up to four
        // times: never more than in proportion to what has arrived, whatever the peer announced.
        let announced = goal > len + size;
        let grown = if announced { goal.min(len.saturating_mul(4)) } else { len.saturating_mul(2) };
        let target = grown.max(len + size).min(max_len);
        // Reserved room is used up before a larger block replaces it.
        let read = if self.reserved > 0 { 0 } else { size };
        let size = if self.storage.make_room(self.enough(limit, goal), read, target) {
            size
        } else {
            self.offer_least(limit)?
        };
        let n = size.min(self.storage.spare()).min(limit);
        Some(n.min(self.storage.initialised().max(self.pace.step())))
    }

    /// Retries with the smallest read size, because there is no memory for a larger block. Returns
    /// that size.
    #[cold]
    fn offer_least(&mut self, limit: usize) -> Option<usize> {
        self.pace.retreat();
        let size = self.pace.size().min(self.config().max_len() - self.len());
        self.storage.make_room(self.enough(limit, 0), 0, self.len() + size).then_some(size)
    }

    /// The error if there is no memory even for the smallest read.
    #[cold]
    fn no_memory(&mut self) -> BufferError {
        self.budget.spend(0);
        let size = self.pace.size().min(self.config().max_len() - self.len());
        BufferError::OutOfMemory { requested: self.len() + size }
    }

    /// The least room to offer for a read of at most `limit` bytes. With less, the bytes move to
    /// another block.
    fn enough(&self, limit: usize, goal: usize) -> usize {
        let len = self.len();
        let size = self.pace.size().min(self.config().max_len() - len);
        // Room made for a frame or reserved is used to the end, however little is left.
        let wanted = [goal.saturating_sub(len), self.reserved].into_iter().filter(|n| *n > 0).min();
        (size / 4).clamp(1, ENOUGH).min(wanted.unwrap_or(size)).min(limit)
    }

    /// Adapts the read size after a call with this `limit` that read `total` bytes.
    fn learn(&mut self, total: usize, filled: bool, limit: usize) {
        if self.pace.call(total, filled, limit) {
            self.storage.forget_spares();
        }
    }
}
