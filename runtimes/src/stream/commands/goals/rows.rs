//! The aims, as data.

use crate::stream::{
    Bound, ImplementationName,
    ImplementationName::{
        ChannelFramed, Handoff, HandoffAdaptive, ManualBuffered, ManualVec, Peer2, RawCopy,
    },
    commands::metric::{
        Metric,
        Metric::{Cpu, P99, ReadCalls, Throughput, WriteCalls},
    },
    names::names,
};

names! {
    /// Rows that are measured in a similar way.
    Group {
        /// Nothing but the proxy.
        Cached,
        /// Over sockets.
        Tcp,
        /// Over sockets, with the proxies in a process of their own.
        Split,
        /// The same, pinned, with large transfers.
        Bulk,
        /// How often readers and writers are called.
        Calls,
    }
}

impl Group {
    /// What its rows have in common, in words.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Cached => "cached",
            Self::Tcp | Self::Calls => "tcp",
            Self::Split => "tcp, two processes",
            Self::Bulk => "tcp, two pinned processes, 8 streams of 32 MiB",
        }
    }

    /// What its rows have in common, in flags of `compare`.
    pub(super) fn settings(self) -> &'static str {
        match self {
            Self::Cached => "--transport cached --worker-threads 2 --connections 32 --tunnel-bytes 1048576",
            Self::Tcp | Self::Calls => {
                "--transport tcp --worker-threads 2 --connections 32 --tunnel-bytes 262144"
            }
            Self::Split => {
                "--transport tcp --split --worker-threads 2 --connections 32 --tunnel-bytes 262144"
            }
            Self::Bulk => {
                "--transport tcp --service-cores 0 --driver-cores 1 --scenario coalesced --connections 8 \
                 --tunnel-bytes 33554432"
            }
        }
    }
}

/// One aim: a figure of one implementation over the same of another, under some settings, and what it is to keep within.
#[derive(Debug)]
pub(super) struct Goal {
    pub(super) group: Group,
    pub(super) work: &'static str,
    /// What is added to the settings of the group, or replaces them.
    pub(super) settings: &'static str,
    pub(super) of: ImplementationName,
    pub(super) with: ImplementationName,
    pub(super) metric: Metric,
    pub(super) aim: Bound,
}

/// More is better.
const fn least(ratio: f64) -> Bound {
    Bound { at_least: Some(ratio), at_most: None }
}

/// Less is better.
const fn most(ratio: f64) -> Bound {
    Bound { at_least: None, at_most: Some(ratio) }
}

impl Goal {
    /// A goal of `handoff`.
    const fn new(
        group: Group,
        (work, settings): Work,
        with: ImplementationName,
        metric: Metric,
        aim: Bound,
    ) -> Self {
        Self { group, work, settings, of: Handoff, with, metric, aim }
    }

    /// The same of another implementation.
    const fn of(self, of: ImplementationName) -> Self {
        Self { of, ..self }
    }
}

/// In words and in flags.
type Work = (&'static str, &'static str);

const LARGE: Work = ("16 KiB arrivals", "--input-fragment 16384");
const SEGMENTS: Work = ("1460 B arrivals", "--input-fragment 1460");
const SMALL: Work = ("64 B arrivals", "--input-fragment 64");
const TICKETS: Work = ("64 B arrivals, tickets awaited", "--input-fragment 64 --completion ticket");
const COALESCED: Work = ("coalesced arrivals", "--scenario coalesced");
const FRAGMENTED: Work = ("fragmented arrivals, 64 B", "--scenario fragmented");
const READS_8: Work = ("reads of 8 KiB there", "--input-fragment 262144 --read-reserve 8192");
const READS_16: Work = ("reads of 16 KiB there", "--input-fragment 262144 --read-reserve 16384");

/// All of them, in the order in which they are shown.
pub(super) const GOALS: &[Goal] = &[
    Goal::new(Group::Cached, LARGE, ManualVec, Throughput, least(1.3)),
    Goal::new(Group::Cached, LARGE, ManualBuffered, Throughput, least(1.2)),
    Goal::new(Group::Cached, LARGE, Peer2, Throughput, least(2.0)),
    Goal::new(Group::Cached, LARGE, RawCopy, Throughput, least(0.85)),
    Goal::new(Group::Cached, LARGE, ChannelFramed, Throughput, least(2.0)),
    Goal::new(Group::Cached, SEGMENTS, ManualVec, Throughput, least(1.2)),
    Goal::new(Group::Cached, SEGMENTS, RawCopy, Throughput, least(0.9)),
    Goal::new(Group::Cached, SEGMENTS, Peer2, Throughput, least(4.0)),
    Goal::new(Group::Cached, SEGMENTS, ChannelFramed, Throughput, least(2.0)),
    Goal::new(Group::Cached, SMALL, ManualVec, Throughput, least(2.5)),
    Goal::new(Group::Cached, SMALL, RawCopy, Throughput, least(2.0)),
    Goal::new(Group::Cached, SMALL, Peer2, Throughput, least(10.0)),
    Goal::new(Group::Cached, SMALL, ChannelFramed, Throughput, least(2.0)),
    Goal::new(Group::Cached, TICKETS, Peer2, Throughput, least(30.0)),
    Goal::new(Group::Tcp, LARGE, ChannelFramed, Throughput, least(1.1)),
    Goal::new(Group::Tcp, SEGMENTS, ChannelFramed, Throughput, least(1.1)),
    Goal::new(Group::Tcp, SMALL, ChannelFramed, Throughput, least(1.1)),
    Goal::new(Group::Split, COALESCED, ManualBuffered, Cpu, most(0.95)),
    Goal::new(Group::Split, COALESCED, ManualBuffered, Throughput, least(1.0)),
    Goal::new(Group::Split, COALESCED, ManualBuffered, P99, most(1.0)),
    Goal::new(Group::Split, FRAGMENTED, ManualBuffered, Cpu, most(0.95)),
    Goal::new(Group::Bulk, READS_8, RawCopy, Throughput, least(2.5)).of(HandoffAdaptive),
    Goal::new(Group::Bulk, READS_8, RawCopy, Cpu, most(0.3)).of(HandoffAdaptive),
    Goal::new(Group::Bulk, READS_16, ManualBuffered, Throughput, least(1.7)).of(HandoffAdaptive),
    Goal::new(Group::Bulk, READS_16, ManualBuffered, Cpu, most(0.45)).of(HandoffAdaptive),
    Goal::new(Group::Calls, LARGE, ManualBuffered, ReadCalls, most(1.0)),
    Goal::new(Group::Calls, LARGE, ManualBuffered, WriteCalls, most(1.0)),
    Goal::new(Group::Calls, SEGMENTS, ManualBuffered, ReadCalls, most(1.0)),
    Goal::new(Group::Calls, SEGMENTS, ManualBuffered, WriteCalls, most(1.0)),
    Goal::new(Group::Calls, SMALL, ManualBuffered, ReadCalls, most(1.0)),
    Goal::new(Group::Calls, SMALL, ManualBuffered, WriteCalls, most(1.0)),
];
