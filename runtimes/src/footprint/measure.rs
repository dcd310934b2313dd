//! Takes connections from state to state and counts what stays.

use std::{io, ops::AddAssign};

use clap::ValueEnum;
use tokio::runtime::{Builder, Runtime};

#[cfg(feature = "peers")]
use super::peer::{Peer1, Peer2};
use super::{
    Footprint, Implementation, State,
    connection::{Connection, Traffic},
    handoff::Handoff,
    manual::ManualVec,
    wire::taken,
};

/// How many frames go through one by one.
const FRAMES: usize = 64;

/// What was allocated and not freed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Live {
    /// How many bytes.
    pub bytes: i64,
    /// In how many allocations.
    pub allocations: i64,
}

impl AddAssign for Live {
    fn add_assign(&mut self, other: Self) {
        self.bytes += other.bytes;
        self.allocations += other.allocations;
    }
}

/// Does some work on this thread and says what it left allocated.
pub type Meter = fn(&mut dyn FnMut()) -> Live;

/// Counts what `connections` keep, in each state.
///
/// # Errors
///
/// If what came out is not what went in, if anything is left when they are gone, or if the implementation is not compiled in.
pub fn measure(
    meter: Meter,
    implementation: Implementation,
    connections: usize,
) -> io::Result<Vec<Footprint>> {
    match implementation {
        Implementation::Handoff => of::<Handoff<false>>(meter, implementation, connections),
        Implementation::HandoffOwned => of::<Handoff<true>>(meter, implementation, connections),
        Implementation::ManualVec => of::<ManualVec>(meter, implementation, connections),
        #[cfg(feature = "peers")]
        Implementation::Peer1 => of::<Peer1>(meter, implementation, connections),
        #[cfg(feature = "peers")]
        Implementation::Peer2 => of::<Peer2>(meter, implementation, connections),
        #[cfg(not(feature = "peers"))]
        Implementation::Peer1 | Implementation::Peer2 => Err(io::Error::other(format!(
            "{implementation} is not compiled in: it needs the feature `peers`"
        ))),
    }
}

fn of<C: Connection>(
    meter: Meter,
    implementation: Implementation,
    connections: usize,
) -> io::Result<Vec<Footprint>> {
    let runtime = Builder::new_current_thread().build()?;
    // The queues of the runtime grow to what so many tasks need, and stay.
    let mut warm = Vec::with_capacity(connections);
    runtime.block_on(reach::<C>(State::Fresh, &mut warm, connections))?;
    runtime.block_on(reach(State::Idle, &mut warm, connections))?;
    runtime.block_on(close(warm));

    let before = taken();
    let mut all: Vec<C> = Vec::with_capacity(connections);
    let mut live = Live::default();
    let mut footprints = Vec::new();
    for &state in State::value_variants() {
        live += step(meter, &runtime, async || reach(state, &mut all, connections).await)?;
        footprints.push(Footprint {
            implementation,
            connections,
            state,
            live_bytes: live.bytes,
            live_allocations: live.allocations,
            bytes_per_connection: live.bytes as f64 / connections as f64,
            allocations_per_connection: live.allocations as f64 / connections as f64,
            inline_bytes: size_of::<C>(),
        });
    }
    let mut all = Some(all);
    // The memory of the list itself was there before.
    live.bytes += (connections * size_of::<C>()) as i64;
    live.allocations += i64::from(size_of::<C>() > 0);
    live += step(meter, &runtime, async || {
        close(all.take().unwrap_or_default()).await;
        Ok(())
    })?;
    passed(before, connections)?;
    if live != Live::default() {
        return Err(io::Error::other(format!(
            "{connections} connections of {implementation} left {} bytes in {} allocations when they were gone",
            live.bytes, live.allocations
        )));
    }
    Ok(footprints)
}

/// What `work` leaves allocated.
fn step(meter: Meter, runtime: &Runtime, mut work: impl AsyncFnMut() -> io::Result<()>) -> io::Result<Live> {
    let mut done = Ok(());
    let live = meter(&mut || done = runtime.block_on(work()));
    done.map(|()| live)
}

/// Takes connections that are in the state before this one to it.
async fn reach<C: Connection>(state: State, all: &mut Vec<C>, connections: usize) -> io::Result<()> {
    if state == State::Fresh {
        for _ in 0..connections {
            all.push(C::open()?);
        }
    }
    for connection in all.iter_mut() {
        match state {
            State::Fresh => {}
            State::Waiting | State::AfterLarge => connection.wait().await?,
            State::Frames => {
                for _ in 0..FRAMES {
                    connection.pass(Traffic::FRAME).await?;
                }
                connection.wait().await?;
            }
            State::Idle => {
                connection.pass(Traffic::BURST).await?;
                connection.wait().await?;
            }
            State::Large => connection.pass(Traffic::LARGE).await?,
        }
    }
    settle(connections).await;
    C::rinse().await
}

async fn close<C>(all: Vec<C>) {
    let connections = all.len();
    drop(all);
    settle(connections).await;
}

/// Lets the tasks run until none has anything to do.
async fn settle(connections: usize) {
    // At least one of them runs each time, and a few times are enough for each.
    for _ in 0..4 * (connections + 1) {
        tokio::task::yield_now().await;
    }
}

fn passed(before: u64, connections: usize) -> io::Result<()> {
    let each = FRAMES * Traffic::FRAME.bytes() + Traffic::BURST.bytes() + Traffic::LARGE.bytes();
    let (sent, came) = ((connections * each) as u64, taken() - before);
    if came == sent {
        return Ok(());
    }
    Err(io::Error::other(format!("{came} bytes came out of {sent}")))
}
