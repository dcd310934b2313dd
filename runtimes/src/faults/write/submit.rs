//! What a producer submits, and what it must be told.

use std::{
    future::poll_fn,
    io::IoSlice,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};

use bytes::{Bytes, BytesMut};
use futures_handoff::{
    CloseReason, HandoffBuffer, HandoffBufferConfig, PermitError, TryWriteError, WriteError, WriteHandoff,
    WritePrefixError, WriteTicket,
};
use futures_util::{AsyncWrite, Sink};

use super::{
    device::FaultyWriter,
    line::Room,
    tasks::Kind,
    waiting::{Patience, for_room, for_ticket, for_turn},
    world::World,
};
use crate::faults::event::Event;

pub(super) type Handle = WriteHandoff<FaultyWriter>;

/// The state in which a submission that does not wait was decided on.
pub(super) struct Before {
    room: Room,
    closed: bool,
    passing: bool,
    written: u64,
}

impl Before {
    pub(super) fn new(world: &World, handle: &Handle) -> Self {
        world.settle(None);
        world.follow_wakes();
        let mut room = Room { bytes: handle.pending_bytes(), items: handle.pending_items() };
        room += world.line.borrow().granted();
        room += world.oracle.borrow().held;
        let passing = world.line.borrow().first().is_some();
        Self { room, closed: handle.is_closed(), passing, written: handle.stats().written }
    }

    fn has_bytes(&self, world: &World, need: Room) -> bool {
        self.room.bytes + need.bytes <= world.config.max_pending_bytes()
    }

    fn has_items(&self, world: &World, need: Room) -> bool {
        self.room.items + need.items <= world.config.max_items()
    }
}

/// Why a write was not accepted, whatever the error.
pub(super) enum Refusal {
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

pub(super) fn room_of(len: usize) -> Room {
    Room { bytes: len, items: usize::from(len > 0) }
}

pub(super) struct Submitter {
    pub(super) world: Rc<World>,
    pub(super) handle: Handle,
}

impl Submitter {
    /// Checks a refusal against what was asked for; `before` is for those that do not wait.
    pub(super) fn refused(&self, refusal: Refusal, need: Room, before: Option<&Before>) {
        let world = &self.world;
        let (budget, items) = (world.config.max_pending_bytes(), world.config.max_items());
        match refusal {
            Refusal::Full => {
                world.event(Event::Full, || format!("{need:?}"));
                let behind = need.bytes == 0 && world.keeps_adapters();
                let full = before.is_some_and(|before| {
                    behind
                        || before.passing
                        || !before.has_bytes(world, need)
                        || !before.has_items(world, need)
                });
                world.expect(full && need != Room::default(), || format!("no room for {need:?}"));
            }
            Refusal::TooLarge { len, limit } => {
                world.event(Event::TooLarge, || format!("{len} for {limit}"));
                let above = if need.bytes > budget { (need.bytes, budget) } else { (need.items, items) };
                world.expect((len, limit) == above && len > limit, || {
                    format!("{need:?} is too large: {len} for {limit}")
                });
            }
            Refusal::Closed(reason) => {
                world.event(Event::Refused, || reason.to_string());
                world.refused(&reason);
            }
        }
    }

    fn rejected(&self, refusal: Refusal, need: Room, before: Option<&Before>, back: &[u8], bytes: &[u8]) {
        self.world.expect(back == bytes, || "a rejected write came back changed".into());
        self.refused(refusal, need, before);
    }

    fn may_try(&self, before: &Before, need: Room) {
        let fits = before.has_bytes(&self.world, need) && !before.passing || need == Room::default();
        // It may have polled the writer first, to make room.
        let made = self.handle.stats().written > before.written;
        self.world.expect((fits || made) && !before.closed, || format!("{need:?} was accepted without room"));
    }

    /// The bytes of a ticket are accepted. What is done with it is up to chance.
    async fn ticket(&self, ticket: WriteTicket, bytes: Vec<u8>) {
        self.world.accepted_at(ticket.positions(), bytes);
        self.follow(ticket).await;
    }

    pub(super) async fn follow(&self, ticket: WriteTicket) {
        let world = &self.world;
        match world.below(6) {
            0 | 1 => {}
            2 => {
                // By then they may be written, and others stall.
                pause(world).await;
                let position = ticket.positions().end;
                super::waiting::for_flush(world, position, false, ticket.flushed()).await;
            }
            3 => for_ticket(world, ticket, Patience::random(world)).await,
            _ => {
                let watcher = Rc::clone(world);
                world.spawn(Kind::Watcher, async move {
                    for_ticket(&watcher, ticket, Patience::Endless).await;
                    let wakes = watcher.wakes();
                    watcher.expect(wakes <= 1, || format!("{wakes} wake-ups for one ticket"));
                });
            }
        }
    }

