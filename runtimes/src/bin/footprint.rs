//! Counts what connections keep allocated and prints it as lines of JSON, for `harness footprint`.
#![forbid(unsafe_code)]

use std::{error::Error, io::Write};

use clap::Parser;
use futures_handoff_runtimes::footprint::{Live, Selection, measure};

/// Counts what memory idle connections keep, for `harness footprint`
#[derive(Debug, Parser)]
#[command(name = "footprint")]
struct Line {
    #[command(flatten)]
    selection: Selection,
}

fn main() -> Result<(), Box<dyn Error>> {
    let Line { selection } = Line::parse();
    selection.check()?;
    for (implementation, connections) in selection.cases() {
        for footprint in measure(live, implementation, connections)? {
            let line = serde_json::to_string(&footprint)?;
            writeln!(std::io::stdout(), "{line}")?;
        }
    }
    Ok(())
}

/// What the allocator of this binary has seen of some work.
fn live(work: &mut dyn FnMut()) -> Live {
    let info = allocation_counter::measure(work);
    Live { bytes: info.bytes_current, allocations: info.count_current }
}
