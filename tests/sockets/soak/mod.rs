//! A routing proxy under random faults, for long enough to see whether anything is lost, hangs or
//! grows.
//!
//! Each worker makes one session after the other: a client that sends lines and then a tunnel
//! through the proxy to two upstreams, and gets answers of the first one. A [`Plan`] is everything
//! that happens in a session. Arriving bytes are compared one by one. Without a fault that loses
//! bytes, all of them must arrive; with one, a prefix of what was sent. And the counters of the
//! proxy's streams must add up.

mod peers;
mod plan;
mod session;

use std::{
    collections::HashMap,
    env,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use futures_handoff_runtimes::{self as runtimes, Runtime, set_workers};
use futures_util::future::join_all;

use self::{
    plan::{Fault, Plan},
    session::session,
};
use crate::{
    peer::{open_descriptors, resident_bytes},
    support::{LONG, no_more_descriptors, within},
};

/// Shared by the workers.
#[derive(Default)]
struct Shared {
    seed: AtomicU64,
    sessions: AtomicU64,
    compared: Arc<AtomicU64>,
    faults: Mutex<HashMap<Fault, u64>>,
    stop: AtomicBool,
}

/// One session after the other until the time is up, and one at the least.
async fn worker<R: Runtime>(shared: Arc<Shared>) {
    while !shared.stop.load(Ordering::Relaxed) {
        let plan = Plan::new(shared.seed.fetch_add(1, Ordering::Relaxed));
        let (seed, faults) = (plan.seed, plan.faults.clone());
        let done = R::task(session::<R>(plan, Arc::clone(&shared.compared)));
        let done = within::<R, _>(3 * LONG, done.outcome()).await;
        if done != Some(Some(())) {
            shared.stop.store(true, Ordering::Relaxed);
            panic!("the session of seed {seed} {}", if done.is_none() { "hangs" } else { "failed" });
        }
        let mut counts = shared.faults.lock().unwrap();
        faults.into_iter().for_each(|fault| *counts.entry(fault).or_default() += 1);
        shared.sessions.fetch_add(1, Ordering::Relaxed);
    }
}

/// What was held after the first tenth of the time, when the threads and buffers that stay are
/// there, and what it grew to.
#[derive(Debug)]
struct Growth {
    first: f64,
    last: f64,
}

impl Growth {
    /// The means of the first and of the last quarter.
    fn new(samples: &[f64]) -> Self {
        let counted = &samples[samples.len() / 10..];
        let quarter = counted.len() / 4;
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        Self { first: mean(&counted[..quarter]), last: mean(&counted[counted.len() - quarter..]) }
    }

    /// Sessions have random sizes, and an allocator needs memory until it has seen every size.
    fn is_flat(&self, allowance: f64) -> bool {
        self.last <= self.first * 1.25 + allowance
    }
}

/// Keeps this many sessions running for that time, and fails if one of them does, or if more is
/// held at the end.
async fn soak<R: Runtime>(seed: u64, time: Duration, beside: usize) -> Arc<Shared> {
    // After one session the descriptors that the runtime opens once are open.
    R::task(session::<R>(Plan::new(seed), Arc::default())).await;
    R::sleep(Duration::from_millis(20)).await;
    let before = open_descriptors();
    let shared = Arc::new(Shared { seed: seed.into(), ..Shared::default() });
    let workers = (0..beside).map(|_| R::task(worker::<R>(Arc::clone(&shared)))).collect::<Vec<_>>();
    let workers = R::task(join_all(workers));
    let began = Instant::now();
    let (mut memory, mut descriptors) = (Vec::new(), Vec::new());
    while began.elapsed() < time && !shared.stop.load(Ordering::Relaxed) {
        R::sleep((time / 40).clamp(Duration::from_millis(20), Duration::from_secs(1))).await;
        memory.push(resident_bytes() as f64);
        descriptors.push(open_descriptors() as f64);
    }
    shared.stop.store(true, Ordering::Relaxed);
    assert!(within::<R, _>(4 * LONG, workers).await.is_some(), "sessions are not done");
    no_more_descriptors::<R>(before).await;
    let (memory, descriptors) = (Growth::new(&memory), Growth::new(&descriptors));
    println!(
        "{}: {:?} sessions, {:?} bytes compared, resident {memory:?}, descriptors {descriptors:?}, {:?}",
        R::NAME,
        shared.sessions,
        shared.compared,
        shared.faults.lock().unwrap(),
    );
    assert!(memory.is_flat((16 << 20) as f64), "resident memory has grown: {memory:?}");
    assert!(descriptors.is_flat(16.0), "descriptors are left open: {descriptors:?}");
    shared
}

fn setting(name: &str, default: u64) -> u64 {
    env::var(name).map_or(default, |value| {
        value.parse().unwrap_or_else(|_| panic!("{name} is {value:?}, and no number"))
    })
}

/// Runs for `SOAK_SECONDS`, with `SOAK_SESSIONS` at a time, from `SOAK_SEED` on, on the runtime
/// `SOAK_RUNTIME` with `SOAK_THREADS`. To repeat a failed session, run its seed with one session at
/// a time.
#[test]
#[ignore = "it takes a minute, or SOAK_SECONDS"]
fn a_proxy_under_faults_loses_nothing_and_holds_no_more_for_as_long_as_there_is_time() {
    set_workers(setting("SOAK_THREADS", 2) as usize);
    let (seed, time) = (setting("SOAK_SEED", 0), Duration::from_secs(setting("SOAK_SECONDS", 60)));
    let name = env::var("SOAK_RUNTIME").unwrap_or_else(|_| "local".to_owned());
    let mut ran = false;
    runtimes::for_each!(R => {
        if R::NAME == name {
            R::block_on(soak::<R>(seed, time, setting("SOAK_SESSIONS", 32) as usize));
            ran = true;
        }
    });
    assert!(ran, "SOAK_RUNTIME is {name:?}, and there is no such runtime in this build");
}

runtimes::tests_alone! {
    async fn a_proxy_under_faults_loses_nothing_and_holds_no_more<R: Runtime>() {
        let soaked = soak::<R>(7, Duration::from_secs(2), 16).await;
        let faults = soaked.faults.lock().unwrap();
        assert!(soaked.sessions.load(Ordering::Relaxed) > 16 && soaked.compared.load(Ordering::Relaxed) > 0);
        let all = [Fault::Reset, Fault::Drop, Fault::Expire, Fault::HalfClose, Fault::Stall];
        assert!(all.iter().all(|fault| faults.contains_key(fault)), "{faults:?}");
    }
}

#[test]
fn what_grows_is_not_flat() {
    let growth =
        |value: fn(f64) -> f64| Growth::new(&(1..=100).map(|n| value(f64::from(n))).collect::<Vec<_>>());
    assert!(growth(|n| 100.0 + n % 9.0).is_flat(16.0));
    assert!(!growth(|n| 30.0 + n).is_flat(16.0));
    // Everything created at the beginning stays.
    assert!(growth(|n| if n < 9.0 { 1.0 } else { 80.0 }).is_flat(16.0));
}
