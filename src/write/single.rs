//! What nearly all sends are: one entry, which the writer takes whole, with nothing else to see to.

use super::{
    borrowed::Borrowed,
    contain::contain,
    core::StateGuard,
    drive::{Call, Left, Outcome, Role, Side, drive_on, judge},
    queue::Chunk,
    wakes::Wakes,
};
use futures_io::AsyncWrite;
use std::{
    pin::Pin,
    task::{Context, Poll},
};

/// Offers the writer the only entry there is: a chunk, or else what is borrowed. Has it flushed where the writer takes it whole.
///
/// The caller has set the phase to `Busy` in the critical section that it hands over, in which the state was quiet. What is
/// more than that, before the call or after it, is seen to by the loop of [`drive_on`].
pub(crate) fn send_single<'a, W: AsyncWrite + Unpin>(
    side: &'a Side<W>,
    state: StateGuard<'a>,
    role: Role<'_>,
    chunk: Option<Chunk>,
    mut borrowed: Borrowed<'_>,
) -> Left {
    let core = &side.core;
    let (flushes, asked_before) = (state.flushes_when_idle(), state.last_id());
    drop(state);
    let mut seat = side.seat();
    let slice = chunk.as_ref().map_or_else(|| borrowed.as_slice(), Chunk::as_slice);
    let offered = slice.len();
    let cx = &mut Context::from_waker(role.waker());
    let polled = match &mut seat.writer {
        Some(writer) => contain(|| Pin::new(writer).poll_write(cx, slice)),
        None => Some(Poll::Pending),
    };
    let whole = matches!(polled, Some(Poll::Ready(Ok(n))) if n == offered);
    let mut spare = None;
    if whole {
        match chunk {
            Some(chunk) => spare = chunk.finish(),
            None => borrowed.advance(offered),
        }
        let flush = flushes.then(|| seat.flush(cx));
        let confirmed = matches!(flush, None | Some(Outcome::Done));
        let mut state = core.lock();
        if confirmed && state.is_quiet() && state.flushes.is_empty() && state.queue.is_empty() {
            // The writer is released before the state says so.
            drop(seat);
            state.stats.write_calls += 1;
            if let Some(block) = spare {
                state.queue.recycle(block);
            }
            let old_waker = match role {
                Role::Producer => {
                    state.stats.inline_write_calls += 1;
                    None
                }
                Role::Task(_, waker) => {
                    state.belongs_here();
                    state.task.replace(waker)
                }
            };
            state.rest();
            state.advance(offered, 1, &core.written);
            if flush.is_some() {
                state.flushed = state.written;
                state.stats.flush_calls += 1;
            }
            if state.is_watched() {
                core.tell(state, &mut Wakes::new(core));
            } else {
                drop(state);
            }
            drop(old_waker);
            return Left::Nothing;
        }
        drop(state);
        let call = Call { outcome: Outcome::Wrote(offered), items: 1, spare };
        return drive_on(core, seat, role, borrowed, call, flush.map(|outcome| (outcome, asked_before)));
    }
    let outcome = judge(polled, offered);
    let written = if let Outcome::Wrote(n) = outcome { n } else { 0 };
    match chunk {
        // As every small one that has to wait.
        Some(chunk) => {
            let new_block = |len| core.lock().queue.new_block(len);
            seat.batch.begin(chunk.copied_up_to(core.config().copy_max(), new_block), written);
        }
        None => borrowed.advance(written),
    }
    drive_on(core, seat, role, borrowed, Call { outcome, items: 0, spare }, None)
}
