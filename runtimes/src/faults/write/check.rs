//! What is compared after each step, and at the end.

use futures_handoff::WriterFailure;

use crate::faults::event::Event;

use super::{
    device::{Fault, FaultyWriter},
    line::Room,
    world::World,
};

/// After each step.
pub(super) fn step(world: &World) {
    world.settle(None);
    world.follow_wakes();
    let closed = world.handle().is_none_or(|handle| handle.is_closed());
    world.answers.look(world.device.borrow().passed, closed);
    written_so_far(world);
    memory(world);
    expected(world);
    if let Some(handle) = open_handle(world) {
        positions(world, &handle);
    }
}

/// A handle, unless the last one is gone, which closes the stream.
fn open_handle(world: &World) -> Option<futures_handoff::WriteHandoff<FaultyWriter>> {
    let handle = world.handle();
    world.oracle.borrow_mut().causes.closed |= handle.is_none();
    handle
}

/// What should be true now, for those who read along.
fn expected(world: &World) {
    world.line(|| {
        let (oracle, device, line) = (world.oracle.borrow(), world.device.borrow(), world.line.borrow());
        format!(
            "  expected: accepted {}, written {}, flushed {}, reserved {:?}, line {line}",
            oracle.accepted(),
            device.written,
            device.flushed,
            oracle.held
        )
    });
}

/// What the writer took is what was accepted, in order.
fn written_so_far(world: &World) {
    let (mut oracle, device) = (world.oracle.borrow_mut(), world.device.borrow());
    let from = oracle.compared;
    let same = device.taken.get(from..) == oracle.bytes.get(from..device.taken.len());
    world.expect(same, || format!("the bytes written from {from} on are not those accepted"));
    let in_doubt = device.taken.len() as u64 - device.written.min(device.taken.len() as u64);
    let offered = device.broken.map_or(0, |(fault, offered)| if fault.is_in_doubt() { offered } else { 0 });
    world.expect(in_doubt <= offered as u64 && device.written <= device.taken.len() as u64, || {
        format!("{} bytes are stored, {} were written", device.taken.len(), device.written)
    });
    oracle.compared = device.taken.len();
}

/// Chunks that are written are not kept, but for the one that is written in part.
fn memory(world: &World) {
    let (oracle, owned) = (world.oracle.borrow(), world.owned().bytes);
    let unwritten = oracle.accepted() - oracle.chunk_at(world.device.borrow().written);
    let taken: usize = oracle.taken.iter().map(Vec::len).sum();
    let most = unwritten + (world.carried.get() + taken) as u64;
    world.expect(owned as u64 <= most, || format!("chunks of {owned} bytes are kept, at most {most} may be"));
}

fn positions(world: &World, handle: &futures_handoff::WriteHandoff<FaultyWriter>) {
    let stats = handle.stats();
    let (pending, items) = (handle.pending_bytes(), handle.pending_items());
    let mut oracle = world.oracle.borrow_mut();
    let device = world.device.borrow();
    let told = (stats.accepted, stats.written, stats.flushed);
    let are = (oracle.accepted(), device.written, device.flushed);
    world.expect(told == are, || format!("accepted, written, flushed: {told:?} and not {are:?}"));
    let rising = oracle.last.0 <= stats.written && oracle.last.1 <= stats.flushed;
    world.expect(rising && stats.flushed <= stats.written && stats.written <= stats.accepted, || {
        format!("positions {told:?} after {:?}", oracle.last)
    });
    oracle.last = (stats.written, stats.flushed);
    let over = oracle.causes.aborted || oracle.causes.task_dropped;
    world.expect(!over || (handle.is_closed() && pending == 0), || {
        format!("the stream goes on after {:?}", oracle.causes)
    });
    if let Some(reason) = handle.close_reason() {
        let failed = !reason.is_closed();
        let left = if failed { 0 } else { stats.accepted - stats.written };
        world.expect(pending as u64 == left, || format!("{pending} are pending, {left} should be"));
        world.expect(world.line.borrow().first().is_none(), || "somebody waits for room in vain".into());
        world.expect(handle.available() == 0, || "a closed stream has room".into());
        let causes = &oracle.causes;
        let known = causes.closed || causes.detached || causes.aborted || causes.task_dropped;
        world.expect(known || device.broken.is_some(), || format!("closed for no reason: {reason}"));
        return;
    }
    world.expect(pending as u64 == stats.accepted - stats.written, || format!("{pending} are pending"));
    let mut room = world.line.borrow().granted();
    room += oracle.held;
    room += Room { bytes: pending, items };
    let (budget, most) = (world.config.max_pending_bytes(), world.config.max_items());
    world.expect(room.bytes <= budget, || format!("{room:?} is taken of {budget}"));
    world.expect(room.items <= most, || format!("{room:?} is taken of {most} items"));
    let first = world.line.borrow().first();
    if let Some(need) = first {
        let behind = need.bytes == 0 && world.keeps_adapters();
        let fits = room.bytes + need.bytes <= budget && room.items + need.items <= most;
        world.expect(!fits || behind, || {
            format!("the first in line needs {need:?}, {room:?} is taken: it should go")
        });
    }
    let free = if first.is_some() { 0 } else { budget.saturating_sub(room.bytes) };
    // Without an entry, what is copied into the open block may still be accepted.
    let least = if room.items >= most { 0 } else { free };
    let most = if room.items >= most { free.min(world.config.copy_max()) } else { free };
    world.expect((least..=most).contains(&handle.available()), || {
        format!("{} are available and not {least} to {most}", handle.available())
    });
}

