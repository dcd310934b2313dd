//! The poll methods and traits of a handle, in futures of their own. The handle goes with the future, and with it its place in the
//! line and the room that it holds.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
};

use futures_handoff::WriteHandoff;
use futures_util::{AsyncWrite, Sink};

use super::{
    cancelled,
    world::{FULL, Slow, World, in_every_config},
};

const ITEM: &[u8] = b"item";
const RIVAL: &[u8] = b"rival";

/// Runs a submission of [`ITEM`] by a handle of its own, with another one behind it. It tells how much was accepted.
fn items<F: Future<Output = usize>>(submit: impl Fn(WriteHandoff<Slow>) -> F) {
    in_every_config(|cut, config| {
        let (mut world, handle) = World::new(config);
        handle.try_write_fire_and_forget(FULL.into()).unwrap();
        let behind = handle.sender();
        world.rival(async move { behind.write_fire_and_forget(RIVAL.into()).await.unwrap() });
        let accepted = cut.run(submit(handle.clone()), || world.stir());
        assert_ne!(accepted, Some(0), "it was refused");
        let item = &ITEM[..accepted.unwrap_or(0)];
        world.goes_on(handle, &[FULL, item, RIVAL].concat());
    });
}

/// Runs a flush, or what includes one, by a handle of its own.
fn flushes<F: Future<Output = bool>>(flush: impl Fn(WriteHandoff<Slow>) -> F) {
    in_every_config(|cut, config| {
        let (mut world, handle) = World::new(config);
        handle.try_write_fire_and_forget(FULL.into()).unwrap();
        let behind = handle.sender();
        world.rival(async move { behind.flush().await.unwrap() });
        let done = cut.run(flush(handle.clone()), || world.stir());
        assert_ne!(done, Some(false), "it failed");
        assert!(done.is_none() || world.writer.record().flushed == FULL.len(), "it is not flushed");
        world.goes_on(handle, FULL);
    });
}

/// Runs a close by a handle of its own. It goes on at its own pace once it was asked for.
fn closes<F: Future<Output = bool>>(close: impl Fn(WriteHandoff<Slow>) -> F) {
    in_every_config(|cut, config| {
        let (mut world, handle) = World::new(config);
        handle.try_write_fire_and_forget(FULL.into()).unwrap();
        let done = cut.run(close(handle.clone()), || world.stir());
        assert_ne!(done, Some(false), "it failed");
        drop(handle);
        world.ends_closed(FULL);
    });
}

cancelled! {
    "fn poll_reserve"
    fn room_that_is_polled_for() {
        items(async |mut handle| {
            poll_fn(|cx| handle.poll_reserve(cx, ITEM.len())).await.unwrap();
            handle.send_reserved(ITEM.into()).map_or(0, |_| ITEM.len())
        });
    }

    "Sink for WriteHandoff"
    fn a_sink() {
        items(async |mut handle| {
            let mut sink = Pin::new(&mut handle);
            poll_fn(|cx| sink.as_mut().poll_ready(cx)).await.unwrap();
            sink.as_mut().start_send(ITEM.into()).map_or(0, |()| ITEM.len())
        });
        flushes(async |mut handle| poll_fn(|cx| Sink::poll_flush(Pin::new(&mut handle), cx)).await.is_ok());
        closes(async |mut handle| poll_fn(|cx| Sink::poll_close(Pin::new(&mut handle), cx)).await.is_ok());
    }

    "AsyncWrite for WriteHandoff"
    fn a_writer() {
        items(async |mut handle| {
            let mut writer = Pin::new(&mut handle);
            poll_fn(|cx| writer.as_mut().poll_write(cx, ITEM)).await.unwrap()
        });
        flushes(async |mut handle| poll_fn(|cx| AsyncWrite::poll_flush(Pin::new(&mut handle), cx)).await.is_ok());
        closes(async |mut handle| poll_fn(|cx| AsyncWrite::poll_close(Pin::new(&mut handle), cx)).await.is_ok());
    }

    "fn poll_flush"
    fn a_flush_that_is_polled_for() {
        flushes(async |mut handle| poll_fn(|cx| handle.poll_flush(cx)).await.is_ok());
    }

    "fn poll_close"
    fn a_close_that_is_polled_for() {
        closes(async |mut handle| poll_fn(|cx| handle.poll_close(cx)).await.is_ok());
    }
}
