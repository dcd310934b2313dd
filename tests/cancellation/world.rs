//! A stream into a slow writer, and its users besides the cancelled future.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use futures_handoff::{CloseReason, Inline, WriteHandoff, WriteHandoffConfig, WriteTask, WriterFailure};
use futures_handoff_runtimes::cancel::{Cut, at_every_poll};
use futures_test::task::{AwokenCount, new_count_waker};

use super::slow::Slow;

/// The byte budget of the streams.
pub(crate) const BUDGET: usize = 6;

/// What fills it.
pub(crate) const FULL: &[u8] = b"first!";

/// The bytes of other producers.
pub(crate) const RIVAL: &[u8] = b"rival";

/// A future that is polled when it was woken.
pub(crate) struct Running<T> {
    /// `None` once done.
    future: Option<Pin<Box<dyn Future<Output = T>>>>,
    waker: Waker,
    wakes: AwokenCount,
    seen: Option<usize>,
    pub(crate) output: Option<T>,
}

impl<T> Running<T> {
    pub(crate) fn new(future: impl Future<Output = T> + 'static) -> Self {
        let (waker, wakes) = new_count_waker();
        Self { future: Some(Box::pin(future)), waker, wakes, seen: None, output: None }
    }

    /// Polls it if it is due; returns whether it was.
    pub(crate) fn stir(&mut self) -> bool {
        let Some(future) = &mut self.future else { return false };
        if self.seen.is_some_and(|seen| self.wakes.get() == seen) {
            return false;
        }
        self.seen = Some(self.wakes.get());
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&self.waker)) {
            (self.output, self.future) = (Some(output), None);
        }
        true
    }
}

pub(crate) type Outcome = Result<Slow, WriterFailure<Slow>>;

/// The task, its writer, and other users of the stream.
pub(crate) struct World {
    pub(crate) writer: Slow,
    /// `None` if the task is what is cancelled.
    pub(crate) task: Option<Running<Outcome>>,
    /// Runs from the first step on: after the future that is cancelled was polled for the first
    /// time.
    rival: Option<Running<()>>,
}

impl World {
    /// A stream whose task has begun, if it is to run by itself.
    pub(crate) fn new(config: WriteHandoffConfig) -> (Self, WriteHandoff<Slow>) {
        let (mut world, handle, task) = Self::without_task(config);
        let mut task = Running::new(task);
        assert!(task.stir() && task.output.is_none(), "the task has begun");
        world.task = Some(task);
        (world, handle)
    }

    /// The same with no room left.
    pub(crate) fn full(config: WriteHandoffConfig) -> (Self, WriteHandoff<Slow>) {
        let (world, handle) = Self::new(config);
        handle.try_write_fire_and_forget(FULL.into()).unwrap();
        (world, handle)
    }

    pub(crate) fn without_task(config: WriteHandoffConfig) -> (Self, WriteHandoff<Slow>, WriteTask<Slow>) {
        let writer = Slow::default();
        let (handle, task) = WriteHandoff::new(writer.clone(), config);
        (Self { writer, task: None, rival: None }, handle, task)
    }

    /// A user that comes after the cancelled future, and must be served in any case.
    pub(crate) fn rival(&mut self, rival: impl Future<Output = ()> + 'static) {
        self.rival = Some(Running::new(rival));
    }

    /// A rival that writes [`RIVAL`].
    pub(crate) fn rival_writes(&mut self, handle: &WriteHandoff<Slow>) {
        let sender = handle.sender();
        self.rival(async move { sender.write_fire_and_forget(RIVAL.into()).await.unwrap() });
    }

    /// Lets one future make a step; returns whether there was one.
    pub(crate) fn stir(&mut self) -> bool {
        self.rival.as_mut().is_some_and(Running::stir)
            || self.task.as_mut().is_some_and(Running::stir)
            || self.writer.unblock()
    }

    pub(crate) fn come_to_rest(&mut self) {
        while self.stir() {}
        assert!(
            self.rival.as_ref().is_none_or(|rival| rival.output.is_some()),
            "another user waits for ever"
        );
    }

    /// The stream must hold `expected`, have all its room, and go on until its end.
    pub(crate) fn goes_on(mut self, handle: WriteHandoff<Slow>, expected: &[u8]) {
        self.come_to_rest();
        assert_eq!(self.writer.record().taken, expected, "what is on the wire");
        assert_eq!((handle.pending_bytes(), handle.stats().pending_items), (0, 0), "room is still taken");
        assert_eq!(handle.available(), handle.config().max_pending_bytes(), "room is still reserved");
        handle.try_write_fire_and_forget("end".into()).unwrap();
        drop(handle);
        let expected = [expected, b"end"].concat();
        self.ends_closed(&expected);
    }

    /// The stream must end orderly, with `expected` written, flushed, and the writer closed once.
    pub(crate) fn ends_closed(mut self, expected: &[u8]) {
        self.come_to_rest();
        let outcome = self.task.and_then(|task| task.output).expect("the task ends");
        assert!(outcome.is_ok(), "{outcome:?}");
        let record = self.writer.record();
        assert_eq!((&record.taken[..], record.flushed, record.closes), (expected, expected.len(), 1));
    }
}

/// Configurations in which different parties poll the writer.
pub(crate) fn configs() -> impl Iterator<Item = WriteHandoffConfig> {
    let inlines = [Inline::SameThread, Inline::Always, Inline::Never];
    inlines.into_iter().flat_map(|inline| {
        [0, BUDGET]
            .map(|send_at| WriteHandoffConfig::new(8, BUDGET).with_send_at(send_at).with_inline(inline))
    })
}

/// Runs a scenario at every poll, in each configuration. Its future has to wait in one of them at
/// least.
pub(crate) fn in_every_config(mut scenario: impl FnMut(&mut Cut, WriteHandoffConfig)) {
    let most = configs().map(|config| at_every_poll(|cut| scenario(cut, config))).max();
    assert!(most > Some(1), "it never waits: there is nothing to cancel");
}

/// Whether a stream ended orderly.
pub(crate) fn is_closed(reason: Option<CloseReason>) -> bool {
    reason.is_some_and(|reason| reason.is_closed())
}
