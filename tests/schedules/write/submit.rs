//! What a producer submits, and what it must be told.

use std::{
    future::poll_fn,
    io::IoSlice,
    pin::{Pin, pin},
    rc::Rc,
    task::{Context, Poll, Waker},
};

use bytes::{Bytes, BytesMut};
use futures_handoff::{
    CloseReason, HandoffBuffer, HandoffBufferConfig, PermitError, TryWriteError, WriteError,
    WritePrefixError, WriteTicket,
};
use futures_util::{AsyncWrite, Sink};

use super::{
    oracle::Room,
    produce::{for_flush, for_ticket},
    tasks::{Kind, Patience, pause},
    world::{Handle, World, on_drop},
};

/// The state in which a submission that does not wait was decided on.
struct Before {
    room: Room,
    closed: bool,
    passing: bool,
    pending_items: usize,
    written: u64,
}

/// Why a write was not accepted, whatever the error.
enum Refusal {
    Full,
    TooLarge { len: usize, limit: usize },
    Closed(CloseReason),
}

impl From<PermitError> for Refusal {
    fn from(error: PermitError) -> Self {
        match error {
            PermitError::TooLarge { requested: len, limit } => Self::TooLarge { len, limit },
            PermitError::Closed(reason) => Self::Closed(reason),
            _ => Self::Full,
        }
    }
}

/// A refusal, and what it hands back.
fn tried<T>(error: TryWriteError<T>) -> (Refusal, T) {
    match error {
        TryWriteError::TooLarge { bytes, len, limit } => (Refusal::TooLarge { len, limit }, bytes),
        TryWriteError::Closed { bytes, reason } => (Refusal::Closed(reason), bytes),
        error => (Refusal::Full, error.into_bytes()),
    }
}

fn waited<T>(error: WriteError<T>) -> (Refusal, T) {
    tried(error.into())
}

/// Polls a future that may have to wait for room, and checks that it waits its turn.
async fn for_room<F: Future>(world: &World, need: Room, future: F) -> Option<F::Output> {
    let carried = need.bytes;
    world.oracle.borrow_mut().carried += carried;
    let _carried = on_drop(|| world.oracle.borrow_mut().carried -= carried);
    in_line(world, need, true, future).await
}

/// As [`for_room`], for an adapter: it waits for its turn, and nothing is reserved for it.
async fn for_turn<F: Future>(world: &World, future: F) -> Option<F::Output> {
    in_line(world, Room { bytes: 1, items: 1 }, false, future).await
}

