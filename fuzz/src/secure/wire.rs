//! The connection between two sides: bytes, and whether more will come.

use std::{
    cell::RefCell,
    collections::VecDeque,
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use futures_util::{AsyncRead, AsyncWrite};

#[derive(Default)]
struct State {
    bytes: VecDeque<u8>,
    ended: bool,
}

/// One direction. Both of its ends are clones of it. A read that has to wait is retried at once.
#[derive(Clone, Default)]
pub(super) struct Wire(Rc<RefCell<State>>);

impl Wire {
    pub(super) fn take(&self) -> Vec<u8> {
        self.0.borrow_mut().bytes.drain(..).collect()
    }

    pub(super) fn put(&self, bytes: &[u8]) {
        self.0.borrow_mut().bytes.extend(bytes);
    }

    pub(super) fn end(&self) {
        self.0.borrow_mut().ended = true;
    }

    pub(super) fn len(&self) -> usize {
        self.0.borrow().bytes.len()
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut state = self.0.borrow_mut();
        if state.bytes.is_empty() && !state.ended {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(io::Read::read(&mut state.bytes, buf))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.put(buf);
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.end();
        Poll::Ready(Ok(()))
    }
}

/// Bytes that arrive in pieces of these lengths, over and over, and then end. A length of 0 is a
/// read that has to wait.
pub(super) struct Pieces<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) lens: &'a [u8],
    pub(super) next: usize,
}

impl AsyncRead for Pieces<'_> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        // If all were 0, nothing would ever arrive.
        let any = self.lens.iter().any(|len| *len > 0);
        let len = if any { usize::from(self.lens[self.next % self.lens.len()]) } else { usize::MAX };
        self.next += 1;
        if len == 0 {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let n = len.min(buf.len()).min(self.bytes.len());
        let (now, later) = self.bytes.split_at(n);
        buf[..n].copy_from_slice(now);
        self.bytes = later;
        Poll::Ready(Ok(n))
    }
}
