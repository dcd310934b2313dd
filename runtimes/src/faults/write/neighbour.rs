//! A second stream, which is served in the task of the first.

use std::{
    cell::RefCell,
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_handoff::{Inline, WriteHandoff, WriteHandoffConfig, WriteTask};
use futures_util::AsyncWrite;

use super::{submit::pause, world::World};

/// What went into the stream, and what came out.
#[derive(Default)]
struct Traffic {
    accepted: Vec<u8>,
    written: Vec<u8>,
    closed: bool,
}

/// A writer that is slow and makes no mistakes. Whenever it is pending it wakes its task at once.
pub(super) struct SlowWriter {
    world: Rc<World>,
    traffic: Rc<RefCell<Traffic>>,
}

impl SlowWriter {
    fn is_pending(&self, cx: &Context<'_>) -> bool {
        let pending = self.world.once_in(3);
        if pending {
            cx.waker().wake_by_ref();
        }
        pending
    }
}

impl AsyncWrite for SlowWriter {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.is_pending(cx) {
            return Poll::Pending;
        }
        // All of it where the choice is 0.
        let n = buf.len() - self.world.below(buf.len());
        self.traffic.borrow_mut().written.extend_from_slice(&buf[..n]);
        Poll::Ready(Ok(n))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.is_pending(cx) { Poll::Pending } else { Poll::Ready(Ok(())) }
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.is_pending(cx) {
            return Poll::Pending;
        }
        self.traffic.borrow_mut().closed = true;
        Poll::Ready(Ok(()))
    }
}

/// The task of that stream, and what is known of it.
pub(super) struct Neighbour {
    world: Rc<World>,
    pub(super) task: WriteTask<SlowWriter>,
    traffic: Rc<RefCell<Traffic>>,
}

impl Neighbour {
    /// The stream, and the producer that has its only handle.
    pub(super) fn new(world: &Rc<World>) -> (Self, impl Future<Output = ()> + use<>) {
        let config =
            WriteHandoffConfig::new(2, 8).and_then(|config| config.with_send_at([8, 4, 0][world.below(3)]));
        let inline = [Inline::SameThread, Inline::Always, Inline::Never][world.below(3)];
        let config = config.expect("limits in range").with_inline(inline);
        let traffic = Rc::new(RefCell::new(Traffic::default()));
        let writer = SlowWriter { world: Rc::clone(world), traffic: Rc::clone(&traffic) };
        let (handle, task) = WriteHandoff::new(writer, config);
        let produced = produce(Rc::clone(world), handle, Rc::clone(&traffic));
        (Self { world: Rc::clone(world), task, traffic }, produced)
    }

    /// Ends the stream, whose handle is gone.
    pub(super) async fn end(self) {
        let Self { world, task, traffic } = self;
        let all = !world.once_in(4);
        if all {
            let ended = task.await;
            world.expect(ended.is_ok(), || format!("the neighbour ends with {:?}", ended.err()));
        } else {
            drop(task);
        }
        let Traffic { accepted, written, closed } = &*traffic.borrow();
        world.expect(accepted.starts_with(written), || "the neighbour's bytes are not those accepted".into());
        world.expect(!all || written.len() == accepted.len() && *closed, || {
            format!("of {} bytes of the neighbour {} were written", accepted.len(), written.len())
        });
    }
}

async fn produce(world: Rc<World>, handle: WriteHandoff<SlowWriter>, traffic: Rc<RefCell<Traffic>>) {
    for _ in 0..1 + world.below(5) {
        let bytes = world.bytes(1 + world.below(8));
        let chunk = Bytes::copy_from_slice(&bytes);
        let accepted = if world.once_in(2) {
            handle.write_fire_and_forget(chunk).await.is_ok()
        } else {
            handle.try_write_fire_and_forget(chunk).is_ok()
        };
        if accepted {
            traffic.borrow_mut().accepted.extend(bytes);
        }
        pause(&world).await;
    }
    if world.once_in(2) {
        let flushed = handle.flush().await;
        let Traffic { accepted, written, .. } = &*traffic.borrow();
        world.expect(flushed.is_ok() && accepted == written, || "the neighbour is not flushed".into());
    }
}
