//! Runs one schedule: on either side, with or without output, with a broken writer, with its memory
//! measured, within a time.

use std::{
    cell::{Cell, RefCell},
    panic::{self, AssertUnwindSafe, catch_unwind},
    rc::Rc,
    sync::{Arc, Once, PoisonError, mpsc},
    thread,
    time::Duration,
};

use crate::{
    read,
    script::{Lines, Script, Seen, Source},
    write::{self, End, Sabotage},
};

/// A half of the library.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Write,
    Read,
}

/// How schedules are run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Trial {
    pub(crate) side: Side,
    /// What happens is written down.
    pub(crate) traced: bool,
    /// The writer does something wrong to the byte at a position, which must be noticed.
    pub(crate) sabotage: Option<(u64, Sabotage)>,
    /// After each step, the kept memory is compared with the limit. For writing these are separate
    /// schedules.
    pub(crate) weigh: Option<Weigh>,
}

/// A schedule that was run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Run {
    /// The result, or the first error.
    pub(crate) result: Result<Summary, String>,
    pub(crate) steps: usize,
    pub(crate) choices: usize,
    /// What happened in it.
    pub(crate) seen: Seen,
    /// What was done and what was expected, line by line, where that was asked for.
    pub(crate) lines: Vec<String>,
}

/// What a schedule came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Summary {
    /// Bytes accepted or read.
    pub(crate) bytes: u64,
    /// How a write stream ended, if any party learned it.
    pub(crate) end: Option<End>,
    /// The sabotage asked for has happened.
    pub(crate) sabotaged: bool,
}

impl Run {
    pub(crate) fn hangs(&self) -> bool {
        self.result.as_ref().is_err_and(|finding| finding.starts_with(HANGS))
    }
}

const HANGS: &str = "it hangs";

/// The number of choices of a schedule that hangs is unknown: at most this many are left out.
const STEPS_THAT_HANG: usize = 300;
const CHOICES_THAT_HANG: usize = 1000;

impl Trial {
    pub(crate) fn of(side: Side) -> Self {
        Self { side, traced: false, sabotage: None, weigh: None }
    }

    pub(crate) fn run(self, source: &Source) -> Run {
        self.follow(source, &Lines::default())
    }

    /// Runs a schedule in a thread of its own. If it takes longer than `limit`, it has failed. The
    /// thread is left behind then, and the report says how far the schedule got.
    pub(crate) fn run_within(self, source: &Source, limit: Duration) -> Run {
        let lines = Lines::default();
        let (sender, done) = mpsc::channel();
        let (theirs, source) = (Arc::clone(&lines), source.clone());
        thread::spawn(move || {
            // After a timeout the receiver is gone.
            let _ = sender.send(self.follow(&source, &theirs));
        });
        done.recv_timeout(limit).unwrap_or_else(|_| Run {
            result: Err(format!("{HANGS}: it is not done after {limit:?}")),
            steps: STEPS_THAT_HANG,
            choices: CHOICES_THAT_HANG,
            seen: Seen::default(),
            lines: written(&lines),
        })
    }

    fn follow(self, source: &Source, lines: &Lines) -> Run {
        let script = Script::new(source, self.traced.then(|| Arc::clone(lines)));
        let result = match (self.side, self.weigh) {
            (Side::Write, Some(weigh)) => write::run_weighed(&script, weigh),
            (Side::Write, None) => write::run(&script, self.sabotage),
            (Side::Read, weigh) => read::run(&script, weigh),
        };
        Run {
            result: result.map_err(|finding| format!("step {}: {finding}", script.steps())),
            steps: script.steps(),
            choices: script.made(),
            seen: script.seen(),
            lines: written(lines),
        }
    }
}

fn written(lines: &Lines) -> Vec<String> {
    lines.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Runs code and returns by how many bytes it grew the heap of this thread.
pub(crate) type Weigh = fn(&mut dyn FnMut()) -> i64;

/// Counts what the library allocates and frees. Clones share the count.
#[derive(Clone)]
pub(crate) struct Scale {
    weigh: Option<Weigh>,
    held: Rc<Cell<i64>>,
}

impl Scale {
    pub(crate) fn new(weigh: Option<Weigh>) -> Self {
        Self { weigh, held: Rc::default() }
    }

    fn weighed<T>(&self, sign: i64, call: impl FnOnce() -> T) -> T {
        let Some(weigh) = self.weigh else { return call() };
        let (mut call, mut output) = (Some(call), None);
        let grown = weigh(&mut || output = call.take().map(|call| call()));
        self.held.set(self.held.get() + sign * grown);
        output.expect("it was called")
    }

    /// A call of the library, which may not panic.
    pub(crate) fn inside<T>(&self, call: impl FnOnce() -> T) -> T {
        self.weighed(1, call)
    }

    /// Code that is not the library's in the middle of such a call.
    pub(crate) fn outside<T>(&self, call: impl FnOnce() -> T) -> T {
        self.weighed(-1, call)
    }

    /// The bytes that the library keeps, with those that it handed out; `None` if memory is not
    /// measured.
    pub(crate) fn held(&self) -> Option<i64> {
        self.weigh.map(|_| self.held.get())
    }
}

/// The payload of planned panics of user code. Any other panic is a finding.
pub(crate) struct Planned;

thread_local! {
    /// Whether this thread awaits a panic, and where the last one was.
    static AWAITED: Cell<bool> = const { Cell::new(false) };
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs a part of a schedule. A panic in it is a finding and prints nothing.
pub(crate) fn or_finding<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let print = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            // A thread that is ending awaits nothing any more.
            if AWAITED.try_with(Cell::get).unwrap_or(false) {
                PLACE.set(info.location().map(ToString::to_string));
            } else {
                print(info);
            }
        }));
    });
    AWAITED.set(true);
    let result = catch_unwind(AssertUnwindSafe(run));
    AWAITED.set(false);
    result.map_err(|panic| {
        let message = panic.downcast_ref::<String>().map(String::as_str);
        let message = message.or_else(|| panic.downcast_ref::<&str>().copied());
        format!("a panic at {}: {}", PLACE.take().unwrap_or_default(), message.unwrap_or("without a message"))
    })
}
