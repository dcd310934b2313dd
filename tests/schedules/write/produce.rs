//! What producers do: submit, wait for what they submitted, flush, close, and take the writer back.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    rc::Rc,
    task::{Context, Poll, Waker},
};

use futures_handoff::{CloseReason, WriteTicket};
use futures_util::Sink;

use super::{
    check,
    submit::Producer,
    tasks::{Patience, contained, panicking, pause},
    world::{Handle, World, on_drop},
};

/// Waits for a flush of at least the bytes below `position`.
pub(super) async fn for_flush(
    world: &World,
    position: u64,
    fresh: bool,
    future: impl Future<Output = Result<(), CloseReason>>,
) {
    event!(world, Flush, "of at least {position} bytes");
    world.oracle.borrow_mut().flushing += 1;
    world.oracle.borrow_mut().awaited_flushes.push(position);
    let _awaited = on_drop(|| {
        let mut oracle = world.oracle.borrow_mut();
        oracle.flushing -= 1;
        let at = oracle.awaited_flushes.iter().position(|awaited| *awaited == position);
        at.map(|at| oracle.awaited_flushes.swap_remove(at));
    });
    let mut before = None;
    let mut future = pin!(future);
    let mut flush = poll_fn(|cx| {
        before.get_or_insert_with(|| world.device.borrow().flushes);
        future.as_mut().poll(cx)
    });
    match Patience::random(world).wait_once(world, &mut flush).await {
        Some(Ok(())) => {
            let device = world.device.borrow();
            let flushed = device.flushed;
            expect!(world, flushed >= position, "flushed to {position}, but only {flushed} are");
            // One that found the stream closed had nothing left to flush.
            let ended = world.oracle.borrow().causes.closed || world.oracle.borrow().causes.detached;
            let again = before.is_none_or(|before| device.flushes > before);
            expect!(world, !fresh || again || ended, "a flush that did not reach the writer");
        }
        Some(Err(reason)) => ended(world, Err(reason)),
        None => {}
    }
}

/// Waits for a ticket and checks its result.
pub(super) async fn for_ticket(world: &World, mut ticket: WriteTicket, patience: Patience) {
    let Some(result) = patience.wait_once(world, &mut ticket).await else { return };
    let range = ticket.positions();
    let again = ticket.try_result().map(|again| again.map_err(|error| error.to_string()));
    let same = again == Some(result.clone().map_err(|error| error.to_string()));
    expect!(world, same, "the ticket of {range:?} gave two answers");
    let (written, doubt) = (world.device.borrow().written, world.device.borrow().in_doubt());
    match result {
        Ok(()) => {
            event!(world, Ticket, "of {range:?}");
            expect!(world, written >= range.end, "the ticket of {range:?} is done, but only {written} are");
        }
        Err(error) => {
            event!(world, TicketFailed, "of {range:?}: {error}");
            world.ended(error.reason());
            let until = written.clamp(range.start, range.end);
            let doubtful = (written + doubt).clamp(until, range.end);
            let told = (error.written(), error.in_doubt());
            let fate = (until - range.start, doubtful - until);
            expect!(world, told == fate, "the ticket of {range:?} says {told:?} and not {fate:?}");
            expect!(world, written < range.end, "the ticket of {range:?} failed, but is written");
            let words = format!("; {} of {} bytes were written", fate.0, range.end - range.start);
            expect!(world, error.to_string().contains(&words), "the ticket of {range:?} says {error}");
        }
    }
}

/// Waits until the writer's peer has got everything accepted so far, or never will, like a client
/// that waits for an answer. Nothing requests a flush.
async fn answered(world: &World, handle: &Handle) {
    world.settle();
    let position = world.oracle.borrow().accepted();
    event!(world, WaitForAnswer, "to {position} bytes");
    let task = world.current.get();
    let leave = || world.waiting_for_answers.borrow_mut().retain(|(waiting, _)| *waiting != task);
    let _waiting = on_drop(leave);
    poll_fn(|cx| {
        leave();
        if world.device.borrow().passed >= position || handle.is_closed() {
            return Poll::Ready(());
        }
        world.waiting_for_answers.borrow_mut().push((task, cx.waker().clone()));
        Poll::Pending
    })
    .await;
}

/// Does this many random things with a handle, and drops it.
pub(super) async fn produce(world: Rc<World>, handle: Handle, steps: usize) {
    let producer = Producer { world, handle };
    for _ in 0..steps {
        producer.step().await;
    }
    event!(producer.world, HandleDrop, "by a producer that is done");
}

impl Producer {
    async fn step(&self) {
        let (world, handle) = (&self.world, &self.handle);
        match world.below(64) {
            0..=9 => self.write(false).await,
            10..=21 => self.write(true).await,
            22..=25 => self.write_chunks().await,
            26..=31 => self.write_prefix().await,
            32..=35 => self.reserve().await,
            36..=39 if world.adapters => self.send_by_sink().await,
            40..=42 if world.adapters => self.write_by_copy().await,
            43..=47 => self.flush().await,
            48 => self.follow_written().await,
            49 => {
                event!(world, Dispatch);
                handle.dispatch();
            }
            50 => {
                let seen = handle.with_writer(|_| handle.with_writer(|_| ()).is_none());
                expect!(world, seen != Some(false), "the writer was lent twice");
            }
            51..=53 => self.write_in_batches(None).await,
            54 if world.once_in(4) => self.close().await,
            55 if world.once_in(8) => self.take_parts().await,
            56 => world.flush_loosely(handle.written().flushed()),
            57 | 58 => self.write_in_batches(Some(world.below(3))).await,
            59 if world.flushes() => answered(world, handle).await,
            60..=63 => self.write_slice().await,
            _ => pause(world).await,
        }
    }

