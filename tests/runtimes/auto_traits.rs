//! Which types of the write half may cross threads and be moved while pinned. Checked by compiling.

use futures_handoff::{
    Accepted, CloseReason, DetachedWriteTask, HandoffBuffer, HandoffSink, HandoffWriter, Inline, OwnedPermit,
    Permit, RejectReason, TicketError, WeakWriteHandoff, WriteError, WriteHandoff, WriteHandoffConfig,
    WriteStats, WriteTask, WriteTicket, WriterFailure, bytes::Bytes,
};
use futures_util::io::AllowStdIo;
use static_assertions::{assert_impl_all, assert_not_impl_any};
use std::{
    borrow::Borrow,
    cell::Cell,
    error::Error,
    fmt::{Debug, Display},
    future::ready,
    io,
    marker::PhantomPinned,
    rc::Rc,
};

/// A byte counter with the auto traits of its marker.
struct Marked<M>(M);

impl<M: Borrow<Cell<usize>>> io::Write for Marked<M> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let counted: &Cell<usize> = self.0.borrow();
        counted.set(counted.get() + bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A writer that may cross threads, though it may not be shared by them.
type Sendable = AllowStdIo<Marked<Cell<usize>>>;
/// A writer that is bound to its thread.
type Bound = AllowStdIo<Marked<Rc<Cell<usize>>>>;
/// A writer that may not be moved once pinned. The handoff asks for `Unpin` where it polls one.
type Pinned = PhantomPinned;

// What knows the writer's type may go where the writer may go, and is `Sync` without the writer
// being so.
assert_impl_all!(WriteHandoff<Sendable>: Send, Sync, Unpin, Clone, Debug);
assert_impl_all!(WeakWriteHandoff<Sendable>: Send, Sync, Unpin, Clone, Debug);
assert_impl_all!(WriteTask<Sendable>: Send, Sync, Unpin, Debug);
assert_impl_all!(DetachedWriteTask<Sendable>: Send, Sync, Unpin, Debug);
assert_impl_all!(HandoffSink<Sendable>: Send, Sync, Unpin, Clone, Debug);
assert_impl_all!(HandoffWriter<Sendable>: Send, Sync, Unpin, Clone, Debug);
assert_impl_all!(OwnedPermit<Sendable>: Send, Sync, Unpin, Debug);
assert_impl_all!(WriterFailure<Sendable>: Send, Unpin, Debug, Display);
assert_not_impl_any!(WriteHandoff<Bound>: Send, Sync);
assert_not_impl_any!(WeakWriteHandoff<Bound>: Send, Sync);
assert_not_impl_any!(WriteTask<Bound>: Send, Sync, Clone);
assert_not_impl_any!(DetachedWriteTask<Bound>: Send, Sync, Clone);
assert_not_impl_any!(HandoffSink<Bound>: Send, Sync);
assert_not_impl_any!(OwnedPermit<Bound>: Send, Sync, Clone);
assert_not_impl_any!(WriterFailure<Bound>: Send, Sync);
assert_impl_all!(WriteHandoff<Pinned>: Unpin);
assert_impl_all!(WriteTask<Pinned>: Unpin);
assert_impl_all!(DetachedWriteTask<Pinned>: Unpin);

// What does not know it may go anywhere, whatever the writer is: these have no parameter to depend
// on.
assert_impl_all!(WriteTicket: Send, Sync, Unpin, Debug);
assert_not_impl_any!(WriteTicket: Clone);
assert_impl_all!(Accepted<'static>: Send, Sync, Unpin, Clone, Debug);
assert_impl_all!(WriteHandoff: Send, Sync, Unpin, Clone, Debug);
assert_impl_all!(WeakWriteHandoff: Send, Sync, Unpin, Clone, Debug);

assert_impl_all!(Permit<'static, Sendable>: Send, Sync, Unpin, Debug);
assert_not_impl_any!(Permit<'static, Bound>: Send, Sync, Clone);

fn is_free<T: Send + Sync + Unpin>(_: T) {}
fn is_send_and_unpin<T: Send + Unpin>(_: T) {}
fn is_send_and_sync<T: Send + Sync>(_: T) {}
fn is_send<T: Send>(_: T) {}
fn is_unpin<T: Unpin>(_: T) {}

/// The futures of a handle to a writer that may cross threads may cross them, too. Their types have
/// no names.
#[expect(dead_code, reason = "it compiles")]
fn futures_cross_threads(
    handoff: WriteHandoff<Sendable>,
    mut task: WriteTask<Sendable>,
    ticket: &WriteTicket,
    buffer: &mut HandoffBuffer,
) {
    is_free(handoff.write(Bytes::new()));
    is_free(handoff.write_fire_and_forget(Bytes::new()));
    is_free(handoff.write_slice(b""));
    is_free(handoff.write_chunks(&mut []));
    is_free(handoff.batching(ready(())));
    is_free(task.run_until(ready(())));
    is_send_and_unpin(handoff.write_prefix(buffer, 1));
    is_send(handoff.write_all_buf(buffer));
    is_send_and_sync(handoff.reserve(1));
    is_send_and_sync(handoff.flush());
    is_send_and_sync(handoff.closed());
    is_send_and_sync(ticket.flushed());
    is_send_and_sync(handoff.into_parts());
}

/// Those of a writer that is bound to its thread can at least be moved.
#[expect(dead_code, reason = "it compiles")]
fn futures_of_a_bound_writer(handoff: &WriteHandoff<Bound>) {
    is_unpin(handoff.write(Bytes::new()));
    is_unpin(handoff.write_slice(b""));
    is_send(handoff.sender().write(Bytes::new()));
}

// Errors travel, name their cause, and become I/O errors.
assert_impl_all!(CloseReason: Send, Sync, Unpin, Clone, Error, Into<io::Error>);
assert_impl_all!(TicketError: Send, Sync, Unpin, Clone, Error, Into<io::Error>);
assert_impl_all!(WriteError: Send, Sync, Unpin, Clone, Error, Into<io::Error>, Into<RejectReason>);
assert_impl_all!(RejectReason: Send, Sync, Unpin, Clone, Error, Into<io::Error>);
assert_impl_all!(WriterFailure<Vec<u8>>: Send, Sync, Error, Into<io::Error>);

// A copy of a sealer would use its numbers a second time.
#[cfg(all(feature = "fragment", any(feature = "secure", feature = "secure-rustcrypto")))]
mod packets {
    use super::*;
    use futures_handoff::secure::{PacketKeys, PacketOpener, PacketSealer, SessionKeys};

    assert_impl_all!(PacketKeys: Send, Sync, Unpin, Debug);
    assert_impl_all!(PacketSealer: Send, Sync, Unpin, Debug);
    assert_impl_all!(PacketOpener: Send, Sync, Unpin, Debug);
    assert_not_impl_any!(PacketKeys: Clone);
    assert_not_impl_any!(PacketSealer: Clone);
    assert_not_impl_any!(PacketOpener: Clone);
    assert_not_impl_any!(SessionKeys: Clone);
}

// A tunnel may go where both of its streams may, and so may a run of it.
#[cfg(feature = "tunnel")]
mod tunnels {
    use super::*;
    use futures_handoff::tunnel::{End, Forward, Halves, Report, Transfer, Tunnel};
    use futures_util::io::Empty;

    type Sides = Halves<Empty, Sendable>;

    assert_impl_all!(Tunnel<Sides, Sides>: Send, Unpin, Debug);
    assert_impl_all!(Forward<Empty, Sendable>: Send, Unpin, Debug);
    assert_impl_all!(Forward<Empty, Vec<u8>>: Send, Sync, Unpin, Debug);
    assert_impl_all!(Report: Send, Sync, Unpin, Debug);
    assert_impl_all!(Transfer: Send, Sync, Unpin, Debug);
    assert_impl_all!(End: Send, Sync, Unpin, Debug);
    assert_not_impl_any!(Tunnel<Sides, Halves<Empty, Bound>>: Send, Sync, Clone);
    assert_not_impl_any!(Forward<Empty, Bound>: Send, Sync, Clone);

    #[expect(dead_code, reason = "it compiles")]
    fn runs_cross_threads(tunnel: &mut Tunnel<Sides, Sides>, forward: &mut Forward<Empty, Sendable>) {
        is_send(forward.run());
        is_send(tunnel.run());
        is_send(tunnel.run_with_idle(|| ready(())));
    }
}

// Plain data.
assert_impl_all!(WriteHandoffConfig: Send, Sync, Unpin, Copy, PartialEq, Debug, Default);
assert_impl_all!(WriteStats: Send, Sync, Unpin, Copy, PartialEq, Debug, Default);
assert_impl_all!(Inline: Send, Sync, Unpin, Copy, PartialEq, Debug, Default);

#[cfg(feature = "fragment")]
mod fragment {
    use super::*;
    use futures_handoff::{bytes::Buf, fragment::*};
    use std::{hash::Hash, ops::Range, time::Instant};

    // A reassembler goes where its keys may go. What opens and seals is lent to each call.
    assert_impl_all!(Reassembler<u8>: Send, Sync, Unpin, Debug);
    assert_not_impl_any!(Reassembler<Rc<u8>>: Send, Sync);
    assert_impl_all!(PacketPool: Send, Sync, Unpin, Debug, Default);
    assert_impl_all!(Packets: Send, Sync, Unpin, Clone, PartialEq, Debug);
    assert_impl_all!(Fragmenter: Send, Sync, Unpin, Clone, Debug);
    assert_impl_all!(Fragment: Send, Sync, Unpin, Clone, PartialEq, Debug, Buf);
    assert_impl_all!(Received: Send, Sync, Unpin, Clone, PartialEq, Debug);
    assert_impl_all!(Pacer: Send, Sync, Unpin, Clone, Debug);

    // Plain data.
    assert_impl_all!(Header: Send, Sync, Unpin, Copy, PartialEq, Debug);
    assert_impl_all!(Stride: Send, Sync, Unpin, Copy, Ord, Hash, Debug);
    assert_impl_all!(Limits: Send, Sync, Unpin, Copy, PartialEq, Debug, Default);
    assert_impl_all!(ReassemblerStats: Send, Sync, Unpin, Copy, PartialEq, Debug, Default);
    assert_impl_all!(Plain: Send, Sync, Unpin, Copy, PartialEq, Debug, Default, SealPacket, OpenPacket);

    assert_impl_all!(PacketError: Send, Sync, Unpin, Copy, PartialEq, Error, Into<io::Error>);
    assert_impl_all!(FragmentError: Send, Sync, Unpin, Copy, PartialEq, Error, Into<io::Error>);
    assert_impl_all!(SealError: Send, Sync, Unpin, Copy, PartialEq, Error, Into<FragmentError>);

    #[expect(dead_code, reason = "it compiles")]
    fn futures_cross_threads(
        handoff: &WriteHandoff<Sendable>,
        message: &Fragmenter,
        range: &mut Range<u32>,
        pool: &mut PacketPool,
        buffer: &mut HandoffBuffer,
        reassembler: &mut Reassembler<u8>,
    ) {
        is_send(send_framed(handoff, message, range, &mut Plain, pool));
        is_send(receive_framed(buffer, &mut &b""[..], reassembler, &1, &mut Plain, Instant::now));
    }
}

/// The one check that needs a program: a ticket of a writer that is bound to its thread is awaited
/// on another.
#[test]
fn a_ticket_of_a_bound_writer_may_be_awaited_on_another_thread() {
    futures_handoff_runtimes::watched("a_ticket_of_a_bound_writer", || {
        let written = Rc::new(Cell::new(0));
        let writer = AllowStdIo::new(Marked(Rc::clone(&written)));
        let (handoff, task) = WriteHandoff::new(writer, WriteHandoffConfig::default());
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
