//! Cancels a future at every await point that it has: a scenario is run once to count the polls,
//! and then once for each number of them after which the future is dropped.

use std::{
    fmt,
    future::Future,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    thread,
};

/// When a future is polled again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// When it was woken, as an executor does.
    Woken,
    /// After each step of the other parts, woken or not.
    Eager,
    /// When it was woken, each time with another waker: it moves from task to task.
    Moving,
}

impl Manner {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Woken, Self::Eager, Self::Moving];
}

/// One run of a scenario: how long its future is polled.
pub struct Cut {
    manner: Manner,
    /// The future is dropped after this many polls; `None` if never.
    after: Option<usize>,
    /// `None` before the future was run.
    polls: Option<usize>,
}

/// Whether the waker was woken.
#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Cut {
    fn new(manner: Manner, after: Option<usize>) -> Self {
        Self { manner, after, polls: None }
    }

    /// A run in which nothing is dropped.
    pub fn whole() -> Self {
        Self::new(Manner::Woken, None)
    }

    /// Polls `future` for this run, and drops it. `stir` makes a step of the other parts and
    /// returns whether there was one. The result is `None` if the future was dropped before it
    /// completed.
    ///
    /// # Panics
    ///
    /// If the future waits and no step is left: a wake-up was lost. If this is called twice.
    pub fn run<F: Future>(&mut self, future: F, mut stir: impl FnMut() -> bool) -> Option<F::Output> {
        assert!(self.polls.is_none(), "a scenario has one future");
        let mut future = pin!(future);
        let mut woken = Arc::<Woken>::default();
        let (mut polls, mut due) = (0, true);
        let output = loop {
            if due {
                if self.after == Some(polls) {
                    break None;
                }
                if self.manner == Manner::Moving {
                    woken = Arc::default();
                }
                woken.0.store(false, Ordering::Relaxed);
                polls += 1;
                let waker = Waker::from(Arc::clone(&woken));
                if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                    break Some(output);
                }
            }
            // Dropped at once, and not when it would be polled again.
            if self.after == Some(polls) {
                break None;
            }
            let moved = stir();
            let is_woken = woken.0.load(Ordering::Relaxed);
            assert!(moved || is_woken, "after {polls} polls it waits for nothing");
            due = is_woken || self.manner == Manner::Eager;
        };
        self.polls = Some(polls);
        output
    }
}

impl fmt::Debug for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cut")
            .field("manner", &self.manner)
            .field("after", &self.after)
            .finish_non_exhaustive()
    }
}

impl Drop for Cut {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("it was {self:?}");
        }
    }
}

/// Runs `scenario` with a future that is polled until it is done, and then with one that is dropped
/// after each smaller number of polls, 0 included, in each [`Manner`]. Returns the greatest number
/// of polls that it took.
///
/// # Panics
///
/// With the panic of `scenario`, which checks the state afterwards. If it polls no future, or its
/// futures take different numbers of polls.
pub fn at_every_poll(mut scenario: impl FnMut(&mut Cut)) -> usize {
    let mut most = 0;
    for manner in Manner::ALL {
        let mut whole = Cut::new(manner, None);
        scenario(&mut whole);
        let polls = whole.polls.expect("the scenario runs its future");
        for after in 0..polls {
            let mut cut = Cut::new(manner, Some(after));
            scenario(&mut cut);
            assert_eq!(cut.polls, Some(after), "the scenario is not the same each time, {cut:?}");
        }
        most = most.max(polls);
    }
    most
}
