//! Which types may cross threads. Checked by compiling.

use std::{
    cell::Cell,
    error::Error,
    fmt::{Debug, Display},
    rc::Rc,
};

use futures_handoff::message::{Charge, MessageSink, OwnedPermit, Permit, SharedMessage};
use static_assertions::{assert_impl_all, assert_not_impl_any};

use super::support::*;

/// What may be moved to another thread, and not shared.
type Sendable = Cell<u8>;
type Bound = Rc<u8>;
type ASink<T> = MessageSink<T, fn(&T) -> usize>;

assert_impl_all!(Sender<Sendable>: Send, Sync, Unpin, Clone, Debug);
assert_impl_all!(Receiver<Sendable>: Send, Sync, Unpin, Clone, Debug);
assert_impl_all!(Permit<'static, Sendable>: Send, Sync, Unpin, Debug);
assert_impl_all!(OwnedPermit<Sendable>: Send, Sync, Unpin, Debug);
assert_impl_all!(Charge<Sendable>: Send, Sync, Unpin, Debug);
assert_impl_all!(Message<Sendable>: Send, Unpin, Debug);
assert_impl_all!(Message<u8>: Send, Sync, Unpin, Debug);
assert_impl_all!(SharedMessage<u8>: Send, Sync, Unpin, Clone, Debug);
assert_impl_all!(ASink<Sendable>: Send, Unpin, Debug);
assert_impl_all!(SendError<Sendable>: Error, Send, Debug, Display);
assert_not_impl_any!(Message<Sendable>: Sync, Clone);
assert_not_impl_any!(SharedMessage<Sendable>: Send, Sync);
assert_not_impl_any!(Sender<Bound>: Send, Sync);
assert_not_impl_any!(Receiver<Bound>: Send, Sync);
assert_not_impl_any!(Charge<Bound>: Send, Sync);
assert_not_impl_any!(Permit<'static, u8>: Clone);

/// So do the futures.
#[expect(dead_code, reason = "it is only compiled")]
fn futures_cross_threads(sender: &Sender<Sendable>, receiver: &mut Receiver<Sendable>) {
    fn assert_send(_: impl Send) {}
    assert_send(sender.send(Cell::new(1), 1));
    assert_send(sender.reserve(1));
    assert_send(sender.closed());
    assert_send(receiver.recv());
    assert_send(receiver.next());
}
