//! One thing to measure, and how its names become types.

use serde::{Deserialize, Serialize};

use super::{ImplementationName, Measurement, Payloads, RuntimeName, Settings, measure};
use crate::{
    Runtime,
    harness::{
        Failure,
        implementations::{
            ChannelFramed, Handoff, HandoffAdaptive, HandoffOwned, HandoffSpawned, ManualBuffered, ManualVec,
            RawCopy, SplitBytesMut,
        },
        split::{self, Split},
        transport::Implementation,
    },
};

/// An implementation on a runtime under some settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Case {
    /// The runtime.
    pub runtime: RuntimeName,
    /// The implementation of the proxy.
    pub implementation: ImplementationName,
    /// All the rest.
    pub settings: Settings,
    /// How the proxies have a process of their own, if they have.
    pub split: Option<Split>,
}

/// Measures cases, and keeps the streams from one to the next as long as they are the same.
#[derive(Debug, Default)]
pub struct Measurer {
    made: Option<([usize; 4], Payloads)>,
}

impl Measurer {
    /// Measures a case once.
    pub fn measure(&mut self, case: &Case) -> Result<Measurement, Failure> {
        crate::harness::interrupt::check()?;
        if let Some(split) = &case.split {
            return split::measure(case, split);
        }
        let run = runner(case.runtime, case.implementation)?;
        let settings = &case.settings;
        crate::set_workers(settings.worker_threads);
        let workload =
            [settings.connections, settings.route_frames, settings.frame_len, settings.tunnel_bytes];
        let made = self.made.take().filter(|(made, _)| *made == workload);
        let (_, payloads) = self.made.insert(made.unwrap_or_else(|| (workload, Payloads::new(settings))));
        run(settings, payloads)
    }
}

/// Measures one implementation on one runtime in this process.
pub type Runner = fn(&Settings, &Payloads) -> Result<Measurement, Failure>;

/// How to measure an implementation on a runtime in this process, or why that cannot be done: one
/// of them is not compiled in, or they do not go together.
pub fn runner(runtime: RuntimeName, implementation: ImplementationName) -> Result<Runner, String> {
    struct Measure;

    impl Visitor for Measure {
        type Output = Runner;

        fn visit<R: Runtime, P: Implementation<R>>(self) -> Runner {
            |settings, payloads| measure::<R, P>(P::default(), settings, payloads)
        }
    }

    visit(runtime, implementation, Measure)
}

/// What is done with a runtime and an implementation once their names have become types.
pub(in crate::harness) trait Visitor {
    /// What comes of it.
    type Output;

    /// Does it.
    fn visit<R: Runtime, P: Implementation<R>>(self) -> Self::Output;
}

/// Makes types of the names, or says why that cannot be done.
pub(in crate::harness) fn visit<V: Visitor>(
    runtime: RuntimeName,
    implementation: ImplementationName,
    visitor: V,
) -> Result<V::Output, String> {
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
        other => {
            return Err(format!("the runtime {other} is not compiled in: enable the feature of its name"));
        }
    };
    visited.ok_or_else(|| {
        format!("{implementation} cannot run on {runtime}: it needs tokio or tokio_current, and the feature `peers`")
    })
}

fn on<R: Runtime, V: Visitor>(implementation: ImplementationName, visitor: V) -> Option<V::Output> {
    Some(match implementation {
        ImplementationName::Handoff => visitor.visit::<R, Handoff>(),
        ImplementationName::HandoffAdaptive => visitor.visit::<R, HandoffAdaptive>(),
        ImplementationName::HandoffSpawned => visitor.visit::<R, HandoffSpawned>(),
        ImplementationName::HandoffOwned => visitor.visit::<R, HandoffOwned>(),
        ImplementationName::ManualVec => visitor.visit::<R, ManualVec>(),
        ImplementationName::ManualBuffered => visitor.visit::<R, ManualBuffered>(),
        ImplementationName::BytesMut => visitor.visit::<R, SplitBytesMut>(),
        ImplementationName::ChannelFramed => visitor.visit::<R, ChannelFramed>(),
        ImplementationName::RawCopy => visitor.visit::<R, RawCopy>(),
        ImplementationName::Peer1 | ImplementationName::Peer2 => return None,
    })
}

#[cfg(feature = "peers")]
fn on_tokio<R, V: Visitor>(implementation: ImplementationName, visitor: V) -> Option<V::Output>
where
    R: Runtime,
    crate::harness::implementations::Peer1: Implementation<R>,
    crate::harness::implementations::Peer2: Implementation<R>,
{
    match implementation {
        ImplementationName::Peer1 => Some(visitor.visit::<R, crate::harness::implementations::Peer1>()),
        ImplementationName::Peer2 => Some(visitor.visit::<R, crate::harness::implementations::Peer2>()),
        other => on::<R, V>(other, visitor),
    }
}

#[cfg(all(feature = "tokio", not(feature = "peers")))]
use on as on_tokio;
