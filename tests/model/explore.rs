//! Running a scenario in many interleavings.

#[cfg(handoff_loom)]
pub(crate) use loom::{
    future::block_on,
    sync::{Mutex, atomic::AtomicUsize},
    thread,
};
#[cfg(handoff_shuttle)]
pub(crate) use shuttle::{
    future::block_on,
    sync::{Mutex, atomic::AtomicUsize},
    thread,
};

/// Runs every interleaving of `scenario` with up to `preemptions` of them, under loom; a fixed
/// number, under shuttle.
#[track_caller]
pub(crate) fn explore(preemptions: usize, scenario: impl Fn() + Send + Sync + 'static) {
    use std::sync::{Arc, atomic};

    let counter = Arc::new(atomic::AtomicUsize::new(0));
    let executions = Arc::clone(&counter);
    let counted = move || {
        counter.fetch_add(1, atomic::Ordering::Relaxed);
        scenario();
    };
    check(preemptions, counted);
    let name = std::thread::current().name().unwrap_or_default().to_owned();
    println!("{name}: {} executions", executions.load(atomic::Ordering::Relaxed));
}

#[cfg(handoff_loom)]
fn check(preemptions: usize, scenario: impl Fn() + Send + Sync + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(model.preemption_bound.unwrap_or(preemptions));
    model.max_branches = 10_000;
    model.check(scenario);
}

/// Schedules of each kind that shuttle runs of one scenario.
#[cfg(handoff_shuttle)]
pub(crate) fn schedules() -> usize {
    std::env::var("SHUTTLE_SCHEDULES").map_or(30_000, |n| n.parse().expect("a number of schedules"))
}

#[cfg(handoff_shuttle)]
fn check(_preemptions: usize, scenario: impl Fn() + Send + Sync + 'static) {
    let scenario = std::sync::Arc::new(scenario);
    let again = std::sync::Arc::clone(&scenario);
    shuttle::check_random(move || scenario(), schedules());
    shuttle::check_pct(move || again(), schedules(), 3);
}
