//! What a producer submits, and the results that it must get.

use std::{
    future::poll_fn,
    io::IoSlice,
    ops::Range,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};

use bytes::{Bytes, BytesMut};
use futures_handoff::{Accepted, HandoffBuffer, HandoffBufferConfig, RejectReason, WriteError, WriteTicket};
use futures_util::{AsyncWrite, Sink};

use super::{
    oracle::Room,
    produce::{for_flush, for_ticket},
    room::{Held, Send, for_room, for_turn, in_line, use_permit},
    tasks::{Kind, Patience, pause},
    world::{Handle, World},
};

/// The state in which a submission that does not wait was decided on.
struct Before {
    room: Room,
    closed: bool,
    passing: bool,
    pending_items: usize,
    written: u64,
}

/// The report of an accepted write.
enum Told {
    Nothing,
    Positions(Range<u64>),
    Ticket(WriteTicket),
}

/// A refusal, and what it hands back.
pub(super) type Refused<T> = (RejectReason, T);

pub(super) fn refused(error: WriteError) -> Refused<Bytes> {
    (error.reason().clone(), error.into_bytes())
}

/// Converts the result of a submission whose bytes stay with the caller.
fn told<T>(world: &World, answer: Result<Accepted<'_>, RejectReason>, back: T) -> Result<Told, Refused<T>> {
    let accepted = answer.map_err(|reason| (reason, back))?;
    let positions = accepted.positions();
    if world.once_in(4) {
        return Ok(Told::Positions(positions));
    }
    let ticket = accepted.ticket();
    expect!(world, ticket.positions() == positions, "{:?} is not {positions:?}", ticket.positions());
    Ok(Told::Ticket(ticket))
}