    /// Writes a burst, which may panic after this many polls.
    async fn write_in_batches(&self, panics_after: Option<usize>) {
        let world = &self.world;
        event!(world, Batching);
        let burst = pin!(async {
            for _ in 0..1 + world.below(3) {
                self.write(false).await;
                pause(world).await;
            }
        });
        let mut batching = pin!(self.handle.batching(panicking(burst, panics_after)));
        if poll_fn(|cx| contained(|| batching.as_mut().poll(cx))).await.is_none() {
            event!(world, BatchingPanic);
        }
    }

    async fn flush(&self) {
        let world = &self.world;
        // Before the first poll, which comes at once. What the writer has written to its own stream
        // counts, too.
        world.settle();
        let position = world.oracle.borrow().accepted();
        match world.below(3) {
            0 => for_flush(world, position, true, self.handle.sender().flush()).await,
            1 => {
                let mut sink = self.handle.clone().into_sink();
                if !world.once_in(3) {
                    let flush = poll_fn(|cx| Pin::new(&mut sink).poll_flush(cx));
                    let closed = CloseReason::Closed;
                    let flush = async {
                        flush.await.map_err(|error| error.close_reason().cloned().unwrap_or(closed))
                    };
                    return for_flush(world, position, true, flush).await;
                }
                let before = world.oracle.borrow().flush_left;
                world.oracle.borrow_mut().flush_left = before.or(Some(position));
                let cx = &mut Context::from_waker(Waker::noop());
                if Pin::new(&mut sink).poll_flush(cx).is_pending() {
                    event!(world, Flush, "that an adapter gives up");
                    world.keep(sink);
                } else {
                    world.oracle.borrow_mut().flush_left = before;
                }
            }
            _ => for_flush(world, position, true, self.handle.flush()).await,
        }
    }

    async fn follow_written(&self) {
        let ticket = self.handle.written();
        self.world.settle();
        let (accepted, told) = (self.world.oracle.borrow().accepted(), ticket.positions());
        expect!(self.world, told == (accepted..accepted), "{told:?} is not all of {accepted}");
        for_ticket(&self.world, ticket, Patience::random(&self.world)).await;
    }

    async fn close(&self) {
        let world = &self.world;
        event!(world, Close);
        world.oracle.borrow_mut().causes.closed = true;
        match world.below(3) {
            0 => self.handle.sender().close(),
            _ => self.handle.close(),
        }
        expect!(world, self.handle.is_closed(), "closed, but still open");
        let mut closed = Box::pin(self.handle.closed());
        if let Some(end) = Patience::random(world).wait_once(world, &mut closed).await {
            ended(world, end);
        }
    }

    /// Takes the writer back, at once or later, or gives that up before it has begun.
    async fn take_parts(&self) {
        let world = &self.world;
        let parts = self.handle.clone().into_parts();
        // Until it is polled, nothing is closed by it.
        pause(world).await;
        if world.once_in(4) {
            event!(world, PartsNotAsked);
            return;
        }
        await_parts(world, parts, Patience::random(world)).await;
    }
}

/// A party waited for the end. An orderly end is not an error.
fn ended(world: &World, end: Result<(), CloseReason>) {
    expect!(
        world,
        !end.as_ref().is_err_and(CloseReason::is_closed),
        "an orderly end was reported as an error"
    );
    world.ended(&end.err().unwrap_or(CloseReason::Closed));
}

/// Waits for the writer itself.
async fn await_parts(world: &World, parts: impl Future<Output = check::Outcome>, patience: Patience) {
    event!(world, IntoParts);
    let mut parts = Box::pin(parts);
    // It is polled in this step.
    world.oracle.borrow_mut().causes.detached = true;
    world.oracle.borrow_mut().wanting_parts += 1;
    let wanting = on_drop(|| world.oracle.borrow_mut().wanting_parts -= 1);
    if let Some(outcome) = patience.wait_once(world, &mut parts).await {
        check::outcome(world, outcome, true);
    }
    drop((parts, wanting));
}

/// Ends the stream in some way once everything else is done, and checks what is left.
pub(super) async fn keep(world: Rc<World>, handle: Handle) {
    let world = &*world;
    if world.once_in(3) {
        let mut closed = Box::pin(handle.closed());
        Patience::After(1).wait(world, |cx| pin!(&mut closed).poll(cx)).await;
    }
    match world.below(3) {
        0 => event!(world, HandleDrop, "the last one"),
        1 => {
            event!(world, Close);
            world.oracle.borrow_mut().causes.closed = true;
            handle.close();
            for _ in 0..2 {
                ended(world, handle.closed().await);
            }
        }
        _ => await_parts(world, handle.into_parts(), Patience::Endless).await,
    }
}
