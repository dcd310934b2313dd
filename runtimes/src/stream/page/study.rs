//! Runs in order: by what is measured, under which settings, with which workload.

use serde_json::{Map, Value};

use super::metric::Metric;
use crate::stream::{
    ImplementationName, Record, RuntimeName, Spread,
    output::groups,
    record::{Setup, fields},
};

/// Runs with equal settings.
#[derive(Debug)]
pub(super) struct Group<'a> {
    pub(super) setup: &'a Setup,
    pub(super) records: Vec<&'a Record>,
}

impl Group<'_> {
    /// The figures of one kind, if there is any.
    pub(super) fn spread(&self, metric: Metric) -> Option<Spread> {
        let mut spread = Spread::default();
        self.records
            .iter()
            .filter_map(|record| metric.of(&record.figures))
            .for_each(|value| spread.add(value));
        (!spread.values().is_empty()).then_some(spread)
    }

    pub(super) fn workload(&self) -> Workload {
        Workload {
            connections: self.setup.connections,
            frame_len: self.setup.frame_len,
            route_frames: self.setup.route_frames,
            tunnel_bytes: self.setup.tunnel_bytes,
        }
    }
}

/// What the streams carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Workload {
    pub(super) connections: usize,
    pub(super) frame_len: usize,
    pub(super) route_frames: usize,
    pub(super) tunnel_bytes: usize,
}

impl Workload {
    /// What one stream carries, apart from the length of its lines.
    pub(super) fn load(&self) -> (usize, usize) {
        (self.route_frames, self.tunnel_bytes)
    }

    /// What all streams carry together, about.
    pub(super) fn bytes(&self) -> usize {
        self.connections * (self.route_frames * (self.frame_len + 1) + self.tunnel_bytes)
    }
}

/// The settings of a workload, and what differs between bars of one chart.
const WITHIN_PANEL: [&str; 6] =
    ["runtime", "implementation", "connections", "frame_len", "route_frames", "tunnel_bytes"];

/// What can be seen in one chart: groups whose settings differ in the runtime, the implementation and the workload
/// only.
#[derive(Debug)]
pub(super) struct Panel<'a> {
    /// The settings that the groups share.
    pub(super) settings: Map<String, Value>,
    /// By runtime, implementation and workload.
    pub(super) groups: Vec<Group<'a>>,
}

impl<'a> Panel<'a> {
    /// All of them, in the order of the first run of each.
    pub(super) fn of(records: &'a [Record]) -> Vec<Self> {
        let mut panels: Vec<Self> = Vec::new();
        for records in groups(records) {
            let setup = &records[0].setup;
            let mut settings = fields(setup);
            settings.retain(|name, _| !WITHIN_PANEL.contains(&name.as_str()));
            let group = Group { setup, records };
            match panels.iter_mut().find(|panel| panel.settings == settings) {
                Some(panel) => panel.groups.push(group),
                None => panels.push(Self { settings, groups: vec![group] }),
            }
        }
        for panel in &mut panels {
            panel.groups.sort_by_key(|group| {
                (group.setup.runtime as usize, group.setup.implementation as usize, group.workload())
            });
        }
        panels
    }

    /// The workloads, in order.
    pub(super) fn workloads(&self) -> Vec<Workload> {
        distinct(self.groups.iter().map(Group::workload))
    }

    /// The runtimes, in order.
    pub(super) fn runtimes(&self) -> Vec<RuntimeName> {
        let mut runtimes: Vec<_> = self.groups.iter().map(|group| group.setup.runtime).collect();
        runtimes.dedup();
        runtimes
    }

    /// The groups of a workload, in order.
    pub(super) fn with(&self, workload: Workload) -> impl Iterator<Item = &Group<'a>> {
        self.groups.iter().filter(move |group| group.workload() == workload)
    }

    /// The group of that, if it was measured.
    pub(super) fn group(
        &self,
        runtime: RuntimeName,
        implementation: ImplementationName,
        workload: Workload,
    ) -> Option<&Group<'a>> {
        self.with(workload)
            .find(|group| group.setup.runtime == runtime && group.setup.implementation == implementation)
    }

    /// The workload that stands for all where only one can be shown: the one that most was measured with, of those the
    /// one with most others beside it on either axis, of those the middle one.
    pub(super) fn shown(&self) -> Workload {
        let workloads = self.workloads();
        let weight = |of: &Workload| {
            let beside =
                |other: &&Workload| other.connections == of.connections || other.frame_len == of.frame_len;
            (self.with(*of).count(), workloads.iter().filter(beside).count())
        };
        let most = workloads.iter().map(weight).max().unwrap_or_default();
        let first: Vec<_> = workloads.iter().filter(|&workload| weight(workload) == most).collect();
        *first[first.len() / 2]
    }
}

/// The greatest median and the greatest value of all, if there is any.
pub(super) fn greatest(spreads: impl IntoIterator<Item = Spread>) -> Option<(f64, f64)> {
    let both = spreads.into_iter().map(|spread| (spread.median(), spread.max()));
    both.reduce(|(median, max), (other_median, other_max)| (median.max(other_median), max.max(other_max)))
}

/// Each once, in order.
pub(super) fn distinct<T: Ord>(of: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut values: Vec<_> = of.into_iter().collect();
    values.sort();
    values.dedup();
    values
}
