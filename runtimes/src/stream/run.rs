//! One measured run.

use std::{fmt, io, pin::pin, time::Duration};

use futures_util::future::{Either, select, try_join_all};

#[cfg(feature = "peers")]
use super::implementations::{Peer1, Peer2};
#[cfg(unix)]
use super::transport::unix;
use super::{
    Carried, Failure, ImplementationName, Metered, Payloads, Proxy, Report, RuntimeName, Settings,
    TransportName,
    implementations::{
        ChannelFramed, Handoff, HandoffAdaptive, HandoffOwned, HandoffSpawned, ManualBuffered, ManualVec,
        RawCopy, SplitBytesMut,
    },
    interrupt,
    report::Stopwatch,
    transport::{Connection, OverSockets, cached, duplex, tcp},
};
use crate::{Runtime, io::Duplex};

/// A proxy that works over every transport of a runtime.
pub trait Implementation<R: Runtime>:
    Proxy<Metered<cached::Source>, Metered<cached::Sink>>
    + Proxy<Metered<Duplex>, Metered<Duplex>>
    + OverSockets<R>
{
}

impl<R: Runtime, P> Implementation<R> for P where
    P: Proxy<Metered<cached::Source>, Metered<cached::Sink>>
        + Proxy<Metered<Duplex>, Metered<Duplex>>
        + OverSockets<R>
{
}

/// Measures one implementation on one runtime.
pub type Runner = fn(&Settings, &Payloads) -> Result<Report, Failure>;

/// Carries the payloads until both the rounds and the time that are asked for are reached, after one round that is
/// checked but not measured.
///
/// # Errors
///
/// If anything but what was sent comes out, or nothing for too long.
pub fn measure<R, P>(proxy: P, settings: &Settings, payloads: &Payloads) -> Result<Report, Failure>
where
    R: Runtime,
    P: Implementation<R>,
{
    R::block_on(async {
        let mut report = Report::empty();
        round::<R, P>(proxy, settings, payloads, &mut Report::empty()).await?;
        while report.iterations < settings.iterations as u64 || report.wall < settings.duration() {
            round::<R, P>(proxy, settings, payloads, &mut report).await?;
        }
        Ok(report)
    })
}

async fn round<R, P>(
    proxy: P,
    settings: &Settings,
    payloads: &Payloads,
    report: &mut Report,
) -> Result<(), Failure>
where
    R: Runtime,
    P: Implementation<R>,
{
    let connections = connect::<R, P>(proxy, settings, payloads).await.map_err(Failure::Setup)?;
    let stopwatch = Stopwatch::start();
    let carried = carry::<R>(connections, settings.stall_seconds).await?;
    let (wall, usage) = stopwatch.stop();
    report.add_round(wall, usage);
    for (payload, carried) in payloads.streams().iter().zip(&carried) {
        report.add_stream(payload.len() as u64, carried);
    }
    Ok(())
}

async fn connect<R, P>(proxy: P, settings: &Settings, payloads: &Payloads) -> io::Result<Vec<Connection>>
where
    R: Runtime,
    P: Implementation<R>,
{
    match settings.transport {
        TransportName::Cached => Ok(cached::connections(proxy, payloads, settings)),
        TransportName::Duplex => duplex::connections::<R, P>(proxy, payloads, settings).await,
        TransportName::Tcp => tcp::connections::<R, P>(proxy, payloads, settings).await,
        #[cfg(unix)]
        TransportName::Unix => unix::connections::<R, P>(proxy, payloads, settings).await,
    }
}

/// Carries all streams, unless that takes too long or the user wants an end.
pub(super) async fn carry<R: Runtime>(
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

/// Why an implementation cannot be measured on a runtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unavailable {
    /// The runtime is not compiled in.
    Runtime(RuntimeName),
    /// The implementation is not compiled in, or does not run on this runtime.
    Implementation(ImplementationName, RuntimeName),
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Runtime(name) => {
                write!(f, "the runtime {name} is not compiled in: enable the feature of its name")
            }
            Self::Implementation(name, runtime) => write!(
                f,
                "{name} cannot run on {runtime}: it needs tokio or tokio_current, and the feature `peers`"
            ),
        }
    }
}