async fn in_line<F: Future>(world: &World, need: Room, reserves: bool, future: F) -> Option<F::Output> {
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
                    expect!(world, !granted, "task {task} was granted room in vain");
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

/// A producer with its handle.
pub(super) struct Producer {
    pub(super) world: Rc<World>,
    pub(super) handle: Handle,
}

impl Producer {
    fn before(&self) -> Before {
        let Self { world, handle } = self;
        world.settle();
        world.follow_wakes();
        let pending_items = handle.pending_items();
        let room = Room { bytes: handle.pending_bytes(), items: pending_items };
        let room = room.plus(world.line.borrow().granted()).plus(world.oracle.borrow().held);
        let passing = world.line.borrow().first().is_some();
        let written = handle.stats().written;
        Before { room, closed: handle.is_closed(), passing, pending_items, written }
    }

    /// Checks a refusal against what was asked for; `before` is for those that do not wait.
    fn refused(&self, refusal: Refusal, need: Room, before: Option<&Before>) {
        let (world, limits) = (&self.world, self.world.limits);
        match refusal {
            Refusal::Full => {
                event!(world, Full, "{need:?}");
                let behind = need.bytes == 0 && world.keeps_adapters();
                let full = before
                    .is_some_and(|before| behind || before.passing || !before.room.plus(need).fits(limits));
                expect!(world, full && need != Room::default(), "no room for {need:?}");
            }
            Refusal::TooLarge { len, limit } => {
                event!(world, TooLarge, "{len} for {limit}");
                let bytes = (need.bytes, limits.bytes);
                let above = if need.bytes > limits.bytes { bytes } else { (need.items, limits.items) };
                let right = (len, limit) == above && len > limit;
                expect!(world, right, "{need:?} is too large: {len} for {limit}");
            }
            Refusal::Closed(reason) => {
                event!(world, Refused, "{reason}");
                world.refused(&reason);
            }
        }
    }

    /// Checks what came of a submission of `bytes`, which was given up where there is no answer;
    /// `before` is for those that do not wait.
    async fn submitted<T: AsRef<[u8]>>(
        &self,
        bytes: &[u8],
        need: Room,
        before: Option<Before>,
        answer: Option<Result<Option<WriteTicket>, (Refusal, T)>>,
    ) {
        let world = &self.world;
        let ticket = match answer {
            None => return,
            Some(Err((refusal, back))) => {
                expect!(world, back.as_ref() == bytes, "a rejected write came back changed");
                return self.refused(refusal, need, before.as_ref());
            }
            Some(Ok(ticket)) => ticket,
        };
        match &ticket {
            Some(ticket) => world.accepted_at(ticket.positions(), bytes.to_vec()),
            None => world.accepted(bytes.to_vec()),
        }
        if let Some(before) = before {
            world.follow_wakes();
            // The writer may have been polled first, which makes room, or lets those in line go where
            // it merges entries. What is copied into the open block needs none.
            let made = self.handle.stats().written > before.written;
            let passes = before.passing && world.line.borrow().first().is_some();
            let fits = before.room.bytes + need.bytes <= world.limits.bytes && !passes;
            let right = (fits || made || need == Room::default()) && !before.closed;
            expect!(world, right, "{need:?} was accepted without room");
        }
        if let Some(ticket) = ticket {
            self.follow(ticket).await;
        }
    }

    /// What is done with a ticket is up to chance.
    async fn follow(&self, ticket: WriteTicket) {
        let world = &self.world;
        match world.below(6) {
            0 | 1 => {}
            2 => {
                // By then they may be written, and others stall.
                pause(world).await;
                let position = ticket.positions().end;
                for_flush(world, position, false, ticket.flushed()).await;
            }
            3 => for_ticket(world, ticket, Patience::random(world)).await,
            _ => {
                let watcher = Rc::clone(world);
                world.spawn(Kind::Watcher, async move {
                    for_ticket(&watcher, ticket, Patience::Endless).await;
                    let wakes = watcher.wakes();
                    expect!(watcher, wakes <= 1, "{wakes} wake-ups for one ticket");
                });
            }
        }
    }

    pub(super) async fn write(&self, waits: bool) {
        let (world, handle) = (&self.world, &self.handle);
        let bytes = world.bytes(world.len());
        let need = Room::of(bytes.len());
        let before = (!waits).then(|| self.before());
        event!(world, Write, "{} bytes, waits for room: {waits}", bytes.len());
        let chunk = world.chunk(&bytes);
        let way = if world.adapters { 1 + world.below(2) } else { world.below(3) };
        let answer = match (way, waits) {
            (0, false) => Some(handle.try_write_fire_and_forget(chunk).map(|()| None).map_err(tried)),
            (1, false) => Some(handle.sender().try_write(chunk).map(Some).map_err(tried)),
            (_, false) => Some(handle.try_write(chunk).map(Some).map_err(tried)),
            (0, true) => {
                let written = for_room(world, need, handle.write_fire_and_forget(chunk)).await;
                written.map(|written| written.map(|()| None).map_err(waited))
            }
            (way, true) => {
                let written = match way {
                    1 => for_room(world, need, handle.sender().write(chunk)).await,
                    _ => for_room(world, need, handle.write(chunk)).await,
                };
                written.map(|written| written.map(Some).map_err(waited))
            }
        };
        self.submitted(&bytes, need, before, answer).await;
    }

    pub(super) async fn write_all(&self) {
        let world = &self.world;
        let parts: Vec<_> = (0..world.below(4)).map(|_| world.bytes(world.len() / 2)).collect();
        let bytes = parts.concat();
        let items = parts.iter().filter(|part| !part.is_empty()).count();
        let need = Room { bytes: bytes.len(), items };
        event!(world, WriteAll, "{} bytes in {} parts", need.bytes, parts.len());
        let mut chunks: Vec<Bytes> = parts.iter().map(|part| world.chunk(part)).collect();
        let before = world.once_in(2).then(|| self.before());
        let answer = if before.is_some() {
            Some(self.handle.try_write_all(&mut chunks).map_err(tried))
        } else {
            let written = for_room(world, need, self.handle.write_all(&mut chunks)).await;
            written.map(|written| written.map_err(waited))
        };
        let answer =
            answer.map(|answer| answer.map(Some).map_err(|(refusal, back)| (refusal, back.concat())));
        let accepted = matches!(answer, Some(Ok(_)));
        self.submitted(&bytes, need, before, answer).await;
        let gone = !accepted || chunks.iter().all(Bytes::is_empty);
        expect!(world, gone, "accepted parts are still there");
    }

    pub(super) async fn write_prefix(&self) {
        let world = &self.world;
        let bytes = world.bytes(world.len() + world.below(10));
        let n = if world.once_in(9) { bytes.len() + 1 } else { world.below(bytes.len() + 1) };
        let config = HandoffBufferConfig::new(1 << 16).expect("a limit that is not zero");
        let mut buffer = HandoffBuffer::from_tail(BytesMut::from(&bytes[..]), config).expect("a short tail");
        // What is not in the buffer never gets as far as asking for room.
        let need = if n > bytes.len() { Room::default() } else { Room::of(n) };
        event!(world, WritePrefix, "{n} of {} bytes", bytes.len());
        let before = world.once_in(2).then(|| self.before());
        let result = if before.is_some() {
            Some(self.handle.try_write_prefix(&mut buffer, n))
        } else {
            in_line(world, need, true, self.handle.write_prefix(&mut buffer, n)).await
        };
        let gone = if matches!(result, Some(Ok(_))) { n } else { 0 };
        expect!(world, buffer.peek() == &bytes[gone..], "the read buffer does not hold what is left");
        if let Some(Err(WritePrefixError::OutOfBounds { requested, available })) = result {
            let right = (requested, available) == (n, bytes.len()) && n > bytes.len();
            return expect!(world, right, "{requested} of {available} are out of bounds");
        }
        let answer = result.map(|result| match result {
            Ok(ticket) => Ok(Some(ticket)),
            Err(WritePrefixError::Refused(error)) => Err((error.into(), &bytes[..need.bytes])),
            Err(error) => panic!("an unknown error: {error}"),
        });
        self.submitted(&bytes[..need.bytes], need, before, answer).await;
    }

    pub(super) async fn send_by_sink(&self) {
        let world = &self.world;
        event!(world, SinkItem, "asks to be ready");
        let mut sink = self.handle.clone().into_sink();
        let ready = poll_fn(|cx| Pin::new(&mut sink).poll_ready(cx));
        match for_turn(world, ready).await {
            Some(Ok(())) => {}
            Some(Err(error)) => return self.refused(waited(error).0, Room::default(), None),
            None => {
                // Its future is gone, and it is not: it may hold up nobody.
                let _ = Pin::new(&mut sink).poll_ready(&mut Context::from_waker(Waker::noop()));
                return world.keep(sink);
            }
        }
        pause(world).await;
        if world.once_in(4) {
            return world.keep(sink);
        }
        let bytes = world.bytes(world.len());
        match Pin::new(&mut sink).start_send(world.chunk(&bytes)) {
            Ok(()) => world.taken(&bytes),
            Err(error) => {
                let refused = Some(Err(waited(error)));
                self.submitted(&bytes, Room::of(bytes.len()), None, refused).await;
            }
        }
        if world.once_in(2) {
            world.keep(sink);
        }
    }

    pub(super) async fn write_by_copy(&self) {
        let world = &self.world;
        let bytes = world.bytes(world.len());
        event!(world, CopiedWrite, "{} bytes", bytes.len());
        let mut writer = self.handle.clone().into_writer();
        let cut = world.below(bytes.len() + 1);
        let parts = [IoSlice::new(&bytes[..cut]), IoSlice::new(&bytes[cut..])];
        let vectored = world.once_in(2);
        let write = poll_fn(|cx| match Pin::new(&mut writer) {
            writer if vectored => writer.poll_write_vectored(cx, &parts),
            writer => writer.poll_write(cx, &bytes),
        });
        let written = if bytes.is_empty() {
            for_room(world, Room::default(), write).await
        } else {
            for_turn(world, write).await
        };
        match written {
            Some(Ok(n)) => {
                let some = (n > 0) != bytes.is_empty() && n <= bytes.len();
                expect!(world, some, "{n} of {} were copied", bytes.len());
                world.taken(&bytes[..n]);
            }
            Some(Err(error)) => match error.get_ref().and_then(|error| error.downcast_ref()) {
                Some(reason) => world.refused(reason),
                None => world.fail(format!("an error without a reason: {error}")),
            },
            None => {
                let cx = &mut Context::from_waker(Waker::noop());
                if let Poll::Ready(Ok(n)) = Pin::new(&mut writer).poll_write(cx, &bytes) {
                    world.taken(&bytes[..n]);
                }
                world.keep(writer);
            }
        }
    }

    pub(super) async fn reserve(&self) {
        let world = &self.world;
        let bytes = world.len();
        let need = Room { bytes, items: 1 };
        event!(world, Permit, "for {bytes} bytes");
        let (permit, before) = if world.once_in(2) {
            let before = self.before();
            let available = self.handle.available();
            let permit = self.handle.try_reserve(bytes);
            // It may have polled the writer first, or merged what is offered to it at once.
            let merged = self.handle.pending_items() < before.pending_items;
            let made = merged || self.handle.stats().written > before.written;
            let room = before.room.items < world.limits.items && available > 0 && bytes <= available;
            let right = permit.is_ok() == room || bytes == 0 || made;
            expect!(world, right, "{available} are available, but of {bytes}: {}", permit.is_ok());
            (permit, Some(before))
        } else {
            // Nothing is carried: there are no bytes yet.
            let reserved = in_line(world, need, true, self.handle.reserve(bytes)).await;
            let Some(permit) = reserved else { return };
            (permit, None)
        };
        let permit = match permit {
            Ok(permit) => permit,
            Err(error) => return self.refused(error.into(), need, before.as_ref()),
        };
        let held = world.oracle.borrow().held.plus(need);
        world.oracle.borrow_mut().held = held;
        let held = on_drop(|| {
            let held = &mut world.oracle.borrow_mut().held;
            *held = held.minus(need);
        });
        pause(world).await;
        if world.once_in(3) {
            event!(world, PermitDrop, "for {bytes} bytes");
            return;
        }
        let len = if world.once_in(2) { bytes } else { world.below(bytes + 2) };
        let chunk = world.bytes(len);
        let sent = permit.send(world.chunk(&chunk));
        drop(held);
        match sent {
            Ok(ticket) => {
                expect!(world, len <= bytes, "{len} were sent on room for {bytes}");
                world.accepted_at(ticket.positions(), chunk);
                self.follow(ticket).await;
            }
            Err(error) => {
                let (refusal, back) = waited(error);
                expect!(world, *back == *chunk, "a rejected chunk came back changed");
                match refusal {
                    Refusal::Closed(reason) => world.refused(&reason),
                    _ => expect!(world, len > bytes, "{len} are above the {bytes} reserved"),
                }
            }
        }
    }
}
