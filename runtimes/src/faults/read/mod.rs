//! The read half: any calls on a buffer, whose input comes in any pieces, against a plain vector.

mod calls;
mod frames;
mod input;
mod model;
mod parse;

use std::{
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
};

use super::{
    choices::Choices,
    event::Record,
    panics,
    run::{Failure, Run, Source, Summary},
};
use model::Model;

/// Runs a schedule; what happens is written down if `traced`.
pub(super) fn run(source: &Source, traced: bool) -> Run {
    let choices = Choices::new(source);
    let mut model = Model::new(choices.clone(), Record::new(traced));
    let calls = 1 + choices.below(60);
    let mut steps = 0;
    // What does not hold is an assertion that fails.
    let held = catch_unwind(AssertUnwindSafe(|| {
        for step in 1..=calls {
            steps = step;
            model.line(|| format!("step {step}"));
            model.call();
            model.check();
        }
    }));
    let Record { tally, lines } = model.take_record();
    let result = match held {
        Ok(()) => Ok(Summary { bytes: model.read() as u64, end: None, sabotaged: false }),
        Err(panic) => {
            let finding = panics::describe(&*panic);
            // What is broken may not be fit to be dropped.
            mem::forget(model);
            Err(Failure { step: steps, finding })
        }
    };
    Run { result, steps, events: tally, choices: choices.made(), lines: lines.unwrap_or_default() }
}
