//! An executor on one thread whose every choice is made from outside.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use super::world::visit;

pub(super) type Body = Pin<Box<dyn Future<Output = ()>>>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Writer,
    Producer,
    Watcher,
    Keeper,
}

/// The tasks that were woken, in order, since this was last looked at.
pub(super) type Woken = Arc<Mutex<Vec<usize>>>;

pub(super) struct Tasks {
    slots: Vec<Slot>,
    woken: Woken,
}

struct Slot {
    kind: Kind,
    /// `None` once done or dropped.
    body: Option<Body>,
    flag: Arc<Flag>,
}

/// What a waker sets. Not to be confused with a poll that the schedule makes on its own.
struct Flag {
    id: usize,
    ready: AtomicBool,
    woken: Woken,
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ready.store(true, Ordering::Relaxed);
        self.woken.lock().unwrap_or_else(PoisonError::into_inner).push(self.id);
        visit();
    }
}

impl Tasks {
    pub(super) fn new() -> Self {
        Self { slots: Vec::new(), woken: Woken::default() }
    }

    pub(super) fn woken(&self) -> Woken {
        Arc::clone(&self.woken)
    }

    fn flag(&self, id: usize) -> Arc<Flag> {
        Arc::new(Flag { id, ready: AtomicBool::new(true), woken: self.woken() })
    }

    /// Adds a task. Its number is never used again.
    pub(super) fn add(&mut self, kind: Kind, body: Body) {
        let id = self.reserve(kind);
        self.start(id, body);
    }

    /// A number for a task that is started later, or for something that is never a task by itself.
    pub(super) fn reserve(&mut self, kind: Kind) -> usize {
        let id = self.slots.len();
        self.slots.push(Slot { kind, body: None, flag: self.flag(id) });
        id
    }

    pub(super) fn start(&mut self, id: usize, body: Body) {
        self.slots[id].body = Some(body);
    }

    /// The tasks that were woken and not polled since.
    pub(super) fn ready(&self) -> Vec<usize> {
        let ready = |id: &usize| self.slots[*id].flag.ready.load(Ordering::Relaxed);
        self.alive(|_| true).into_iter().filter(ready).collect()
    }

    /// The tasks that are neither done nor dropped.
    pub(super) fn alive(&self, mut which: impl FnMut(Kind) -> bool) -> Vec<usize> {
        let slots = self.slots.iter().enumerate();
        slots.filter(|(_, slot)| slot.body.is_some() && which(slot.kind)).map(|(id, _)| id).collect()
    }

    pub(super) fn kind(&self, id: usize) -> Kind {
        self.slots[id].kind
    }

    /// Polls a task, be it ready or not.
    pub(super) fn poll(&mut self, id: usize) {
        let slot = &mut self.slots[id];
        slot.flag.ready.store(false, Ordering::Relaxed);
        let waker = Waker::from(Arc::clone(&slot.flag));
        let Some(body) = &mut slot.body else { return };
        if let Poll::Ready(()) = body.as_mut().poll(&mut Context::from_waker(&waker)) {
            slot.body = None;
        }
    }

    /// Gives a task another waker. Waking it by the one it had does nothing from then on, as for a future that has moved to
    /// another task; so it has to be polled next.
    pub(super) fn migrate(&mut self, id: usize) {
        self.slots[id].flag = self.flag(id);
    }

    /// Drops a task where it stands.
    pub(super) fn kill(&mut self, id: usize) {
        self.slots[id].body = None;
    }
}
