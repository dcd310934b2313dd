//! Ways to run a schedule: as it is, read along, with a broken device, on a scale, within a time.

use std::{sync::mpsc, thread, time::Duration};

use super::{
    event::Tally,
    read,
    run::{Failure, Run, Side, Source},
    scale::Weigh,
    trail::Trail,
    write::{self, Sabotage},
};

/// How schedules of a side are run.
#[derive(Debug, Clone, Copy)]
pub struct Trial {
    side: Side,
    traced: bool,
    sabotage: Option<(u64, Sabotage)>,
    weigh: Option<Weigh>,
}

impl Trial {
    /// As they are.
    #[must_use]
    pub fn of(side: Side) -> Self {
        Self { side, traced: false, sabotage: None, weigh: None }
    }

    /// What happens is written down.
    #[must_use]
    pub fn traced(self) -> Self {
        Self { traced: true, ..self }
    }

    /// On the side of writing, the device does something wrong to the byte at `position`, which must be noticed.
    #[must_use]
    pub fn sabotaged(self, position: u64, sabotage: Sabotage) -> Self {
        Self { sabotage: Some((position, sabotage)), ..self }
    }

    /// After each step, what is kept in memory is compared with what may be. On the side of writing these are schedules of their
    /// own.
    #[must_use]
    pub fn weighed(self, weigh: Weigh) -> Self {
        Self { weigh: Some(weigh), ..self }
    }

    /// Runs a schedule.
    #[must_use]
    pub fn run(self, source: &Source) -> Run {
        self.follow(source, Trail::new(self.traced))
    }

    /// Runs a schedule in a thread of its own. That it takes longer than `limit` is a failure; the thread is left behind then,
    /// and what is told of the schedule is how far it got.
    #[must_use]
    pub fn run_within(self, source: &Source, limit: Duration) -> Run {
        let trail = Trail::new(self.traced);
        let (sender, done) = mpsc::channel();
        let (theirs, source) = (trail.clone(), source.clone());
        thread::spawn(move || {
            // Nobody listens any more where it took too long.
            let _ = sender.send(self.follow(&source, theirs));
        });
        done.recv_timeout(limit).unwrap_or_else(|_| {
            let steps = trail.steps();
            let (choices, lines) = (trail.choices(), trail.lines());
            let result = Err(Failure::hang(steps, limit));
            Run { result, steps, events: Tally::default(), choices, lines }
        })
    }

    fn follow(self, source: &Source, trail: Trail) -> Run {
        match self.side {
            Side::Write => match self.weigh {
                Some(weigh) => write::run_weighed(source, weigh, trail),
                None => write::run(source, self.sabotage, trail),
            },
            Side::Read => read::run(source, self.weigh, trail),
        }
    }
}
