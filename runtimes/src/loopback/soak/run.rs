//! Many sessions at a time, for some time.

use std::{
    collections::HashMap,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::future::join_all;

use super::{
    gauge::{Gauges, Sample},
    plan::{Plan, SESSION},
    session::session,
};
use crate::{
    Runtime,
    loopback::{open_descriptors, within},
    set_workers,
    stream::{Failure, RuntimeName, Unavailable, names::on_runtime},
};

/// So many looks at the process at the least, however short the time.
const LOOKS: u32 = 40;

/// Not more often than this, and not less often than that.
const PACE: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));

/// How long after the last session descriptors may be closed.
const SETTLING: Duration = Duration::from_secs(10);

/// What there is to do.
#[derive(Debug, Clone, Copy)]
pub struct Soak {
    /// Where.
    pub runtime: RuntimeName,
    /// The seed of the first session; each has the next one.
    pub seed: u64,
    /// For how long sessions are begun.
    pub time: Duration,
    /// Sessions at a time.
    pub connections: usize,
    /// Threads of a multi-threaded runtime.
    pub worker_threads: usize,
}

/// What was done.
#[derive(Debug, Clone)]
pub struct Soaked {
    /// All looks at the process.
    pub samples: Vec<Sample>,
    /// In how many sessions each kind of fault was.
    pub faults: HashMap<&'static str, u64>,
    /// Sessions that are over.
    pub sessions: u64,
    /// Bytes that arrived and were compared.
    pub compared: u64,
    /// How many descriptors there were before.
    pub before: usize,
    /// How many there are after it.
    pub after: usize,
    /// What went wrong first.
    pub finding: Option<String>,
}

type Runner = fn(Soak, &mut dyn FnMut(&Sample) -> bool) -> Result<Soaked, Failure>;

/// Whether there can be a soak in this build.
///
/// # Errors
///
/// If its runtime is not compiled in.
pub fn check(runtime: RuntimeName) -> Result<(), Unavailable> {
    runner(runtime).map(drop)
}

/// Makes sessions until the time is up, something is found, or `go_on`, which is told what is seen, says no.
///
/// # Errors
///
/// If the runtime is not compiled in, or the process cannot be looked at. What is found is no error.
pub fn soak(soak: Soak, mut go_on: impl FnMut(&Sample) -> bool) -> Result<Soaked, Failure> {
    let runner = runner(soak.runtime).map_err(|error| Failure::Other(error.to_string()))?;
    set_workers(soak.worker_threads);
    runner(soak, &mut go_on)
}

fn runner(runtime: RuntimeName) -> Result<Runner, Unavailable> {
    Ok(on_runtime!(runtime, on))
}

/// What the workers have in common.
struct Shared {
    seed: u64,
    next: AtomicU64,
    stop: AtomicBool,
    gauges: Arc<Gauges>,
}

fn on<R: Runtime>(soak: Soak, go_on: &mut dyn FnMut(&Sample) -> bool) -> Result<Soaked, Failure> {
    R::block_on(async {
        let unseen = |error| Failure::Other(format!("the process cannot be looked at: {error}"));
        let new = |gauges| Shared {
            seed: soak.seed,
            next: AtomicU64::new(0),
            stop: AtomicBool::new(false),
            gauges,
        };
        // What the runtime opens once is open after one session.
        let warm = Arc::new(new(Arc::default()));
        warm.stop.store(true, Ordering::Relaxed);
        R::task(worker::<R>(Arc::clone(&warm))).await;
        R::sleep(PACE.0).await;
        let before = open_descriptors().map_err(unseen)?;

        let gauges = Arc::new(Gauges::default());
        warm.gauges.finding().into_iter().for_each(|finding| gauges.found(finding));
        let shared = Arc::new(new(Arc::clone(&gauges)));
        let workers: Vec<_> =
            (0..soak.connections).map(|_| R::task(worker::<R>(Arc::clone(&shared)))).collect();
        let began = Instant::now();
        let mut samples = Vec::new();
        let pace = (soak.time / LOOKS).clamp(PACE.0, PACE.1);
        while began.elapsed() < soak.time && gauges.finding().is_none() {
            R::sleep(pace).await;
            let sample = gauges.sample(began.elapsed()).map_err(unseen)?;
            samples.push(sample);
            if !go_on(&sample) {
                break;
            }
        }
        shared.stop.store(true, Ordering::Relaxed);
        let all = join_all(workers.into_iter().map(|worker| worker.outcome()));
        // Longer than any session has by itself.
        match within::<R, _>(4 * SESSION, all).await {
            Some(ended) if ended.iter().all(Option::is_some) => {}
            Some(_) => gauges.found("a session panicked".to_owned()),
            None => gauges.found(format!("sessions are not done after {:?}", 4 * SESSION)),
        }
        let after = settled::<R>(before).await.map_err(unseen)?;
        Ok(Soaked {
            samples,
            faults: gauges.faults(),
            sessions: gauges.sessions.load(Ordering::Relaxed),
            compared: gauges.compared.load(Ordering::Relaxed),
            before,
            after,
            finding: gauges.finding(),
        })
    })
}

/// One session after the other until the time is up or one fails, and one at the least.
async fn worker<R: Runtime>(shared: Arc<Shared>) {
    let gauges = &shared.gauges;
    let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let mut listener = match R::bind(anywhere).await {
        Ok(listener) => listener,
        Err(error) => return gauges.found(format!("the proxy cannot listen: {error}")),
    };
    loop {
        let plan = Plan::new(shared.seed.wrapping_add(shared.next.fetch_add(1, Ordering::Relaxed)));
        gauges.live.fetch_add(1, Ordering::Relaxed);
        let done = within::<R, _>(3 * SESSION, session::<R>(&mut listener, &plan, gauges)).await;
        gauges.live.fetch_sub(1, Ordering::Relaxed);
        gauges.done(&plan);
        let seed = plan.seed;
        match done {
            Some(Ok(())) => {}
            Some(Err(how)) => return gauges.found(format!("seed {seed}, {how}")),
            None => {
                return gauges
                    .found(format!("seed {seed}, it hangs: it is not done after {:?}", 3 * SESSION));
            }
        }
        if shared.stop.load(Ordering::Relaxed) || gauges.finding().is_some() {
            return;
        }
    }
}

/// Waits until there are no more descriptors than before, for some time at the most; how many there are.
async fn settled<R: Runtime>(before: usize) -> std::io::Result<usize> {
    let began = Instant::now();
    loop {
        let now = open_descriptors()?;
        if now <= before || began.elapsed() > SETTLING {
            return Ok(now);
        }
        R::sleep(PACE.0).await;
    }
}