/// How to measure an implementation on a runtime.
///
/// # Errors
///
/// If one of them is not compiled in, or they do not go together.
pub fn runner(runtime: RuntimeName, implementation: ImplementationName) -> Result<Runner, Unavailable> {
    struct Measure;

    impl Visitor for Measure {
        type Output = Runner;

        fn visit<R: Runtime, P: Implementation<R> + Default>(self) -> Runner {
            |settings, payloads| measure::<R, P>(P::default(), settings, payloads)
        }
    }

    visit(runtime, implementation, Measure)
}

/// What is done with a runtime and an implementation once their names have become types.
pub(super) trait Visitor {
    /// What comes of it.
    type Output;

    /// Does it.
    fn visit<R: Runtime, P: Implementation<R> + Default>(self) -> Self::Output;
}

/// Makes types of the names.
///
/// # Errors
///
/// If one of them is not compiled in, or they do not go together.
pub(super) fn visit<V: Visitor>(
    runtime: RuntimeName,
    implementation: ImplementationName,
    visitor: V,
) -> Result<V::Output, Unavailable> {
    let visited = match runtime {
        RuntimeName::Local => on::<crate::Local, V>(implementation, visitor),
        #[cfg(feature = "tokio")]
        RuntimeName::Tokio => on_tokio::<crate::Tokio, V>(implementation, visitor),
        #[cfg(feature = "tokio")]
        RuntimeName::TokioCurrent => on_tokio::<crate::TokioCurrent, V>(implementation, visitor),
        #[cfg(feature = "smol")]
        RuntimeName::Smol => on::<crate::Smol, V>(implementation, visitor),
        #[cfg(feature = "async-std")]
        RuntimeName::AsyncStd => on::<crate::AsyncStd, V>(implementation, visitor),
        #[allow(unreachable_patterns, reason = "with every feature on there is no other")]
        other => return Err(Unavailable::Runtime(other)),
    };
    visited.ok_or(Unavailable::Implementation(implementation, runtime))
}

fn on<R: Runtime, V: Visitor>(implementation: ImplementationName, visitor: V) -> Option<V::Output> {
    Some(match implementation {
        ImplementationName::Handoff => visitor.visit::<R, Handoff>(),
        ImplementationName::HandoffAdaptive => visitor.visit::<R, HandoffAdaptive>(),
        ImplementationName::HandoffSpawned => visitor.visit::<R, HandoffSpawned<R>>(),
        ImplementationName::HandoffOwned => visitor.visit::<R, HandoffOwned<R>>(),
        ImplementationName::ManualVec => visitor.visit::<R, ManualVec>(),
        ImplementationName::ManualBuffered => visitor.visit::<R, ManualBuffered>(),
        ImplementationName::BytesMut => visitor.visit::<R, SplitBytesMut>(),
        ImplementationName::ChannelFramed => visitor.visit::<R, ChannelFramed<R>>(),
        ImplementationName::RawCopy => visitor.visit::<R, RawCopy>(),
        ImplementationName::Peer1 | ImplementationName::Peer2 => return None,
    })
}

#[cfg(feature = "peers")]
fn on_tokio<R: Runtime, V: Visitor>(implementation: ImplementationName, visitor: V) -> Option<V::Output>
where
    Peer1: Implementation<R>,
    Peer2: Implementation<R>,
{
    match implementation {
        ImplementationName::Peer1 => Some(visitor.visit::<R, Peer1>()),
        ImplementationName::Peer2 => Some(visitor.visit::<R, Peer2>()),
        other => on::<R, V>(other, visitor),
    }
}

#[cfg(all(feature = "tokio", not(feature = "peers")))]
use on as on_tokio;
