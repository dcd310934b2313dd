//! Waiting for room, and the use of room in a permit.

use std::{pin::pin, rc::Rc, task::Poll};

use bytes::Bytes;
use futures_handoff::{RejectReason, WriteError, WriteTicket};

use super::{
    oracle::Room,
    submit::{follow, refused},
    tasks::{Patience, pause},
    world::{World, on_drop},
};

/// Submits a chunk on a permit.
pub(super) type Send<'a> = Box<dyn FnOnce(Bytes) -> Result<WriteTicket, WriteError> + 'a>;

/// The room that is held in a permit.
pub(super) struct Held {
    world: Rc<World>,
    room: Room,
}

impl Held {
    pub(super) fn new(world: &Rc<World>, room: Room) -> Self {
        let held = &mut world.oracle.borrow_mut().held;
        *held = held.plus(room);
        Self { world: Rc::clone(world), room }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let held = &mut self.world.oracle.borrow_mut().held;
        *held = held.minus(self.room);
    }
}

/// Uses a permit, or drops it.
pub(super) async fn use_permit(held: Held, send: Send<'_>) {
    let Held { world, room: Room { bytes, .. } } = &held;
    let (world, bytes) = (&Rc::clone(world), *bytes);
    pause(world).await;
    if world.once_in(3) {
        event!(world, PermitDrop, "for {bytes} bytes");
        return;
    }
    let len = if world.once_in(2) { bytes } else { world.below(bytes + 2) };
    let chunk = world.bytes(len);
    let sent = send(world.chunk(&chunk));
    drop(held);
    match sent {
        Ok(ticket) => {
            expect!(world, len <= bytes, "{len} were sent on room for {bytes}");
            world.accepted_at(ticket.positions(), chunk);
            follow(world, ticket).await;
        }
        Err(error) => {
            let (reason, back) = refused(error);
            expect!(world, *back == *chunk, "a rejected chunk came back changed");
            match reason {
                RejectReason::Closed(reason) => world.refused(&reason),
                RejectReason::TooLarge { len: told, limit } => {
                    let right = (told, limit) == (len, bytes) && len > bytes;
                    expect!(world, right, "{len} are above the {bytes} reserved: {told} for {limit}");
                }
                reason => world.fail(format!("a permit for {bytes} was refused {len}: {reason}")),
            }
        }
    }
}

/// Polls a future that may have to wait for room, and checks that it waits its turn.
pub(super) async fn for_room<F: Future>(world: &World, need: Room, future: F) -> Option<F::Output> {
    let carried = need.bytes;
    world.oracle.borrow_mut().carried += carried;
    let _carried = on_drop(|| world.oracle.borrow_mut().carried -= carried);
    in_line(world, need, true, future).await
}

/// As [`for_room`], for an adapter: it waits for its turn, and nothing is reserved for it.
pub(super) async fn for_turn<F: Future>(world: &World, future: F) -> Option<F::Output> {
    in_line(world, Room { bytes: 1, items: 1 }, false, future).await
}

pub(super) async fn in_line<F: Future>(
    world: &World,
    need: Room,
    reserves: bool,
    future: F,
) -> Option<F::Output> {
    let task = world.current.get();
    let _place = on_drop(|| world.line.borrow_mut().leave(task));
    let mut future = pin!(future);
    let patience = Patience::random(world);
    patience
        .wait(world, |cx| {
            world.settle();
            let wakes = world.wakes();
            let granted = world.line.borrow().is_granted(task);
            let polled = future.as_mut().poll(cx);
            let yields = world.wakes() > wakes;
            match (&polled, granted) {
                (Poll::Pending, None) if yields => {}
                (Poll::Pending, None) => {
                    event!(world, WaitForRoom, "task {task} needs {need:?}");
                    world.line.borrow_mut().enter(task, need, reserves);
                }
                (Poll::Pending, Some(granted)) => {
                    expect!(world, !granted, "task {task} was granted room and does not use it");
                }
                (Poll::Ready(_), Some(granted)) => {
                    expect!(world, granted, "task {task} was let in before its turn");
                    world.line.borrow_mut().leave(task);
                }
                (Poll::Ready(_), None) => {
                    // Items may have been accepted in this poll.
                    let passed = need != Room::default() && world.line.borrow().is_waited_in();
                    let might = world.is_open() && need.fits(world.limits);
                    expect!(world, !(passed && might), "task {task} passed those in line");
                }
            }
            polled
        })
        .await
}
