//! What a tunnel keeps when nothing moves, as the allocator counts it on the thread.

use super::support::*;
use allocation_counter::measure;
use futures_handoff::{HandoffBuffer, HandoffBufferConfig};

/// What a side does: how many bytes it still sends, in pieces of at most this many bytes, whether
/// it ends after them, and whether it takes anything.
#[derive(Default)]
struct Play {
    left: Cell<usize>,
    piece: Cell<usize>,
    ended: Cell<bool>,
    blocked: Cell<bool>,
    broken: Cell<bool>,
}

#[derive(Clone, Default)]
struct Played(Rc<Play>);

impl Played {
    fn say(&self, left: usize, piece: usize) {
        self.0.left.set(left);
        self.0.piece.set(piece);
    }
}

impl AsyncRead for Played {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let n = buf.len().min(self.0.left.get()).min(self.0.piece.get());
        self.0.left.set(self.0.left.get() - n);
        if n > 0 || self.0.ended.get() { Poll::Ready(Ok(n)) } else { Poll::Pending }
    }
}

impl AsyncWrite for Played {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.0.broken.get() {
            return Poll::Ready(Err(ErrorKind::BrokenPipe.into()));
        }
        if self.0.blocked.get() { Poll::Pending } else { Poll::Ready(Ok(buf.len())) }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// A tunnel that runs as a task does, and both of its sides.
struct World {
    a: Played,
    b: Played,
    task: Option<Pin<Box<dyn Future<Output = Report>>>>,
    /// What it keeps, with the allocation of its task.
    kept: i64,
}

impl World {
    fn new() -> Self {
        let (a, b) = (Played::default(), Played::default());
        let mut world = Self { a: a.clone(), b: b.clone(), task: None, kept: 0 };
        world.after(|world| {
            let mut tunnel = Tunnel::new(a, b);
            world.task = Some(Box::pin(async move { tunnel.run().await }));
        });
        world
    }

    /// Runs it until it waits, after `change`.
    fn after(&mut self, change: impl FnOnce(&mut Self)) {
        let (waker, wakes) = futures_test::task::new_count_waker();
        let info = measure(|| {
            change(self);
            let mut seen = None;
            while seen.replace(wakes.get()) != Some(wakes.get()) {
                let polled = self.task.as_mut().unwrap().as_mut().poll(&mut Context::from_waker(&waker));
                assert!(polled.is_pending());
            }
            rinse();
        });
        self.kept += info.bytes_current;
    }

    #[track_caller]
    fn keeps_at_most(&self, most: i64, when: &str) {
        assert!(self.kept <= most, "{when}: {} bytes, and no more than {most} are needed", self.kept);
    }
}

/// A thread keeps the last blocks that were left to it: tiny ones, which are dropped with their
/// buffers.
fn rinse() {
    let tiny = |size| HandoffBuffer::with_config(HandoffBufferConfig::new(1000).with_read_reserve(size));
    let mut buffers: Vec<_> = (1..=100).map(tiny).collect();
    for buffer in &mut buffers {
        assert!(buffer.read_available(&mut ScriptReader::new([ReadStep::stuck()])).now_or_never().is_none());
    }
}

/// The memory of a thread grows to what it needs.
fn warm_up() {
    World::new().after(|world| {
        world.a.say(3000, 1);
        world.b.say(1 << 20, 1 << 20);
    });
}

/// What an idle tunnel may keep in both directions, its task included.
const IDLE: i64 = 2048;

runtimes::watched_tests! {
    fn a_tunnel_that_waits_keeps_no_block_whatever_it_has_carried() {
        warm_up();
        let mut world = World::new();
        world.keeps_at_most(IDLE, "fresh");
        for (when, left, piece) in [
            ("a request", 500, 500),
            ("a burst", 1 << 20, 1 << 20),
            ("short ones", 30, 5),
            ("a burst again", 3 << 20, 5000),
            ("a short one", 1, 1),
        ] {
            world.after(|world| {
                world.a.say(left, piece);
                world.b.say(left, piece);
            });
            world.keeps_at_most(IDLE, when);
        }
        // One by one, so that reads become short ones again.
        for _ in 0..10 {
            world.after(|world| {
                world.a.say(4, 4);
                world.b.say(5, 5);
            });
            world.keeps_at_most(IDLE, "short ones, each by itself");
        }
        world.after(|world| {
            world.b.0.blocked.set(true);
            world.a.say(1 << 20, 10_000);
        });
        world.keeps_at_most(IDLE + (600 << 10), "the other side is behind");
        world.after(|world| world.b.0.blocked.set(false));
        world.keeps_at_most(IDLE, "it has caught up");
    }

    fn a_direction_that_has_ended_keeps_no_block_while_the_other_one_waits() {
        for (left, piece, blocked) in
            [(1 << 20, 1 << 20, false), (10_000, 3000, false), (1 << 20, 5000, true)]
        {
            warm_up();
            let mut world = World::new();
            world.after(|world| {
                world.b.0.blocked.set(blocked);
                world.a.say(left, piece);
            });
            world.after(|world| {
                world.b.0.blocked.set(false);
                world.a.say(left, piece);
                world.a.0.ended.set(true);
            });
            world.keeps_at_most(IDLE, "half-closed");
        }
    }

    fn a_direction_whose_writer_has_failed_keeps_nothing_of_what_waited() {
        warm_up();
        let mut world = World::new();
        world.after(|world| {
            world.b.0.blocked.set(true);
            world.a.say(1 << 20, 10_000);
        });
        world.after(|world| world.b.0.broken.set(true));
        world.keeps_at_most(IDLE, "what comes is dropped");
    }

    /// Bytes that come one by one are gathered, and not each in a block of its own.
    fn single_bytes_for_a_writer_that_is_blocked_take_no_block_each() {
        warm_up();
        let mut world = World::new();
        world.after(|world| world.b.0.blocked.set(true));
        for _ in 0..3000 {
            world.after(|world| world.a.say(1, 1));
        }
        world.keeps_at_most(IDLE + 4 * 4096, "3000 bytes wait");
    }
}
