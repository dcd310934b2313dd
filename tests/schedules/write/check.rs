//! What is compared after each step, and at the end.

use futures_handoff::{CloseReason, WriterFailure};

use super::{
    device::FaultyWriter,
    oracle::Room,
    world::{Handle, World},
};

/// After each step.
pub(super) fn step(world: &World) {
    world.settle();
    world.follow_wakes();
    world.wake_for_answers();
    written_so_far(world);
    memory(world);
    {
        let (oracle, device, line) = (world.oracle.borrow(), world.device.borrow(), world.line.borrow());
        let (accepted, held) = (oracle.accepted(), oracle.held);
        let (written, flushed) = (device.written, device.flushed);
        trace!(
            world,
            "  expected: accepted {accepted}, written {written}, flushed {flushed}, \
             reserved {held:?}, line {line}"
        );
    }
    if let Some(handle) = open_handle(world) {
        positions(world, &handle);
    }
}

/// A handle, unless the last one is gone, which closes the stream.
fn open_handle(world: &World) -> Option<Handle> {
    let handle = world.handle();
    world.oracle.borrow_mut().causes.closed |= handle.is_none();
    handle
}

/// What the writer took is what was accepted, in order.
fn written_so_far(world: &World) {
    let (mut oracle, device) = (world.oracle.borrow_mut(), world.device.borrow());
    let (from, stored) = (oracle.compared, device.taken.len());
    let same = device.taken.get(from..) == oracle.bytes.get(from..stored);
    expect!(world, same, "the bytes written from {from} on are not those accepted");
    let in_doubt = (stored as u64).checked_sub(device.written);
    let fits = in_doubt.is_some_and(|in_doubt| in_doubt <= device.in_doubt());
    expect!(world, fits, "{stored} bytes are stored, {} were written", device.written);
    oracle.compared = stored;
}

/// Written chunks are not kept, except for the one that is partly written.
fn memory(world: &World) {
    let (oracle, owned) = (world.oracle.borrow(), world.owned().bytes);
    let unwritten = oracle.accepted() - oracle.chunk_at(world.device.borrow().written);
    let taken: usize = oracle.taken.iter().map(Vec::len).sum();
    let most = unwritten + (oracle.carried + taken) as u64;
    expect!(world, owned as u64 <= most, "chunks of {owned} bytes are kept, at most {most} may be");
}

fn positions(world: &World, handle: &Handle) {
    let stats = handle.stats();
    let (pending, items) = (handle.pending_bytes(), handle.stats().pending_items);
    let mut oracle = world.oracle.borrow_mut();
    let device = world.device.borrow();
    let told = (stats.accepted, stats.written, stats.flushed);
    let are = (oracle.accepted(), device.written, device.flushed);
    expect!(world, told == are, "accepted, written, flushed: {told:?} and not {are:?}");
    let rising = oracle.last.0 <= stats.written && oracle.last.1 <= stats.flushed;
    let ordered = stats.flushed <= stats.written && stats.written <= stats.accepted;
    expect!(world, rising && ordered, "positions {told:?} after {:?}", oracle.last);
    oracle.last = (stats.written, stats.flushed);
    let causes = &oracle.causes;
    let over = causes.aborted || causes.task_dropped;
    expect!(world, !over || handle.is_closed() && pending == 0, "the stream goes on after {causes:?}");
    if let Some(reason) = handle.close_reason() {
        let left = if reason.is_closed() { stats.accepted - stats.written } else { 0 };
        expect!(world, pending as u64 == left, "{pending} are pending, {left} should be");
        expect!(world, world.line.borrow().first().is_none(), "a task waits for room that is free");
        expect!(world, handle.available() == 0, "a closed stream has room");
        let known = over || causes.closed || causes.detached || device.broken.is_some();
        expect!(world, known, "closed for no reason: {reason}");
        return;
    }
    expect!(world, pending as u64 == stats.accepted - stats.written, "{pending} are pending");
    let (first, granted) = (world.line.borrow().first(), world.line.borrow().granted());
    let room = Room { bytes: pending, items }.plus(granted).plus(oracle.held);
    let limits = world.limits;
    expect!(world, room.fits(limits), "{room:?} is taken of {limits:?}");
    if let Some(need) = first {
        let behind = need.bytes == 0 && world.keeps_adapters();
        let goes = room.plus(need).fits(limits) && !behind;
        expect!(world, !goes, "the first in line needs {need:?}, {room:?} is taken: it should go");
    }
    let free = if first.is_some() { 0 } else { limits.bytes.saturating_sub(room.bytes) };
    // Without a free entry, bytes that are copied into the open block may still be accepted.
    let full = room.items >= limits.items;
    let least = if full { 0 } else { free };
    let most = if full { free.min(world.config.copy_max()) } else { free };
    let available = handle.available();
    let right = (least..=most).contains(&available);
    expect!(world, right, "{available} are available and not {least} to {most}");
}