/// Nothing is left to run, but the writer waits for its peer: is it right that all wait for it?
pub(super) fn blocked(world: &World) {
    let device = world.device.borrow();
    let Some(handle) = world.handle() else { return };
    let oracle = world.oracle.borrow();
    let due = oracle.awaited_flushes.iter().find(|position| **position <= device.written);
    world.expect(device.end_blocked || due.is_none(), || {
        format!("a flush of {due:?} waits for a write that stalls")
    });
    let overdue = |position: u64| position + world.config.max_pending_bytes() as u64 <= device.written;
    let left = oracle.flush_left.is_some_and(overdue);
    let held_up = device.end_blocked && !device.write_blocked && oracle.flushing == 0 && !left;
    world.expect(!held_up || handle.is_closed() || handle.pending_bytes() == 0, || {
        "bytes are held up by a flush that nobody waits for".into()
    });
}

/// Nothing is left to run, and the writer is ready: nobody can be waiting for it.
pub(super) fn settled(world: &World) {
    let Some(handle) = world.handle() else { return };
    world.expect(handle.pending_bytes() == 0, || format!("{} bytes do not move", handle.pending_bytes()));
    world.expect(world.line.borrow().first().is_none(), || "somebody still waits for room".into());
    let taken = world.oracle.borrow().taken.len();
    world.expect(taken == 0, || format!("{taken} items of adapters are not accepted"));
    let (written, flushed) = (world.device.borrow().written, world.device.borrow().flushed);
    world.expect(!world.flushes || flushed == written || handle.is_closed(), || {
        format!("of {written} bytes that the writer took {flushed} are flushed")
    });
    let kept = world.owned().items;
    world.expect(kept == 0 || handle.is_closed(), || format!("{kept} written chunks are kept in memory"));
}

/// Somebody learned how the stream ended: whether as one who gets the writer and what it has not written.
pub(super) fn outcome(
    world: &World,
    outcome: Result<FaultyWriter, WriterFailure<FaultyWriter>>,
    takes: bool,
) {
    world.settle(None);
    // It may have been dropped in this step, by a producer in the same task.
    open_handle(world);
    let first = takes && !world.oracle.borrow_mut().take_parts();
    match outcome {
        Ok(writer) => {
            drop(writer);
            world.expect(first, || "the writer was given to two".into());
            world.ended(&futures_handoff::CloseReason::Closed);
            let (oracle, device) = (world.oracle.borrow(), world.device.borrow());
            let all = oracle.accepted();
            world.expect(device.written == all, || format!("{} of {all} were written", device.written));
            world.expect(device.flushed == all, || format!("{} of {all} were flushed", device.flushed));
            let causes = &oracle.causes;
            world.expect(if device.closed { causes.closed } else { causes.detached }, || {
                format!("closed: {}, but asked for {causes:?}", device.closed)
            });
        }
        Err(mut failure) => {
            world.ended(failure.reason());
            let (oracle, device) = (world.oracle.borrow(), world.device.borrow());
            let told = (failure.written(), failure.flushed(), failure.in_doubt());
            let offered = match device.broken {
                Some((Fault::OverReport | Fault::Panic, offered)) => offered as u64,
                _ => 0,
            };
            let are = (device.written, device.flushed, device.written..device.written + offered);
            let unwritten = failure.unwritten().concat();
            world.event(Event::HandBack, || format!("{} bytes after {}", unwritten.len(), device.written));
            let written = usize::try_from(device.written).unwrap_or(usize::MAX);
            let left = if first { oracle.bytes.get(written..).unwrap_or_default() } else { &[] };
            let writer = failure.writer().is_some();
            drop(device);
            world.expect(told == are, || format!("written, flushed, in doubt: {told:?} and not {are:?}"));
            world.expect(unwritten == left, || {
                format!("{} bytes came back, {} are left", unwritten.len(), left.len())
            });
            world.expect(!writer || first, || "the writer was given to two".into());
            let orderly = failure.reason().is_closed();
            world.expect(!(orderly && first), || "an orderly end without the writer".into());
            let lost =
                first && !writer && !matches!(failure.reason(), futures_handoff::CloseReason::TaskDropped);
            let dropped =
                oracle.causes.task_dropped || (world.detached.get() && failure.reason().is_failure());
            world.expect(!lost || dropped, || "the writer is lost".into());
            drop(oracle);
        }
    }
}
