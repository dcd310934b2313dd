//! Reading into a buffer: once, or while it pays.

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

/// Room worth offering to a reader rather than moving to another block, unless a quarter of the
/// read size is less.
const ENOUGH: usize = 4 * 1024;
/// A reader that always has a little could otherwise keep a task from ever yielding.
pub(super) const POLLS: usize = 256;

/// One successful read.
pub(super) struct Got {
    n: usize,
    /// Whether it filled what was offered, and that was close to the read size.
    filled: bool,
}

impl HandoffBuffer {
    /// Reads once.
    ///
    /// The future's output is the number of bytes read; 0 is the end of the stream.
    ///
    /// The reader is offered initialised memory: zeros, or what readers of this buffer wrote there
    /// earlier, whether or not they reported it.
    ///
    /// Now and then it yields, over a reader that always has something; see
    /// [`with_cooperative`](crate::HandoffBufferConfig::with_cooperative).
    ///
    /// # Errors
    ///
    /// [`BufferError::LimitExceeded`] if the buffer holds `max_len` bytes: the reader is not asked
    /// then, so a stream that ends just there shows its end only after some bytes are consumed.
    /// [`BufferError::OutOfMemory`] if there is no memory to read into. [`BufferError::Io`] if the
    /// reader fails. [`BufferError::InvalidReader`] if it claims more than it was offered.
    ///
    /// # Panics
    ///
    /// The future panics if it is polled again after it was ready.
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
    /// assert_eq!(buffer.read_available(&mut reader).await.unwrap(), 4);
    /// assert!(matches!(
    ///     buffer.read_available(&mut reader).await,
    ///     Err(BufferError::LimitExceeded { limit: 4, .. })
    /// ));
    /// buffer.advance(4).unwrap();
    /// assert_eq!(buffer.read_available(&mut reader).await.unwrap(), 2);
    /// assert_eq!(buffer.read_available(&mut reader).await.unwrap(), 0);
    /// assert_eq!(buffer.peek(), b"ef");
    /// # });
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
    /// As there.
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

    /// Reads once, on the way to `goal > len()` unconsumed bytes, or 0 if no frame is announced.
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
    /// Waits only while it has read nothing. Then it goes on as long as reads fill what they were
    /// offered, and after a short read only if asking again brought bytes lately. So bursts are
    /// gathered, and input that comes at intervals costs no extra read that returns `Pending`. It
    /// stops where the block is full, rather than move many bytes to a larger one: blocks grow with
    /// the reads, so that is soon as much as is asked for at a time. [`Filled`] tells how much was
    /// read and why it stopped. With a limit of 0 it returns at once.
    ///
    /// An error or the end of the stream that comes after the bytes is returned in [`Filled::then`]
    /// and not stored. So a loop handles the bytes first, and then what came after them.
    ///
    /// Now and then it yields, over a reader that always has something; see
    /// [`with_cooperative`](crate::HandoffBufferConfig::with_cooperative).
    ///
    /// # Errors
    ///
    /// Those of [`read_available`](Self::read_available), if nothing was read before: in particular
    /// [`BufferError::LimitExceeded`] if the buffer was full already.
    ///
    /// # Panics
    ///
    /// The future panics if it is polled again after it was ready.
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
    /// let filled = buffer.read_ready(&mut reader, 4).await.unwrap();
    /// assert!(matches!(filled, Filled { n: 4, then: Then::Limit }));
    /// let filled = buffer.read_ready(&mut reader, 4).await.unwrap();
    /// assert!(matches!(filled, Filled { n: 2, then: Then::End }));
    /// assert_eq!(buffer.peek(), b"abcdef");
    /// # });
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
    /// As there.
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
            // The same room is offered again, less what came, for as long as that pays.
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

    /// Full to the limit.
    fn full(&self) -> BufferError {
        let limit = self.len();
        BufferError::LimitExceeded { attempted: limit + 1, limit }
    }

    /// Whether the block is full enough to be handed off: reading up to `limit` more bytes would
    /// first move those there are to another block, and they are half a read or more.
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

    /// Makes room for one read of at most `limit` bytes, in a buffer that is not full, and returns
    /// how much. There may be no memory for that.
    fn offer(&mut self, limit: usize, goal: usize) -> Option<usize> {
        self.shed(goal);
        let (len, max_len) = (self.len(), self.config().max_len());
        let size = self.pace.size().min(max_len - len);
        // A new block at least doubles what the old one held, so moving costs a constant per byte
        // read; unless more than one read is announced. That is believed only in proportion to what
        // of it has arrived.
        let announced = goal > len + size;
        let grown = if announced { goal.min(len.saturating_mul(4)) } else { len.saturating_mul(2) };
        let target = grown.max(len + size).min(max_len);
        // Room that was asked for is not exchanged for a larger block.
        let read = if self.reserved > 0 { 0 } else { size };
        let size = if self.storage.make_room(self.enough(limit, goal), read, target) {
            size
        } else {
            self.offer_least(limit)?
        };
        let n = size.min(self.storage.spare()).min(limit);
        Some(n.min(self.storage.initialised().max(self.pace.step())))
    }

    /// There is no memory for a block for a read of the usual size: makes room for the smallest,
    /// and returns its size.
    #[cold]
    fn offer_least(&mut self, limit: usize) -> Option<usize> {
        self.pace.retreat();
        let size = self.pace.size().min(self.config().max_len() - self.len());
        self.storage.make_room(self.enough(limit, 0), 0, self.len() + size).then_some(size)
    }

    /// Not even for that.
    #[cold]
    fn no_memory(&mut self) -> BufferError {
        self.budget.spend(0);
        let size = self.pace.size().min(self.config().max_len() - self.len());
        BufferError::OutOfMemory { requested: self.len() + size }
    }

    /// The least room worth offering for a read of at most `limit` bytes, rather than to move to
    /// another block.
    fn enough(&self, limit: usize, goal: usize) -> usize {
        let len = self.len();
        let size = self.pace.size().min(self.config().max_len() - len);
        // Room that was made for a frame or asked for is used up, however little of it is left.
        let wanted = [goal.saturating_sub(len), self.reserved].into_iter().filter(|n| *n > 0).min();
        (size / 4).clamp(1, ENOUGH).min(wanted.unwrap_or(size)).min(limit)
    }

    /// Adapts to what one call for at most `limit` bytes brought.
    fn learn(&mut self, total: usize, filled: bool, limit: usize) {
        if self.pace.call(total, filled, limit) {
            self.storage.forget_spares();
        }
    }
}
