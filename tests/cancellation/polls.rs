//! The adapters of a handle, in futures of their own. The adapter goes with the future, and with it
//! its place in the line.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
};

use futures_handoff::WriteHandoff;
use futures_util::{AsyncWrite, Sink};

use super::{
    cancelled,
    slow::Slow,
    world::{FULL, RIVAL, World, in_every_config},
};

const ITEM: &[u8] = b"item";

/// Runs a submission of [`ITEM`] by a handle of its own, with another one after it. Returns how
/// much was accepted.
fn items<F: Future<Output = usize>>(submit: impl Fn(WriteHandoff<Slow>) -> F) {
    in_every_config(|cut, config| {
        let (mut world, handle) = World::full(config);
        world.rival_writes(&handle);
        let accepted = cut.run(submit(handle.clone()), || world.stir());
        assert_ne!(accepted, Some(0), "it was refused");
        let item = &ITEM[..accepted.unwrap_or(0)];
        world.come_to_rest();
        // Nothing is reserved for an adapter: the room of its turn may be taken before it comes
        // with its item.
        let later = [FULL, RIVAL, item].concat();
        let came_later = world.writer.record().taken == later;
        world.goes_on(handle, &if came_later { later } else { [FULL, item, RIVAL].concat() });
    });
}

/// Runs a flush, or a future with one, by a handle of its own.
fn flushes<F: Future<Output = bool>>(flush: impl Fn(WriteHandoff<Slow>) -> F) {
    in_every_config(|cut, config| {
        let (mut world, handle) = World::full(config);
        let behind = handle.sender();
        world.rival(async move { behind.flush().await.unwrap() });
        let done = cut.run(flush(handle.clone()), || world.stir());
        assert_ne!(done, Some(false), "it failed");
        assert!(done.is_none() || world.writer.record().flushed == FULL.len(), "it is not flushed");
        world.goes_on(handle, FULL);
    });
}

/// Runs a close by a handle of its own. The close goes on by itself once it was requested.
fn closes<F: Future<Output = bool>>(close: impl Fn(WriteHandoff<Slow>) -> F) {
    in_every_config(|cut, config| {
        let (mut world, handle) = World::full(config);
        let done = cut.run(close(handle.clone()), || world.stir());
        assert_ne!(done, Some(false), "it failed");
        drop(handle);
        world.ends_closed(FULL);
    });
}

cancelled! {
    "Sink for HandoffSink"
    fn a_sink() {
        items(async |handle| {
            let mut sink = handle.into_sink();
            poll_fn(|cx| Pin::new(&mut sink).poll_ready(cx)).await.unwrap();
            Pin::new(&mut sink).start_send(ITEM.into()).map_or(0, |()| ITEM.len())
        });
        flushes(async |handle| {
            let mut sink = handle.into_sink();
            poll_fn(|cx| Pin::new(&mut sink).poll_flush(cx)).await.is_ok()
        });
        closes(async |handle| {
            let mut sink = handle.into_sink();
            poll_fn(|cx| Pin::new(&mut sink).poll_close(cx)).await.is_ok()
        });
    }

    "AsyncWrite for HandoffWriter"
    fn a_writer() {
        items(async |handle| {
            let mut writer = handle.into_writer();
            poll_fn(|cx| Pin::new(&mut writer).poll_write(cx, ITEM)).await.unwrap()
        });
        flushes(async |handle| {
            let mut writer = handle.into_writer();
            poll_fn(|cx| Pin::new(&mut writer).poll_flush(cx)).await.is_ok()
        });
        closes(async |handle| {
            let mut writer = handle.into_writer();
            poll_fn(|cx| Pin::new(&mut writer).poll_close(cx)).await.is_ok()
        });
    }
}
