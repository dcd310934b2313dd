//! Rounds of streams through a proxy in this process.

use std::{pin::pin, time::Duration};

use futures_util::future::{Either, select, try_join_all};

use super::{Measurement, Payloads, Settings, Stopwatch};
use crate::{
    Runtime,
    harness::{
        Failure, interrupt,
        transport::{self, Carried, Connection, Implementation},
    },
};

/// Carries the payloads until both the requested rounds and time are reached, after one round that
/// is compared but not measured.
pub fn measure<R, P>(proxy: P, settings: &Settings, payloads: &Payloads) -> Result<Measurement, Failure>
where
    R: Runtime,
    P: Implementation<R>,
{
    R::block_on(async {
        let mut measurement = Measurement::empty();
        round::<R, P>(proxy, settings, payloads, &mut Measurement::empty()).await?;
        while settings.wants_more_than(&measurement) {
            round::<R, P>(proxy, settings, payloads, &mut measurement).await?;
        }
        Ok(measurement)
    })
}

async fn round<R, P>(
    proxy: P,
    settings: &Settings,
    payloads: &Payloads,
    measurement: &mut Measurement,
) -> Result<(), Failure>
where
    R: Runtime,
    P: Implementation<R>,
{
    let connections =
        transport::connections::<R, P>(proxy, payloads, settings).await.map_err(Failure::Setup)?;
    let stopwatch = Stopwatch::start();
    let carried = carry::<R>(connections, settings.stall_seconds).await?;
    let (wall, usage) = stopwatch.stop();
    measurement.add_round(wall, usage, payloads.lengths().zip(&carried));
    Ok(())
}

/// Carries all streams, unless that takes too long or the user interrupts.
pub(in crate::harness) async fn carry<R: Runtime>(
    connections: Vec<Connection>,
    limit: Duration,
) -> Result<Vec<Carried>, Failure> {
    let tasks = connections.into_iter().enumerate().map(|(stream, connection)| {
        let task = R::task(connection);
        async move { task.outcome().await.unwrap_or(Err(Failure::Panicked { stream })) }
    });
    let all = R::timeout(limit, try_join_all(tasks));
    match select(pin!(all), pin!(interrupt::requested())).await {
        Either::Left((done, _)) => done.unwrap_or(Err(Failure::Stalled { limit })),
        Either::Right(_) => Err(Failure::Interrupted),
    }
}
