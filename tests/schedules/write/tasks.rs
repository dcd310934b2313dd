//! Tasks whose every poll is chosen: an executor on one thread, producers inside of another task,
//! planned panics, and futures that are dropped.

use std::{
    cell::RefCell,
    future::poll_fn,
    mem,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    pin::Pin,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use super::world::{World, visit};
use crate::run::Planned;

pub(super) type Body = Pin<Box<dyn Future<Output = ()>>>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Writer,
    Producer,
    Watcher,
    Keeper,
}

thread_local! {
    /// The tasks that were woken, in order.
    static WOKEN: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

fn note_woken(task: usize) {
    WOKEN.with_borrow_mut(|woken| woken.push(task));
}

/// The tasks that were woken since this was last asked.
pub(super) fn take_woken() -> Vec<usize> {
    WOKEN.take()
}

#[derive(Default)]
pub(super) struct Tasks(Vec<Slot>);

struct Slot {
    kind: Kind,
    /// `None` once done or dropped.
    body: Option<Body>,
    flag: Arc<Flag>,
}

/// What a waker sets. The schedule polls tasks on its own, too.
struct Flag {
    id: usize,
    ready: AtomicBool,
}

impl Flag {
    fn new(id: usize) -> Arc<Self> {
        Arc::new(Self { id, ready: AtomicBool::new(true) })
    }
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.ready.store(true, Ordering::Relaxed);
        note_woken(self.id);
        visit();
    }
}

impl Tasks {
    /// Adds a task. Its number is never used again.
    pub(super) fn add(&mut self, kind: Kind, body: Body) {
        let id = self.reserve(kind);
        self.start(id, body);
    }

    /// A number for a task that is started later, or for a producer that is never a task by itself.
    pub(super) fn reserve(&mut self, kind: Kind) -> usize {
        let id = self.0.len();
        self.0.push(Slot { kind, body: None, flag: Flag::new(id) });
        id
    }

    pub(super) fn start(&mut self, id: usize, body: Body) {
        self.0[id].body = Some(body);
    }

    /// The tasks that were woken and not polled since.
    pub(super) fn ready(&self) -> Vec<usize> {
        let ready = |id: &usize| self.0[*id].flag.ready.load(Ordering::Relaxed);
        self.alive(|_| true).into_iter().filter(ready).collect()
    }

    /// The tasks that are neither done nor dropped.
    pub(super) fn alive(&self, mut which: impl FnMut(Kind) -> bool) -> Vec<usize> {
        let slots = self.0.iter().enumerate();
        slots.filter(|(_, slot)| slot.body.is_some() && which(slot.kind)).map(|(id, _)| id).collect()
    }

    pub(super) fn kind(&self, id: usize) -> Kind {
        self.0[id].kind
    }

    /// Polls a task, ready or not.
    pub(super) fn poll(&mut self, id: usize) {
        let slot = &mut self.0[id];
        slot.flag.ready.store(false, Ordering::Relaxed);
        let waker = Waker::from(Arc::clone(&slot.flag));
        let Some(body) = &mut slot.body else { return };
        if body.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
            slot.body = None;
        }
    }

    /// Gives a task another waker. Waking it by the one it had does nothing from then on, as for a
    /// future that has moved to another task; so it has to be polled next.
    pub(super) fn migrate(&mut self, id: usize) {
        self.0[id].flag = Flag::new(id);
    }

    /// Drops a task where it stands.
    pub(super) fn kill(&mut self, id: usize) {
        self.0[id].body = None;
    }
}

/// A producer inside of another task, with its own number and waker, which tell the producers
/// apart.
pub(super) struct Inside {
    world: Rc<World>,
    pub(super) id: usize,
    body: Body,
    bell: Option<Arc<Bell>>,
}

/// Records that the producer was woken, and wakes the task that polled it last.
struct Bell {
    id: usize,
    around: Waker,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        note_woken(self.id);
        self.around.wake_by_ref();
    }
}

