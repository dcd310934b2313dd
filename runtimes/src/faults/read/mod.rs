//! The read half: any calls on a buffer, whose input comes in any pieces, against a plain vector.

mod calls;
mod finders;
mod frames;
mod input;
mod ledger;
mod memory;
mod model;
mod neighbour;
mod parse;
mod reader;
mod tails;

use std::{
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
};

use super::{
    choices::Choices,
    event::Record,
    panics,
    run::{Failure, Run, Source, Summary},
    scale::{Scale, Weigh},
    trail::Trail,
};
use model::Model;

/// Runs a schedule, on a scale if there is one.
pub(super) fn run(source: &Source, weigh: Option<Weigh>, trail: Trail) -> Run {
    let choices = Choices::new(source, trail.clone());
    let mut model = Model::new(choices.clone(), Record::new(trail.clone()), Scale::new(weigh));
    let calls = 1 + choices.below(60);
    // What does not hold is an assertion that fails.
    let held = catch_unwind(AssertUnwindSafe(|| {
        for step in 1..=calls {
            trail.step(step);
            trail.line(|| format!("step {step}"));
            model.step();
        }
    }));
    let (steps, events) = (trail.steps(), model.take_tally());
    let result = match held {
        Ok(()) => Ok(Summary { bytes: model.read() as u64, end: None, sabotaged: false }),
        Err(panic) => {
            let finding = panics::describe(&*panic);
            // What is broken may not be fit to be dropped.
            mem::forget(model);
            Err(Failure::new(steps, finding))
        }
    };
    Run { result, steps, events, choices: trail.choices(), lines: trail.lines() }
}
