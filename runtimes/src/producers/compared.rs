//! The handoff beside what it is compared with.

use super::{Completion, Implementation, Written};
use crate::stream::{RuntimeName, Spread};

/// The handoff and another implementation in the same setting, over the pairs that they were measured in.
#[derive(Debug, Clone, PartialEq)]
pub struct Compared {
    /// What both ran on.
    pub runtime: RuntimeName,
    /// What a write was followed by.
    pub completion: Completion,
    /// What the handoff is compared with.
    pub with: Implementation,
    /// How many tasks wrote.
    pub producers: usize,
    /// Nanoseconds for a write of the handoff.
    pub of_ns: Spread,
    /// The same of the other.
    pub with_ns: Spread,
    /// Writes in a second, of the handoff divided by those of the other, pair by pair: more is better.
    pub throughput: Spread,
    /// CPU time for a write, of the handoff divided by that of the other, pair by pair: less is better.
    pub cpu: Spread,
    /// Allocations for a write of the handoff.
    pub of_allocations: Spread,
    /// The same of the other.
    pub with_allocations: Spread,
}

/// All that can be compared, by runtime, completion, implementation and number of producers.
#[must_use]
pub fn compared(written: &[Written]) -> Vec<Compared> {
    let mut all: Vec<Compared> = Vec::new();
    let mut settings: Vec<&Written> = Vec::new();
    for with in written.iter().filter(|with| with.implementation != Implementation::Handoff) {
        let setting = settings
            .iter()
            .position(|known| known.is_alike(with) && known.implementation == with.implementation);
        let of = written.iter().find(|of| {
            of.implementation == Implementation::Handoff && of.pair == with.pair && of.is_alike(with)
        });
        let Some(of) = of else { continue };
        let place = setting.unwrap_or_else(|| {
            settings.push(with);
            all.push(Compared::new(with));
            all.len() - 1
        });
        all[place].add(of, with);
    }
    all.sort_by_key(|each| {
        (each.runtime as usize, each.completion as usize, each.with as usize, each.producers)
    });
    all
}

impl Written {
    /// Whether the other was measured in the same way, whatever the implementation.
    fn is_alike(&self, other: &Self) -> bool {
        let setting =
            |of: &Self| (of.runtime, of.worker_threads, of.completion, of.producers, of.chunk_len, of.writes);
        setting(self) == setting(other)
    }
}

impl Compared {
    fn new(with: &Written) -> Self {
        Self {
            runtime: with.runtime,
            completion: with.completion,
            with: with.implementation,
            producers: with.producers,
            of_ns: Spread::default(),
            with_ns: Spread::default(),
            throughput: Spread::default(),
            cpu: Spread::default(),
            of_allocations: Spread::default(),
            with_allocations: Spread::default(),
        }
    }

    fn add(&mut self, of: &Written, with: &Written) {
        self.of_ns.add(of.ns_per_write);
        self.with_ns.add(with.ns_per_write);
        self.throughput.add(with.ns_per_write / of.ns_per_write);
        // Nothing is known of CPU time where there is no clock for it.
        if of.cpu_ns_per_write > 0.0 && with.cpu_ns_per_write > 0.0 {
            self.cpu.add(of.cpu_ns_per_write / with.cpu_ns_per_write);
        }
        self.of_allocations.add(of.allocations_per_write);
        self.with_allocations.add(with.allocations_per_write);
    }
}
