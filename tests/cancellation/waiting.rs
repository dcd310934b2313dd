//! Futures that wait for submitted bytes: dropping them changes nothing.

use futures_handoff::{CloseReason, WriteHandoff, WriteTicket};

use super::{
    cancelled,
    slow::Slow,
    world::{FULL, World, in_every_config},
};

const LATER: &[u8] = b"later";

/// Runs a future that waits for the writer to get [`FULL`], with a write and a flush after it.
fn waits<T>(wait: impl AsyncFn(&WriteHandoff<Slow>, WriteTicket) -> T, check: impl Fn(&Slow, T)) {
    in_every_config(|cut, config| {
        let (mut world, handle) = World::new(config);
        let ticket = handle.try_write(FULL.into()).unwrap();
        let behind = handle.sender();
        world.rival(async move {
            behind.write(LATER.into()).await.unwrap().await.unwrap();
            behind.flush().await.unwrap();
        });
        if let Some(answer) = cut.run(wait(&handle, ticket), || world.stir()) {
            check(&world.writer, answer);
        }
        world.goes_on(handle, &[FULL, LATER].concat());
    });
}

fn is_written(writer: &Slow) {
    assert!(writer.record().taken.starts_with(FULL), "it is not written");
}

fn is_flushed(writer: &Slow, result: Result<(), CloseReason>) {
    result.unwrap();
    assert!(writer.record().flushed >= FULL.len(), "it is not flushed");
}

cancelled! {
    "Future for WriteTicket"
    fn a_ticket() {
        waits(
            async |_, ticket| ticket.await,
            |writer, result| {
                result.unwrap();
                is_written(writer);
            },
        );
    }

    "wait"
    fn a_ticket_that_is_waited_for() {
        waits(
            async |_, ticket| ticket.wait().await,
            |writer, result| {
                result.unwrap();
                is_written(writer);
            },
        );
    }

    /// A ticket that is cancelled and waited for again.
    "Future for WriteTicket"
    fn a_ticket_that_is_kept() {
        in_every_config(|cut, config| {
            let (mut world, handle) = World::new(config);
            let mut ticket = handle.try_write(FULL.into()).unwrap();
            cut.run(&mut ticket, || world.stir());
            world.come_to_rest();
            assert!(ticket.try_result().is_some_and(|result| result.is_ok()));
            world.goes_on(handle, FULL);
        });
    }

    "flushed"
    fn a_flush_of_a_ticket() {
        waits(async |_, ticket| ticket.flushed().await, is_flushed);
    }

    "flush"
    fn a_flush() {
        waits(async |handle, _| handle.flush().await, is_flushed);
        waits(async |handle, _| handle.sender().flush().await, is_flushed);
    }

    /// Another handle closes.
    "closed"
    fn waiting_for_the_end() {
        in_every_config(|cut, config| {
            let (mut world, handle) = World::full(config);
            let other = handle.clone();
            world.rival(async move {
                other.close();
                other.closed().await.unwrap();
            });
            let closed = cut.run(handle.closed(), || world.stir());
            assert!(closed.is_none_or(|closed| closed.is_ok()));
            world.ends_closed(FULL);
        });
    }
}
