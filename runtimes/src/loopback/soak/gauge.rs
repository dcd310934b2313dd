//! What can be seen of a soak while it runs.

use std::{
    collections::HashMap,
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use super::plan::Plan;
use crate::loopback::{open_descriptors, resident_bytes};

type Pending = Box<dyn Fn() -> usize + Send>;

/// What the sessions tell of themselves.
#[derive(Default)]
pub(super) struct Gauges {
    pub(super) live: AtomicUsize,
    pub(super) sessions: AtomicU64,
    pub(super) compared: Arc<AtomicU64>,
    faults: Mutex<HashMap<&'static str, u64>>,
    streams: Mutex<HashMap<u64, Vec<Pending>>>,
    finding: Mutex<Option<String>>,
}

/// One look at the process.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// How long the soak has been going on.
    pub at: Duration,
    /// Resident memory in bytes.
    pub resident: u64,
    /// Open descriptors.
    pub descriptors: usize,
    /// Bytes that streams have accepted and sockets have not taken.
    pub pending: usize,
    /// Sessions at this moment, of three connections each.
    pub live: usize,
    /// Sessions that are over.
    pub sessions: u64,
    /// Bytes that arrived and were compared.
    pub compared: u64,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Gauges {
    /// From now on a session has one stream more.
    pub(super) fn watch(&self, session: u64, pending: Pending) {
        lock(&self.streams).entry(session).or_default().push(pending);
    }

    /// The session is over.
    pub(super) fn done(&self, plan: &Plan) {
        lock(&self.streams).remove(&plan.seed);
        let mut faults = lock(&self.faults);
        plan.faults.iter().for_each(|fault| *faults.entry(fault.name()).or_default() += 1);
        self.sessions.fetch_add(1, Ordering::Relaxed);
    }

    /// Something went wrong that should not. The first finding counts.
    pub(super) fn found(&self, finding: String) {
        lock(&self.finding).get_or_insert(finding);
    }

    /// The finding, if there is one.
    pub(super) fn finding(&self) -> Option<String> {
        lock(&self.finding).clone()
    }

    /// In how many sessions each kind of fault was.
    pub(super) fn faults(&self) -> HashMap<&'static str, u64> {
        lock(&self.faults).clone()
    }

    /// A look at all of it.
    pub(super) fn sample(&self, at: Duration) -> io::Result<Sample> {
        Ok(Sample {
            at,
            resident: resident_bytes()?,
            descriptors: open_descriptors()?,
            pending: lock(&self.streams).values().flatten().map(|pending| pending()).sum(),
            live: self.live.load(Ordering::Relaxed),
            sessions: self.sessions.load(Ordering::Relaxed),
            compared: self.compared.load(Ordering::Relaxed),
        })
    }
}