impl Inside {
    pub(super) fn new(world: &Rc<World>, id: usize, body: Body) -> Self {
        Self { world: Rc::clone(world), id, body, bell: None }
    }
}

impl Future for Inside {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        // A new one for each waker that it is polled with.
        let known = this.bell.take().filter(|bell| bell.around.will_wake(cx.waker()));
        let bell = known.unwrap_or_else(|| Arc::new(Bell { id: this.id, around: cx.waker().clone() }));
        let waker = Waker::from(Arc::clone(this.bell.insert(bell)));
        let around = this.world.current.replace(this.id);
        let polled = this.body.as_mut().poll(&mut Context::from_waker(&waker));
        this.world.current.set(around);
        polled
    }
}

/// A future that panics at the end of one of its polls, after this many others, whatever the
/// result.
pub(super) async fn panicking<F: Future + Unpin>(mut future: F, mut polls_left: Option<usize>) -> F::Output {
    poll_fn(|cx| {
        let polled = Pin::new(&mut future).poll(cx);
        match &mut polls_left {
            // Without a message on the way: it is expected.
            Some(0) => resume_unwind(Box::new(Planned)),
            Some(left) => *left -= 1,
            None => {}
        }
        polled
    })
    .await
}

/// Polls what may panic as planned: then it is over, with `None`.
pub(super) fn contained<T>(poll: impl FnOnce() -> Poll<T>) -> Poll<Option<T>> {
    match catch_unwind(AssertUnwindSafe(poll)) {
        Ok(polled) => polled.map(Some),
        Err(panic) if panic.is::<Planned>() => Poll::Ready(None),
        Err(panic) => resume_unwind(panic),
    }
}

/// Yields to other tasks.
pub(super) async fn let_others_run() {
    let mut asked = false;
    poll_fn(|cx| {
        if mem::replace(&mut asked, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Yields several times.
pub(super) async fn pause(world: &World) {
    for _ in 0..world.below(4) {
        let_others_run().await;
    }
}

/// When a future is dropped that has not completed.
#[derive(Debug, Clone, Copy)]
pub(super) enum Patience {
    Endless,
    /// Instead of polling it again after this many polls, ready or not.
    Before(usize),
    /// As soon as this many polls have been pending.
    After(usize),
}

impl Patience {
    pub(super) fn random(world: &World) -> Self {
        match world.below(6) {
            4 => Self::Before(1 + world.below(3)),
            5 => Self::After(1 + world.below(3)),
            _ => Self::Endless,
        }
    }

    /// Polls until `poll` has an answer, or there is no more patience: then `None`.
    pub(super) async fn wait<T>(
        self,
        world: &World,
        mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Option<T> {
        let mut polls = 0;
        poll_fn(|cx| {
            if matches!(self, Self::Before(most) if polls >= most) {
                event!(world, Cancel, "before poll {}", polls + 1);
                return Poll::Ready(None);
            }
            polls += 1;
            match poll(cx) {
                Poll::Ready(answer) => Poll::Ready(Some(answer)),
                Poll::Pending if matches!(self, Self::After(most) if polls >= most) => {
                    event!(world, Cancel, "after poll {polls}");
                    Poll::Ready(None)
                }
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    }

    /// As [`wait`](Self::wait), for an answer that the task is woken for once, and for nothing
    /// else.
    pub(super) async fn wait_once<F: Future + Unpin>(
        self,
        world: &World,
        future: &mut F,
    ) -> Option<F::Output> {
        let mut asleep_since = None;
        self.wait(world, |cx| {
            let woken = asleep_since.map_or(0, |since| world.wakes() - since);
            let polled = Pin::new(&mut *future).poll(cx);
            let right = woken == 0 || woken == 1 && polled.is_ready();
            expect!(world, right, "woken {woken} times, ready: {}", polled.is_ready());
            asleep_since = Some(world.wakes());
            polled
        })
        .await
    }
}