    pub(super) async fn try_write(&self) {
        let bytes = self.world.bytes(self.world.len());
        let (before, need) = (Before::new(&self.world, &self.handle), room_of(bytes.len()));
        self.world.event(Event::Write, || format!("{} bytes, or nothing", bytes.len()));
        let chunk = self.world.chunk(&bytes);
        let result = match self.world.below(3) {
            0 if !self.world.adapters => self.handle.try_write_fire_and_forget(chunk).map(|()| None),
            1 => self.handle.sender().try_write(chunk).map(Some),
            _ => self.handle.try_write(chunk).map(Some),
        };
        match result {
            Ok(accepted) => {
                self.may_try(&before, need);
                match accepted {
                    Some(ticket) => self.ticket(ticket, bytes).await,
                    None => self.world.accepted(bytes),
                }
            }
            Err(error) => {
                let (refusal, back) = tried(error);
                self.rejected(refusal, need, Some(&before), &back, &bytes);
            }
        }
    }

    pub(super) async fn write(&self) {
        let bytes = self.world.bytes(self.world.len());
        let (world, need) = (&self.world, room_of(bytes.len()));
        world.event(Event::Write, || format!("{} bytes", bytes.len()));
        let chunk = world.chunk(&bytes);
        let carried = world.carry(bytes.len());
        let result = match world.below(3) {
            0 if !world.adapters => {
                let waited = for_room(world, need, self.handle.write_fire_and_forget(chunk)).await;
                waited.map(|result| result.map(|()| None))
            }
            1 => {
                let sender = self.handle.sender();
                for_room(world, need, sender.write(chunk)).await.map(|result| result.map(Some))
            }
            _ => for_room(world, need, self.handle.write(chunk)).await.map(|result| result.map(Some)),
        };
        drop(carried);
        match result {
            Some(Ok(Some(ticket))) => self.ticket(ticket, bytes).await,
            Some(Ok(None)) => world.accepted(bytes),
            Some(Err(error)) => {
                let (refusal, back) = waited(error);
                self.rejected(refusal, need, None, &back, &bytes);
            }
            None => {}
        }
    }

    pub(super) async fn write_all(&self) {
        let world = &self.world;
        let parts: Vec<_> = (0..world.below(4)).map(|_| world.bytes(world.len() / 2)).collect();
        let bytes = parts.concat();
        let items = parts.iter().filter(|part| !part.is_empty()).count();
        let need = Room { bytes: bytes.len(), items };
        world.event(Event::WriteAll, || format!("{} bytes in {} parts", need.bytes, parts.len()));
        let mut chunks: Vec<Bytes> = parts.iter().map(|part| world.chunk(part)).collect();
        let result = if world.once_in(2) {
            let before = Before::new(world, &self.handle);
            let result = self.handle.try_write_all(&mut chunks).map_err(tried);
            result.map_err(|(refusal, back)| (refusal, back.concat(), Some(before)))
        } else {
            let carried = world.carry(bytes.len());
            let Some(result) = for_room(world, need, self.handle.write_all(&mut chunks)).await else {
                return;
            };
            drop(carried);
            result.map_err(waited).map_err(|(refusal, back)| (refusal, back.concat(), None))
        };
        match result {
            Ok(ticket) => {
                self.ticket(ticket, bytes).await;
                world.expect(chunks.iter().all(Bytes::is_empty), || "accepted parts are still there".into());
            }
            Err((refusal, back, before)) => {
                self.rejected(refusal, need, before.as_ref(), &back, &bytes);
            }
        }
    }

    pub(super) async fn write_prefix(&self) {
        let world = &self.world;
        let bytes = world.bytes(world.len() + world.below(10));
        let n = if world.once_in(9) { bytes.len() + 1 } else { world.below(bytes.len() + 1) };
        let config = HandoffBufferConfig::new(1 << 16).expect("a limit that is not zero");
        let mut buffer = HandoffBuffer::from_tail(BytesMut::from(&bytes[..]), config).expect("a short tail");
        // What is not in the buffer never gets as far as asking for room.
        let need = if n > bytes.len() { Room::default() } else { room_of(n) };
        world.event(Event::WritePrefix, || format!("{n} of {} bytes", bytes.len()));
        let (result, before) = if world.once_in(2) {
            let before = Before::new(world, &self.handle);
            (Some(self.handle.try_write_prefix(&mut buffer, n)), Some(before))
        } else {
            (for_room(world, need, self.handle.write_prefix(&mut buffer, n)).await, None)
        };
        let gone = if matches!(result, Some(Ok(_))) { n } else { 0 };
        world.expect(buffer.peek() == &bytes[gone..], || "the read buffer does not hold what is left".into());
        match result {
            Some(Ok(ticket)) => self.ticket(ticket, bytes[..n].to_vec()).await,
            Some(Err(WritePrefixError::Refused(error))) => self.refused(error.into(), need, before.as_ref()),
            Some(Err(error)) => world.expect(n > bytes.len(), || format!("{n} of {}: {error}", bytes.len())),
            None => {}
        }
    }

