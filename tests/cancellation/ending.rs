//! Futures that end a stream, or run it.

use std::{cell::Cell, future::Future};

use futures_handoff::{CloseReason, WriteHandoff, WriteTask};
use futures_handoff_runtimes::cancel::Cut;

use super::{
    cancelled,
    slow::Slow,
    world::{FULL, Running, World, in_every_config, is_closed},
};

/// Runs the task of a stream, or a future with it, and drops it in the middle. Unwritten bytes are
/// returned, and every waiter gets the error.
fn task_gone<F: Future>(
    cut: &mut Cut,
    mut world: World,
    handle: WriteHandoff<Slow>,
    run: impl FnOnce(WriteTask<Slow>) -> F,
    task: WriteTask<Slow>,
) {
    let ticket = handle.try_write(FULL.into()).unwrap();
    let mut waiting = Running::new({
        let sender = handle.sender();
        async move { sender.write("more".into()).await.map(drop) }
    });
    let mut closing = false;
    let done = cut.run(run(task), || {
        // All is written in time, and then the stream is closed.
        let stirred = waiting.stir() || world.stir();
        if !stirred && !closing {
            handle.close();
            closing = true;
            return true;
        }
        stirred
    });
    let whole = [FULL, b"more"].concat();
    if done.is_some() {
        assert_eq!((&world.writer.record().taken, handle.available()), (&whole, 0));
        assert!(is_closed(handle.close_reason()));
        return;
    }
    waiting.stir();
    let accepted = match waiting.output.take().expect("the waiter for room has a result") {
        Ok(()) => whole,
        Err(error) => {
            assert_eq!(error.into_bytes(), "more", "what was refused comes back");
            FULL.to_vec()
        }
    };
    let told = ticket.try_result().expect("the ticket has a result");
    let written = world.writer.record().taken.len();
    assert_eq!(told.is_ok(), written >= FULL.len(), "{told:?} with {written} bytes written");
    let mut parts = Running::new(handle.clone().into_parts());
    assert!(parts.stir());
    let failure = parts.output.expect("the end is known").unwrap_err();
    assert!(matches!(failure.reason(), CloseReason::TaskDropped), "{failure}");
    let unwritten = failure.unwritten().concat();
    assert_eq!([&world.writer.record().taken[..], &unwritten].concat(), accepted, "all of it is somewhere");
    assert_eq!((handle.pending_bytes(), handle.stats().pending_items, handle.available()), (0, 0, 0));
}

cancelled! {
    /// Closing goes on, and any handle may wait for it again.
    "closed, of what this closed"
    fn a_close() {
        in_every_config(|cut, config| {
            let (mut world, handle) = World::full(config);
            handle.close();
            let closed = cut.run(handle.closed(), || world.stir());
            assert!(closed.is_none_or(|closed| closed.is_ok()));
            assert!(is_closed(handle.close_reason()), "it begins at the call");
            let again = handle.clone();
            world.rival(async move {
                again.close();
                again.closed().await.unwrap();
            });
            world.ends_closed(FULL);
        });
    }

    /// The next caller that asks gets the writer, or the task returns it. It stays open as long as
    /// there is a handle.
    "into_parts"
    fn the_way_of_the_writer_back() {
        for (asks_again, kept) in [(true, false), (false, true), (false, false)] {
            in_every_config(|cut, config| {
                let (mut world, handle) = World::full(config);
                let (begun, clone) = (Cell::new(false), handle.clone());
                let take = async {
                    begun.set(true);
                    clone.into_parts().await
                };
                let first = cut.run(take, || world.stir());
                assert_eq!(is_closed(handle.close_reason()), begun.get(), "it begins at the first poll");
                if !begun.get() && kept {
                    return world.goes_on(handle, FULL);
                }
                let mut second = asks_again.then(|| Running::new(handle.clone().into_parts()));
                let handle = kept.then_some(handle);
                while second.as_mut().is_some_and(Running::stir) || world.stir() {}
                let task = world.task.and_then(|task| task.output).expect("the task ends");
                let outcomes = [first, second.and_then(|second| second.output), Some(task)];
                let given = outcomes.iter().filter(|outcome| matches!(outcome, Some(Ok(_)))).count();
                assert_eq!(given, 1, "{outcomes:?}");
                for failure in outcomes.into_iter().flatten().filter_map(Result::err) {
                    assert!(failure.reason().is_closed() && failure.unwritten().is_empty(), "{failure}");
                    assert!(failure.into_parts().0.is_none(), "the writer was given to two");
                }
                let record = world.writer.record();
                assert_eq!((&record.taken[..], record.flushed), (FULL, FULL.len()));
                assert!(record.closes == 0 || !asks_again && !kept, "it was closed");
                drop(handle);
            });
        }
    }

    "Future for WriteTask"
    fn the_task_of_the_writer() {
        in_every_config(|cut, config| {
            let (world, handle, task) = World::without_task(config);
            task_gone(cut, world, handle, |task| task, task);
        });
    }

    "Future for DetachedWriteTask"
    fn the_detached_task_of_the_writer() {
        in_every_config(|cut, config| {
            let (world, handle, task) = World::without_task(config);
            task_gone(cut, world, handle, WriteTask::detach, task);
        });
    }

    /// A producer and the task in one. Dropped together with the task it ends the stream.
    "Future for RunUntil"
    fn a_producer_with_the_task() {
        in_every_config(|cut, config| {
            let (world, handle, task) = World::without_task(config);
            let closed = handle.clone();
            let run = async |mut task: WriteTask<Slow>| drop(task.run_until(closed.closed()).await);
            task_gone(cut, world, handle, run, task);
        });
    }

    /// Dropped alone, its accepted writes stay submitted, and the task runs on.
    "Future for RunUntil"
    fn a_producer_that_leaves_the_task() {
        in_every_config(|cut, config| {
            let (mut world, handle, mut task) = World::without_task(config);
            let (mut accepted, sender) = (Vec::new(), handle.sender());
            let produce = async {
                for byte in b'a'..b'k' {
                    sender.write_fire_and_forget(vec![byte; 2].into()).await.unwrap();
                    accepted.extend([byte; 2]);
                }
                sender.flush().await.unwrap();
            };
            cut.run(task.run_until(produce), || world.writer.unblock());
            drop(sender);
            world.task = Some(Running::new(task));
            world.goes_on(handle, &accepted);
        });
    }
}
