//! A producer in the task of somebody else.

use std::{
    pin::Pin,
    rc::Rc,
    sync::{Arc, PoisonError},
    task::{Context, Poll, Wake, Waker},
};

use super::{
    tasks::{Body, Woken},
    world::World,
};

/// A producer with a number and a waker of its own, whichever task polls it: who waits for room, and who is woken for it,
/// is told by these.
pub(super) struct Inside {
    world: Rc<World>,
    id: usize,
    body: Body,
    bell: Option<Arc<Bell>>,
}

/// Tells that the producer was woken, and wakes the task that polled it last.
struct Bell {
    id: usize,
    woken: Woken,
    around: Waker,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.lock().unwrap_or_else(PoisonError::into_inner).push(self.id);
        self.around.wake_by_ref();
    }
}

impl Inside {
    pub(super) fn new(world: &Rc<World>, id: usize, body: Body) -> Self {
        Self { world: Rc::clone(world), id, body, bell: None }
    }

    pub(super) fn id(&self) -> usize {
        self.id
    }

    /// Another one for each waker that it is polled with.
    fn waker(&mut self, around: &Waker) -> Waker {
        let known = self.bell.take().filter(|bell| bell.around.will_wake(around));
        let new = || Arc::new(Bell { id: self.id, woken: self.world.woken(), around: around.clone() });
        Waker::from(Arc::clone(self.bell.insert(known.unwrap_or_else(new))))
    }
}

impl Future for Inside {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        let waker = this.waker(cx.waker());
        let around = this.world.current.replace(this.id);
        let polled = this.body.as_mut().poll(&mut Context::from_waker(&waker));
        this.world.current.set(around);
        polled
    }
}