/// The use of a ticket is chosen at random.
pub(super) async fn follow(world: &Rc<World>, ticket: WriteTicket) {
    match world.below(6) {
        0 | 1 => {}
        2 => {
            // By then they may be written, and later ones stall.
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
        let pending_items = handle.stats().pending_items;
        let room = Room { bytes: handle.pending_bytes(), items: pending_items };
        let room = room.plus(world.line.borrow().granted()).plus(world.oracle.borrow().held);
        let passing = world.line.borrow().first().is_some();
        let written = handle.stats().written;
        Before { room, closed: handle.is_closed(), passing, pending_items, written }
    }

    /// Checks a refusal against what was asked for; `before` is for those that do not wait.
    fn refused(&self, reason: RejectReason, need: Room, before: Option<&Before>) {
        let (world, limits) = (&self.world, self.world.limits);
        match reason {
            RejectReason::Full { writer_pending } => {
                event!(world, Full, "{need:?}");
                let is_pending = self.handle.stats().pending_polls > 0;
                expect!(
                    world,
                    writer_pending == is_pending,
                    "the writer is pending: {is_pending}, but the error says {writer_pending}"
                );
                let behind = need.bytes == 0 && world.keeps_adapters();
                let full = before
                    .is_some_and(|before| behind || before.passing || !before.room.plus(need).fits(limits));
                expect!(world, full && need != Room::default(), "no room for {need:?}");
            }
            RejectReason::TooLarge { len, limit } => {
                event!(world, TooLarge, "{len} for {limit}");
                let right = (len, limit) == (need.bytes, limits.bytes) && len > limit;
                expect!(world, right, "{need:?} is too large: {len} for {limit}");
            }
            RejectReason::TooManyChunks { chunks, limit } => {
                event!(world, TooManyChunks, "{chunks} for {limit}");
                let right = (chunks, limit) == (need.items, limits.items) && chunks > limit;
                let right = right && need.bytes <= limits.bytes;
                expect!(world, right, "{need:?} is in too many chunks: {chunks} for {limit}");
            }
            RejectReason::Closed(reason) => {
                event!(world, Refused, "{reason}");
                world.refused(&reason);
            }
            reason => world.fail(format!("{need:?} was refused: {reason}")),
        }
    }

    /// Checks what came of a submission of `bytes`, which was given up where there is no answer;
    /// `before` is for those that do not wait.
    async fn submitted<T: AsRef<[u8]>>(
        &self,
        bytes: &[u8],
        need: Room,
        before: Option<Before>,
        answer: Option<Result<Told, Refused<T>>>,
    ) {
        let world = &self.world;
        let told = match answer {
            None => return,
            Some(Err((reason, back))) => {
                expect!(world, back.as_ref() == bytes, "a rejected write came back changed");
                return self.refused(reason, need, before.as_ref());
            }
            Some(Ok(told)) => told,
        };
        match &told {
            Told::Nothing => world.accepted(bytes.to_vec()),
            Told::Positions(positions) => world.accepted_at(positions.clone(), bytes.to_vec()),
            Told::Ticket(ticket) => world.accepted_at(ticket.positions(), bytes.to_vec()),
        }
        if let Some(before) = before {
            world.follow_wakes();
            // The writer may have been polled first, which makes room, or lets those in line go
            // where it merges entries. What is copied into the open block needs none.
            let made = self.handle.stats().written > before.written;
            let passes = before.passing && world.line.borrow().first().is_some();
            let fits = before.room.bytes + need.bytes <= world.limits.bytes && !passes;
            let right = (fits || made || need == Room::default()) && !before.closed;
            expect!(world, right, "{need:?} was accepted without room");
        }
        if let Told::Ticket(ticket) = told {
            follow(world, ticket).await;
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
            (0, false) => Some(handle.try_write_fire_and_forget(chunk).map(|()| Told::Nothing)),
            (1, false) => Some(handle.sender().try_write(chunk).map(Told::Ticket)),
            (_, false) => Some(handle.try_write(chunk).map(Told::Ticket)),
            (0, true) => {
                let written = for_room(world, need, handle.write_fire_and_forget(chunk)).await;
                written.map(|written| written.map(|()| Told::Nothing))
            }
            (way, true) => {
                let written = match way {
                    1 => for_room(world, need, handle.sender().write(chunk)).await,
                    _ => for_room(world, need, handle.write(chunk)).await,
                };
                written.map(|written| written.map(Told::Ticket))
            }
        };
        let answer = answer.map(|answer| answer.map_err(refused));
        self.submitted(&bytes, need, before, answer).await;
    }

    pub(super) async fn write_slice(&self) {
        let world = &self.world;
        let bytes = world.bytes(world.len());
        let need = Room::of(bytes.len());
        event!(world, WriteSlice, "{} bytes", bytes.len());
        let before = world.once_in(2).then(|| self.before());
        let sender = world.once_in(3).then(|| self.handle.sender());
        // Nothing is carried: the bytes stay with the caller.
        let answer = match (&sender, before.is_some()) {
            (None, true) => Some(self.handle.try_write_slice(&bytes)),
            (Some(sender), true) => Some(sender.try_write_slice(&bytes)),
            (None, false) => in_line(world, need, true, self.handle.write_slice(&bytes)).await,
            (Some(sender), false) => in_line(world, need, true, sender.write_slice(&bytes)).await,
        };
        let answer = answer.map(|answer| told(world, answer, &bytes));
        self.submitted(&bytes, need, before, answer).await;
    }

    pub(super) async fn write_chunks(&self) {
        let world = &self.world;
        let parts: Vec<_> = (0..world.below(4)).map(|_| world.bytes(world.len() / 2)).collect();
        let bytes = parts.concat();
        let items = parts.iter().filter(|part| !part.is_empty()).count();
        let need = Room { bytes: bytes.len(), items };
        event!(world, WriteChunks, "{} bytes in {} parts", need.bytes, parts.len());
        let mut chunks: Vec<Bytes> = parts.iter().map(|part| world.chunk(part)).collect();
        let before = world.once_in(2).then(|| self.before());
        let answer = if before.is_some() {
            Some(self.handle.try_write_chunks(&mut chunks))
        } else {
            for_room(world, need, self.handle.write_chunks(&mut chunks)).await
        };
        let accepted = matches!(answer, Some(Ok(_)));
        if accepted {
            expect!(world, chunks.iter().all(Bytes::is_empty), "accepted chunks are still there");
        } else {
            expect!(world, chunks == parts, "chunks that were not accepted are changed");
        }
        let answer = answer.map(|answer| told(world, answer, chunks.concat()));
        drop(chunks);
        self.submitted(&bytes, need, before, answer).await;
    }

    pub(super) async fn write_prefix(&self) {
        let world = &self.world;
        let bytes = world.bytes(world.len() + world.below(10));
        let n = if world.once_in(9) { bytes.len() + 1 } else { world.below(bytes.len() + 1) };
        let config = HandoffBufferConfig::new(1 << 16);
        let mut buffer = HandoffBuffer::from_tail(BytesMut::from(&bytes[..]), config).expect("a short tail");
        // A prefix that is not in the buffer never asks for room.
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
        if let Some(Err(RejectReason::OutOfBounds { requested, available })) = result {
            let right = (requested, available) == (n, bytes.len()) && n > bytes.len();
            return expect!(world, right, "{requested} of {available} are out of bounds");
        }
        let answer = result.map(|result| told(world, result, &bytes[..need.bytes]));
        self.submitted(&bytes[..need.bytes], need, before, answer).await;
    }

    pub(super) async fn send_by_sink(&self) {
        let world = &self.world;
        event!(world, SinkItem, "asks to be ready");
        let mut sink = self.handle.clone().into_sink();
        let ready = poll_fn(|cx| Pin::new(&mut sink).poll_ready(cx));
        match for_turn(world, ready).await {
            Some(Ok(())) => {}
            Some(Err(error)) => return self.refused(refused(error).0, Room::default(), None),
            None => {
                // Its future is dropped, and the adapter is kept: it must not delay any producer.
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
                let refused = Some(Err(refused(error)));
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
            // It may have polled the writer first, or merged the offered bytes at once.
            let merged = self.handle.stats().pending_items < before.pending_items;
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
            Err(reason) => return self.refused(reason, need, before.as_ref()),
        };
        let held = Held::new(world, need);
        if world.below(3) < 2 {
            let send: Send<'_> = Box::new(|chunk| permit.send(chunk).map(Accepted::ticket));
            return use_permit(held, send).await;
        }
        event!(world, PermitOwned, "for {bytes} bytes");
        let owned = permit.into_owned();
        let send: Send<'static> = Box::new(|chunk| owned.send(chunk));
        if world.once_in(2) {
            return use_permit(held, send).await;
        }
        world.spawn(Kind::Producer, use_permit(held, send));
    }
}