/// Nothing is left to run, but the writer waits for its peer: is it right that all wait for it?
pub(super) fn blocked(world: &World) {
    let device = world.device.borrow();
    let Some(handle) = world.handle() else { return };
    let oracle = world.oracle.borrow();
    let due = oracle.awaited_flushes.iter().find(|position| **position <= device.written);
    expect!(world, device.end_blocked || due.is_none(), "a flush of {due:?} waits for a write that stalls");
    let overdue = |position: u64| position + world.limits.bytes as u64 <= device.written;
    let left = oracle.flush_left.is_some_and(overdue);
    let held_up = device.end_blocked && !device.write_blocked && oracle.flushing == 0 && !left;
    let moves = !held_up || handle.is_closed() || handle.pending_bytes() == 0;
    expect!(world, moves, "a flush that was dropped holds bytes up");
}

/// Nothing is left to run, and the writer is ready: no task can be waiting for it.
pub(super) fn settled(world: &World) {
    let Some(handle) = world.handle() else { return };
    expect!(world, handle.pending_bytes() == 0, "{} bytes do not move", handle.pending_bytes());
    expect!(world, world.line.borrow().first().is_none(), "a task still waits for room");
    let taken = world.oracle.borrow().taken.len();
    expect!(world, taken == 0, "{taken} items of adapters are not accepted");
    let (written, flushed) = (world.device.borrow().written, world.device.borrow().flushed);
    let quiet = !world.flushes() || flushed == written || handle.is_closed();
    expect!(world, quiet, "of {written} bytes that the writer took {flushed} are flushed");
    let kept = world.owned().items;
    expect!(world, kept == 0 || handle.is_closed(), "{kept} written chunks are kept in memory");
}

pub(super) type Outcome = Result<FaultyWriter, WriterFailure<FaultyWriter>>;

/// A party learned how the stream ended, perhaps with the writer and the unwritten bytes.
pub(super) fn outcome(world: &World, outcome: Outcome, takes: bool) {
    world.settle();
    // It may have been dropped in this step, by a producer in the same task.
    open_handle(world);
    let first = takes && !std::mem::replace(&mut world.oracle.borrow_mut().parts_taken, true);
    match outcome {
        Ok(writer) => {
            drop(writer);
            expect!(world, first, "the writer was given to two");
            world.ended(&CloseReason::Closed);
            let (oracle, device) = (world.oracle.borrow(), world.device.borrow());
            let (all, written, flushed) = (oracle.accepted(), device.written, device.flushed);
            expect!(world, written == all && flushed == all, "{written} of {all} written, {flushed} flushed");
            let (closed, causes) = (device.closed, &oracle.causes);
            let asked = if closed { causes.closed } else { causes.detached };
            expect!(world, asked, "closed: {closed}, but asked for {causes:?}");
        }
        Err(failure) => {
            world.ended(failure.reason());
            let (oracle, device) = (world.oracle.borrow(), world.device.borrow());
            let told = (failure.written(), failure.flushed(), failure.in_doubt());
            let are = (device.written, device.flushed, device.written..device.written + device.in_doubt());
            expect!(world, told == are, "written, flushed, in doubt: {told:?} and not {are:?}");
            let back = failure.unwritten().concat();
            event!(world, HandBack, "{} bytes after {}", back.len(), device.written);
            let written = usize::try_from(device.written).unwrap_or(usize::MAX);
            let left = if first { oracle.bytes.get(written..).unwrap_or_default() } else { &[] };
            expect!(world, back == left, "{} bytes came back, {} are left", back.len(), left.len());
            let task_dropped = oracle.causes.task_dropped;
            // The device learns that its writer is dropped.
            drop((oracle, device));
            let reason = failure.reason().clone();
            let (writer, unwritten) = failure.into_parts();
            expect!(world, unwritten.concat() == back, "the bytes that came back are not those shown");
            let has_writer = writer.is_some();
            expect!(world, !has_writer || first, "the writer was given to two");
            expect!(world, !(reason.is_closed() && first), "an orderly end without the writer");
            let lost = first && !has_writer && !matches!(reason, CloseReason::TaskDropped);
            let dropped = task_dropped || world.detached.get() && reason.is_failure();
            expect!(world, !lost || dropped, "the writer is lost");
        }
    }
}
