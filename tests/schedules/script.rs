//! The choices of a schedule, a list of numbers, and its log.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    sync::{Arc, Mutex, PoisonError},
    vec,
};

use fastrand::Rng;

/// Something happened: `event!(script, Event, "with {} bytes", len)`.
macro_rules! event {
    ($script:expr, $event:ident $(, $($detail:tt)+)?) => {
        $script.event($crate::script::Event::$event, || String::new() $(+ &format!($($detail)+))?)
    };
}

/// Logs a line.
macro_rules! trace {
    ($script:expr, $($line:tt)+) => { $script.line(|| format!($($line)+)) };
}

/// Only a schedule that calls readers, writers or wakers endlessly makes more choices than this.
const MAX: usize = 4_000_000;

/// What a schedule follows from.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    Seed(u64),
    /// A shortened seed: whether each step and each choice is made. A choice that is not made is 0,
    /// the plain one.
    Part {
        seed: u64,
        steps: Vec<bool>,
        choices: Vec<bool>,
    },
    /// Numbers, each in as many bytes as the largest possible one.
    Bytes(Vec<u8>),
}

/// Read by other threads while the schedule runs, which may never end.
pub(crate) type Lines = Arc<Mutex<Vec<String>>>;

/// Shared by all parts of a schedule, which choose in the order in which they run.
///
/// The choice of 0 is the plain one, with which a schedule comes to its end: it goes on with it
/// where the source ends.
#[derive(Clone)]
pub(crate) struct Script(Rc<Inner>);

struct Inner {
    numbers: RefCell<Numbers>,
    made: Cell<usize>,
    step: Cell<usize>,
    seen: Cell<Seen>,
    lines: Option<Lines>,
}

enum Numbers {
    /// Each step has a generator of its own, and stays the same where another is left out.
    Seeded {
        all: Rng,
        step: Option<Rng>,
        left: Option<(vec::IntoIter<bool>, Vec<bool>)>,
    },
    Bytes(vec::IntoIter<u8>),
}

impl Default for Script {
    /// All choices are plain.
    fn default() -> Self {
        Self::new(&Source::Bytes(Vec::new()), None)
    }
}

impl Script {
    pub(crate) fn new(source: &Source, lines: Option<Lines>) -> Self {
        let seeded = |seed, left| {
            let mut all = Rng::with_seed(seed);
            Numbers::Seeded { step: Some(all.fork()), all, left }
        };
        let numbers = RefCell::new(match source {
            Source::Seed(seed) => seeded(*seed, None),
            Source::Part { seed, steps, choices } => {
                seeded(*seed, Some((steps.clone().into_iter(), choices.clone())))
            }
            Source::Bytes(bytes) => Numbers::Bytes(bytes.clone().into_iter()),
        });
        let (made, step, seen) = Default::default();
        Self(Rc::new(Inner { numbers, made, step, seen, lines }))
    }

    /// The next step begins.
    pub(crate) fn step(&self) {
        self.0.step.set(self.steps() + 1);
        if let Numbers::Seeded { all, step, left } = &mut *self.0.numbers.borrow_mut() {
            let mut next = || all.fork();
            *step = match left {
                None => Some(next()),
                Some((steps, _)) => {
                    steps.map(|made| (made, next())).find_map(|(made, rng)| made.then_some(rng))
                }
            };
        }
    }

    pub(crate) fn steps(&self) -> usize {
        self.0.step.get()
    }

    /// How many choices were made.
    pub(crate) fn made(&self) -> usize {
        self.0.made.get()
    }

    /// A number below `n`.
    pub(crate) fn below(&self, n: usize) -> usize {
        let made = self.0.made.replace(self.made() + 1);
        assert!(made < MAX, "it does not come to rest: more than {MAX} choices");
        let most = u32::try_from(n.saturating_sub(1)).unwrap_or(u32::MAX - 1);
        let choice = match &mut *self.0.numbers.borrow_mut() {
            Numbers::Seeded { step, left, .. } => {
                let drawn = step.as_mut().map_or(0, |rng| rng.u32(..=most));
                let plain = left.as_ref().is_some_and(|(_, choices)| choices.get(made) == Some(&false));
                if plain { 0 } else { drawn }
            }
            Numbers::Bytes(bytes) => {
                let width = (u32::BITS - most.leading_zeros()).div_ceil(8) as usize;
                bytes.take(width).fold(0, |number, byte| number << 8 | u32::from(byte)) % (most + 1)
            }
        };
        choice as usize
    }

    /// Once in `n` times; never if the choice is 0.
    pub(crate) fn once_in(&self, n: usize) -> bool {
        self.below(n) + 1 == n
    }

    /// This many times of 100; never if the choice is 0.
    pub(crate) fn percent(&self, of_100: usize) -> bool {
        self.below(100) + of_100 >= 100
    }

    pub(crate) fn of<T: Copy, const N: usize>(&self, values: [T; N]) -> T {
        values[self.below(N)]
    }

    pub(crate) fn line(&self, line: impl FnOnce() -> String) {
        if let Some(lines) = &self.0.lines {
            lines.lock().unwrap_or_else(PoisonError::into_inner).push(line());
        }
    }

    pub(crate) fn event(&self, event: Event, detail: impl FnOnce() -> String) {
        let mut seen = self.0.seen.get();
        seen.add(event);
        self.0.seen.set(seen);
        trace!(self, "    {event:?} {}", detail());
    }

    pub(crate) fn seen(&self) -> Seen {
        self.0.seen.get()
    }
}

/// The kinds of events of both halves. Each has to happen in enough schedules.
macro_rules! events {
    ($($side:ident { $($event:ident)* })*) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Event {
            $($($event,)*)*
        }

        impl Event {
            $(pub(crate) const $side: &'static [Self] = &[$(Self::$event),*];)*
        }
    };
}

events! {
    WRITE {
        // What producers do.
        Write WriteSlice WriteChunks WritePrefix SinkItem CopiedWrite Permit PermitOwned PermitDrop
        Batching BatchingPanic Dispatch Flush FlushGivenUp Close IntoParts PartsNotAsked Abort
        HandleDrop TaskDrop ProducerDrop Cancel WakerChange WaitForAnswer
        // Their results.
        Full WaitForRoom TooLarge TooManyChunks Refused Ticket TicketFailed HandBack
        // What the writer does.
        WriterWrites PartialWrite VectoredWrite WriterFlushes FlushUnasked WriterCloses Pending Stall
        Error WriteZero OverReport Panic WriteFromWithin
        // The writer's task in one with producers.
        RunUntil RunUntilNested RunUntilDrop RunUntilLeft RunUntilPanic
    }
    READ {
        // Calls of the buffer.
        Read ReadReady FillTo ReadCancel ReadLimit BufferFull Reserve Split SplitMut Freeze Advance
        OutOfBounds TakeTail FromTail TailRefused Find Parse ParseUndone ParsePanic
        // Frames, and reads through the buffer.
        Frame FrameTruncated FrameTooLong FrameRejected FrameContradicted FramePanic FramesOver
        ThroughRead ThroughFill ThroughConsume
        // What readers do.
        ReaderPending ReaderStall ReaderError ReaderEnd ReaderLie ReaderPanic NeighbourRead
    }
}

/// Which kinds of events happened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Seen(u128);

impl Seen {
    pub(crate) fn add(&mut self, event: Event) {
        self.0 |= 1 << event as u32;
    }

    pub(crate) fn has(self, event: Event) -> bool {
        self.0 >> event as u32 & 1 == 1
    }

    pub(crate) fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}
