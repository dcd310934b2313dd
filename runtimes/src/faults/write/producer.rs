//! What a producer does between its submissions, and how it ends the stream.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    rc::Rc,
    task::{Context, Waker},
};

use futures_handoff::CloseReason;
use futures_util::Sink;

use super::{
    answers::answered,
    check,
    planned::{Panicking, contained},
    submit::{Handle, Submitter, pause},
    waiting::{Patience, for_flush, for_ticket},
    world::World,
};
use crate::faults::event::Event;

/// One of those who want the writer back.
struct Wanting(Rc<World>);

impl Wanting {
    fn new(world: &Rc<World>) -> Self {
        world.event(Event::Shutdown, || "into_parts".into());
        let mut oracle = world.oracle.borrow_mut();
        oracle.causes.detached = true;
        oracle.wanting_parts += 1;
        Self(Rc::clone(world))
    }
}

impl Drop for Wanting {
    fn drop(&mut self) {
        self.0.oracle.borrow_mut().wanting_parts -= 1;
    }
}

/// Does so many random things with its handle, and drops it.
pub(super) async fn produce(world: Rc<World>, handle: Handle, steps: usize) {
    let producer = Submitter { world, handle };
    for _ in 0..steps {
        producer.step().await;
    }
    producer.world.event(Event::HandleDrop, || "by a producer that is done".into());
}

impl Submitter {
    async fn step(&self) {
        let (world, handle) = (&self.world, &self.handle);
        match world.below(60) {
            0..=9 => self.try_write().await,
            10..=21 => self.write().await,
            22..=25 => self.write_all().await,
            26..=31 => self.write_prefix().await,
            32..=35 => self.reserve().await,
            36..=39 if world.adapters => self.send_by_sink().await,
            40..=42 if world.adapters => self.write_by_copy().await,
            43..=47 => self.flush().await,
            48 => self.follow_written().await,
            56 => world.flush_loosely(handle.written().flushed()),
            49 => {
                world.event(Event::Dispatch, String::new);
                handle.dispatch();
            }
            50 => {
                let seen = handle.with_writer(|_| handle.with_writer(|_| ()).is_none());
                world.expect(seen != Some(false), || "the writer was lent twice".into());
            }
            51..=53 => self.write_in_batches(None).await,
            59 if world.flushes => answered(world, handle).await,
            57 | 58 => self.write_in_batches(Some(world.below(3))).await,
            54 if world.once_in(4) => self.close().await,
            55 if world.once_in(8) => {
                let wanting = Wanting::new(world);
                let parts = handle.clone().into_parts();
                await_parts(world, parts, wanting, Patience::random(world)).await;
            }
            _ => pause(world).await,
        }
    }

    /// Writes a burst, which may panic after so many polls.
    async fn write_in_batches(&self, panics_after: Option<usize>) {
        let world = &self.world;
        world.event(Event::Batching, || "begins".into());
        let burst = pin!(async {
            for _ in 0..1 + world.below(3) {
                self.try_write().await;
                pause(world).await;
            }
        });
        let mut batching = pin!(self.handle.batching(Panicking::new(burst, panics_after)));
        if poll_fn(|cx| contained(|| batching.as_mut().poll(cx))).await.is_none() {
            world.event(Event::BatchingPanic, String::new);
        }
    }

    async fn flush(&self) {
        let world = &self.world;
        // Before the first poll, which comes at once. What the writer has written to its own stream counts, too.
        world.settle(None);
        let position = world.oracle.borrow().accepted();
        match world.below(3) {
            0 => for_flush(world, position, true, self.handle.sender().flush()).await,
            1 if world.once_in(3) => {
                let mut sink = self.handle.clone().into_sink();
                let cx = &mut Context::from_waker(Waker::noop());
                let before = world.oracle.borrow().flush_left;
                world.oracle.borrow_mut().flush_left = before.or(Some(position));
                if Pin::new(&mut sink).poll_flush(cx).is_pending() {
                    world.event(Event::Flush, || "that an adapter gives up".into());
                    world.keep(sink);
                } else {
                    world.oracle.borrow_mut().flush_left = before;
                }
            }
            1 => {
                let mut sink = self.handle.clone().into_sink();
                let flush = poll_fn(|cx| Pin::new(&mut sink).poll_flush(cx));
                let flush = async {
                    flush.await.map_err(|error| error.close_reason().cloned().unwrap_or(CloseReason::Closed))
                };
                for_flush(world, position, true, flush).await;
            }
            _ => for_flush(world, position, true, self.handle.flush()).await,
        }
    }

    async fn follow_written(&self) {
        let ticket = self.handle.written();
        self.world.settle(None);
        let accepted = self.world.oracle.borrow().accepted();
        self.world.expect(ticket.positions() == (accepted..accepted), || {
            format!("{:?} is not all of {accepted}", ticket.positions())
        });
        for_ticket(&self.world, ticket, Patience::random(&self.world)).await;
    }

    async fn close(&self) {
        let world = &self.world;
        world.event(Event::Close, String::new);
        world.oracle.borrow_mut().causes.closed = true;
        let mut close = self.handle.close();
        let closed = Patience::random(world).wait_once(world, |cx| pin!(&mut close).poll(cx)).await;
        drop(close);
        world.expect(self.handle.is_closed(), || "closed, but still open".into());
        match closed {
            Some(Ok(())) => world.ended(&CloseReason::Closed),
            Some(Err(reason)) => world.ended(&reason),
            None => {}
        }
    }
}

async fn await_parts(
    world: &World,
    mut parts: futures_handoff::IntoParts<super::device::FaultyWriter>,
    wanting: Wanting,
    patience: Patience,
) {
    if let Some(outcome) = patience.wait_once(world, |cx| pin!(&mut parts).poll(cx)).await {
        check::outcome(world, outcome, true);
    }
    drop((parts, wanting));
}

/// Ends the stream in one way or another once all others are done, and has a look at what is left.
pub(super) async fn keep(world: Rc<World>, handle: Handle) {
    if world.once_in(3) {
        let mut closed = handle.closed();
        Patience::After(1).wait(&world, |cx| pin!(&mut closed).poll(cx)).await;
    }
    match world.below(3) {
        0 => world.event(Event::HandleDrop, || "the last one".into()),
        1 => {
            world.event(Event::Close, String::new);
            world.oracle.borrow_mut().causes.closed = true;
            let end = handle.close().await;
            world.ended(&end.err().unwrap_or(CloseReason::Closed));
            let reason = handle.closed().await;
            world.ended(&reason);
        }
        _ => {
            let wanting = Wanting::new(&world);
            await_parts(&world, handle.into_parts(), wanting, Patience::Endless).await;
        }
    }
}