    pub(super) async fn send_by_sink(&self) {
        let world = &self.world;
        world.event(Event::SinkItem, || "asks to be ready".into());
        let mut sink = self.handle.clone().into_sink();
        let ready = poll_fn(|cx| Pin::new(&mut sink).poll_ready(cx));
        match for_turn(world, ready).await {
            Some(Ok(())) => {}
            Some(Err(error)) => return self.refused(waited(error).0, Room::default(), None),
            None => {
                // Its future is gone, and it is not: it may hold up nobody.
                let cx = &mut Context::from_waker(Waker::noop());
                let _ = Pin::new(&mut sink).poll_ready(cx);
                return world.keep(sink);
            }
        }
        pause(world).await;
        if world.once_in(4) {
            return world.keep(sink);
        }
        let bytes = world.bytes(world.len());
        let result = Pin::new(&mut sink).start_send(world.chunk(&bytes));
        match result {
            Ok(()) => world.taken(bytes),
            Err(error) => {
                let (refusal, back) = waited(error);
                self.rejected(refusal, room_of(bytes.len()), None, &back, &bytes);
            }
        }
        if world.once_in(2) {
            world.keep(sink);
        }
    }

    pub(super) async fn write_by_copy(&self) {
        let world = &self.world;
        let bytes = world.bytes(world.len());
        world.event(Event::CopiedWrite, || format!("{} bytes", bytes.len()));
        let mut writer = self.handle.clone().into_writer();
        let cut = world.below(bytes.len() + 1);
        let parts = [IoSlice::new(&bytes[..cut]), IoSlice::new(&bytes[cut..])];
        let vectored = world.once_in(2);
        let write = poll_fn(|cx| match Pin::new(&mut writer) {
            writer if vectored => writer.poll_write_vectored(cx, &parts),
            writer => writer.poll_write(cx, &bytes),
        });
        let waited = if bytes.is_empty() {
            for_room(world, Room::default(), write).await
        } else {
            for_turn(world, write).await
        };
        match waited {
            Some(Ok(n)) => {
                world.expect((n > 0) != bytes.is_empty() && n <= bytes.len(), || {
                    format!("{n} of {} were copied", bytes.len())
                });
                world.taken(bytes[..n].to_vec());
            }
            Some(Err(error)) => match error.get_ref().and_then(|error| error.downcast_ref()) {
                Some(reason) => world.refused(reason),
                None => world.fail(format!("an error without a reason: {error}")),
            },
            None => {
                let cx = &mut Context::from_waker(Waker::noop());
                if let Poll::Ready(Ok(n)) = Pin::new(&mut writer).poll_write(cx, &bytes) {
                    world.taken(bytes[..n].to_vec());
                }
                world.keep(writer);
            }
        }
    }

    pub(super) async fn reserve(&self) {
        let world = &self.world;
        let bytes = world.len();
        let need = Room { bytes, items: 1 };
        world.event(Event::Permit, || format!("for {bytes} bytes"));
        let permit = if world.once_in(2) {
            let before = Before::new(world, &self.handle);
            let available = self.handle.available();
            let permit = self.handle.try_reserve(bytes);
            let made = self.handle.stats().written > before.written;
            let entry = before.has_items(world, need);
            let room = entry && available > 0 && bytes <= available;
            world.expect(permit.is_ok() == room || bytes == 0 || made, || {
                format!("{available} are available, but of {bytes}: {}", permit.is_ok())
            });
            permit.map_err(|error| (error, Some(before)))
        } else {
            let Some(permit) = for_room(world, need, self.handle.reserve(bytes)).await else { return };
            permit.map_err(|error| (error, None))
        };
        let permit = match permit {
            Ok(permit) => permit,
            Err((error, before)) => return self.refused(error.into(), need, before.as_ref()),
        };
        let held = world.hold(need);
        pause(world).await;
        if world.once_in(3) {
            world.event(Event::PermitDrop, || format!("for {bytes} bytes"));
            return;
        }
        let len = if world.once_in(2) { bytes } else { world.below(bytes + 2) };
        let chunk = world.bytes(len);
        let sent = permit.send(world.chunk(&chunk));
        drop(held);
        match sent {
            Ok(ticket) => {
                world.expect(len <= bytes, || format!("{len} were sent on room for {bytes}"));
                self.ticket(ticket, chunk).await;
            }
            Err(error) => {
                let (refusal, back) = waited(error);
                world.expect(*back == *chunk, || "a rejected chunk came back changed".into());
                match refusal {
                    Refusal::Closed(reason) => world.refused(&reason),
                    _ => world.expect(len > bytes, || format!("{len} are above the {bytes} reserved")),
                }
            }
        }
    }
}

/// Lets others run, some times over.
pub(super) async fn pause(world: &World) {
    for _ in 0..world.below(4) {
        let mut paused = false;
        poll_fn(|cx| {
            if std::mem::replace(&mut paused, true) {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }
}
