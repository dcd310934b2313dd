//! Which types of the write half may cross threads and be moved while pinned. Checked by compiling.

use futures_handoff::{
    AbortHandle, Batching, Close, CloseReason, Closed, ConfigError, DetachedWriteTask, Flush, Flushed,
    Inline, IntoParts, Permit, PermitError, Reserve, RunUntil, TicketError, TryWriteError, WeakWriteHandoff,
    Write, WriteAll, WriteError, WriteFireAndForget, WriteHandoff, WriteHandoffConfig, WritePrefix,
    WritePrefixError, WritePrefixFireAndForget, WriteSender, WriteStats, WriteTask, WriteTicket,
    WriterFailure, bytes::Bytes,
};
use futures_io::AsyncWrite;
use static_assertions::{assert_impl_all, assert_not_impl_any};
use std::{
    cell::Cell,
    error::Error,
    fmt::{Debug, Display},
    future::{Pending, Ready},
    io,
    marker::PhantomPinned,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

/// A writer that counts bytes in what it is marked with, and is what that is.
struct Marked<M>(M);

impl<M: Count + Unpin> AsyncWrite for Marked<M> {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.0.count(buf.len());
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

trait Count {
    fn count(&self, n: usize);
}

impl Count for Cell<usize> {
    fn count(&self, n: usize) {
        self.set(self.get() + n);
    }
}

impl Count for Rc<Cell<usize>> {
    fn count(&self, n: usize) {
        (**self).count(n);
    }
}

/// A writer that may cross threads, though it may not be shared by them.
type Sendable = Marked<Cell<usize>>;
/// A writer that is bound to its thread.
type Bound = Marked<Rc<Cell<usize>>>;
/// A writer that may not be moved once pinned. The handoff asks for `Unpin` where it polls one.
type Pinned = PhantomPinned;

// What knows the writer's type may go where the writer may go, and is `Sync` without the writer being so.
assert_impl_all!(WriteHandoff<Sendable>: Send, Sync, Unpin, Clone, Debug);
assert_impl_all!(WeakWriteHandoff<Sendable>: Send, Sync, Unpin, Clone, Debug);
assert_impl_all!(WriteTask<Sendable>: Send, Sync, Unpin, Debug);
assert_impl_all!(DetachedWriteTask<Sendable>: Send, Sync, Unpin, Debug);
assert_impl_all!(IntoParts<Sendable>: Send, Sync, Unpin, Debug);
assert_impl_all!(WriterFailure<Sendable>: Send, Unpin, Debug, Display);
assert_not_impl_any!(WriteHandoff<Bound>: Send, Sync);
assert_not_impl_any!(WeakWriteHandoff<Bound>: Send, Sync);
assert_not_impl_any!(WriteTask<Bound>: Send, Sync, Clone);
assert_not_impl_any!(DetachedWriteTask<Bound>: Send, Sync, Clone);
assert_not_impl_any!(IntoParts<Bound>: Send, Sync);
assert_not_impl_any!(WriterFailure<Bound>: Send, Sync);
assert_impl_all!(WriteHandoff<Pinned>: Unpin);
assert_impl_all!(WriteTask<Pinned>: Unpin);
assert_impl_all!(DetachedWriteTask<Pinned>: Unpin);

// What does not know it may go anywhere, whatever the writer is: these have no parameter to depend on.
assert_impl_all!(WriteTicket: Send, Sync, Unpin, Debug);
assert_not_impl_any!(WriteTicket: Clone);
assert_impl_all!(Flushed: Send, Sync, Unpin, Debug);
assert_impl_all!(WriteSender: Send, Sync, Unpin, Clone, Debug);
assert_impl_all!(AbortHandle: Send, Sync, Unpin, Clone, Debug);

/// Checks the futures of one kind of handle.
macro_rules! futures {
    ($handle:ty: $($auto:ident),*) => {
        assert_impl_all!(Write<'static, $handle>: Unpin, Debug $(, $auto)*);
        assert_impl_all!(WriteFireAndForget<'static, $handle>: Unpin, Debug $(, $auto)*);
        assert_impl_all!(WriteAll<'static, $handle, [Bytes; 2]>: Unpin, Debug $(, $auto)*);
        assert_impl_all!(Flush<'static, $handle>: Unpin, Debug $(, $auto)*);
        assert_impl_all!(Close<'static, $handle>: Unpin, Debug $(, $auto)*);
        assert_impl_all!(Closed<'static, $handle>: Unpin, Debug $(, $auto)*);
    };
}

futures!(WriteHandoff<Sendable>: Send, Sync);
futures!(WriteHandoff<Bound>:);
futures!(WriteSender: Send, Sync);
assert_impl_all!(WritePrefix<'static, WriteHandoff<Sendable>>: Send, Unpin, Debug);
assert_impl_all!(WritePrefixFireAndForget<'static, WriteHandoff<Sendable>>: Send, Unpin, Debug);
assert_impl_all!(Reserve<'static, WriteHandoff<Sendable>>: Send, Sync, Unpin, Debug);
assert_impl_all!(Permit<'static, WriteHandoff<Sendable>>: Send, Sync, Unpin, Debug);
assert_not_impl_any!(Write<'static, WriteHandoff<Bound>>: Send, Sync);
assert_not_impl_any!(Permit<'static, WriteHandoff<Bound>>: Send, Sync, Clone);

// A batch is what the wrapped future is.
assert_impl_all!(Batching<'static, WriteHandoff<Sendable>, Ready<()>>: Send, Sync, Unpin, Debug);
assert_not_impl_any!(Batching<'static, WriteHandoff<Sendable>, Pending<Rc<()>>>: Clone);
assert_not_impl_any!(Batching<'static, WriteHandoff<Sendable>, Ready<Rc<()>>>: Send, Sync);
assert_not_impl_any!(Batching<'static, WriteHandoff<Sendable>, PhantomPinned>: Unpin);
assert_impl_all!(RunUntil<'static, Sendable, Ready<()>>: Send, Sync, Unpin, Debug);
assert_not_impl_any!(RunUntil<'static, Sendable, Ready<Rc<()>>>: Send, Sync);
assert_not_impl_any!(RunUntil<'static, Bound, Ready<()>>: Send, Sync);
assert_not_impl_any!(RunUntil<'static, Sendable, PhantomPinned>: Unpin);

// Errors travel, name their cause, and become I/O errors.
assert_impl_all!(CloseReason: Send, Sync, Unpin, Clone, Error, Into<io::Error>);
assert_impl_all!(TicketError: Send, Sync, Unpin, Clone, Error, Into<io::Error>);
assert_impl_all!(TryWriteError: Send, Sync, Unpin, Error, Into<io::Error>);
assert_impl_all!(WriteError: Send, Sync, Unpin, Error, Into<io::Error>, Into<TryWriteError>);
assert_impl_all!(TryWriteError<Vec<Bytes>>: Send, Sync, Error, Into<io::Error>);
assert_impl_all!(PermitError: Send, Sync, Unpin, Clone, Error, Into<io::Error>);
assert_impl_all!(WritePrefixError: Send, Sync, Unpin, Clone, Error, Into<io::Error>);
assert_impl_all!(WriterFailure<Vec<u8>>: Send, Sync, Error, Into<io::Error>);
assert_impl_all!(ConfigError: Send, Sync, Unpin, Clone, PartialEq, Error, Into<io::Error>);

// Plain data.
assert_impl_all!(WriteHandoffConfig: Send, Sync, Unpin, Copy, PartialEq, Debug, Default);
assert_impl_all!(WriteStats: Send, Sync, Unpin, Copy, PartialEq, Debug, Default);
assert_impl_all!(Inline: Send, Sync, Unpin, Copy, PartialEq, Debug, Default);

/// The one check that needs a program: a ticket of a writer that is bound to its thread is awaited on another.
#[test]
fn a_ticket_of_a_bound_writer_may_be_awaited_on_another_thread() {
    futures_handoff_runtimes::watched("a_ticket_of_a_bound_writer", || {
        let written = Rc::new(Cell::new(0));
        let (handoff, task) = WriteHandoff::new(Marked(Rc::clone(&written)), WriteHandoffConfig::default());
        let ticket = handoff.try_write(Bytes::from_static(b"abc")).unwrap();
        let (sender, flushed) = (handoff.sender(), ticket.flushed());
        let elsewhere = std::thread::spawn(move || {
            futures_executor::block_on(async {
                ticket.await.unwrap();
                flushed.await.unwrap();
                sender.write(Bytes::from_static(b"de")).await.unwrap().await.unwrap();
            });
        });
        drop(handoff);
        assert!(futures_executor::block_on(task).is_ok());
        elsewhere.join().unwrap();
        assert_eq!(written.get(), 5);
    });
}
