//! What a line and a byte cost along one axis of a matrix.

use clap::ValueEnum;

use super::table;
use crate::stream::{
    Failure, Growth, Record, Spread,
    output::groups,
    record::{Figures, Setup},
    say::{say, show},
};

/// What the cost is shown over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Axis {
    /// Streams at a time
    Connections,
    /// Lengths of a line
    FrameSizes,
}

impl Axis {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::FrameSizes => "frame size",
        }
    }

    fn of(self, setup: &Setup) -> usize {
        match self {
            Self::Connections => setup.connections,
            Self::FrameSizes => setup.frame_len,
        }
    }

    /// Whether two setups differ along this axis only, and in what follows from it.
    fn alike(self, a: &Setup, b: &Setup) -> bool {
        let mut b = Setup {
            route_frames: a.route_frames,
            tunnel_bytes: a.tunnel_bytes,
            write_pending_bytes: a.write_pending_bytes,
            ..b.clone()
        };
        match self {
            Self::Connections => b.connections = a.connections,
            Self::FrameSizes => b.frame_len = a.frame_len,
        }
        *a == b
    }

    fn label(self, setup: &Setup) -> String {
        let other = match self {
            Self::Connections => format!("lines of {} bytes", setup.frame_len),
            Self::FrameSizes => format!("{} connections", setup.connections),
        };
        format!("{} on {}, {}, {other}", setup.implementation, setup.runtime, setup.scenario)
    }
}

/// One kind of cost.
struct Cost {
    name: &'static str,
    of: fn(&Figures) -> Option<f64>,
}

const COSTS: [Cost; 2] = [
    Cost { name: "line", of: |figures| figures.cpu_ns_per_frame },
    Cost { name: "byte", of: |figures| figures.cpu_ns_per_byte },
];

/// What was measured at one place: medians of the cost of a line and of a byte.
pub(super) struct Point<'a> {
    pub(super) setup: &'a Setup,
    at: usize,
    pub(super) costs: [Option<f64>; COSTS.len()],
}

impl<'a> Point<'a> {
    fn new(axis: Axis, group: &[&'a Record]) -> Self {
        let median = |cost: &Cost| {
            let mut spread = Spread::default();
            group.iter().filter_map(|record| (cost.of)(&record.figures)).for_each(|value| spread.add(value));
            (!spread.values().is_empty()).then(|| spread.median())
        };
        let setup = &group[0].setup;
        Self { setup, at: axis.of(setup), costs: COSTS.each_ref().map(median) }
    }
}

/// Prints the cost at each place, and by how much it changes from the first to the last.
pub(super) fn print(axis: Axis, records: &[Record]) -> Result<(), Failure> {
    let mut rows: Vec<Vec<Point<'_>>> = Vec::new();
    for group in groups(records) {
        let point = Point::new(axis, &group);
        match rows.iter_mut().find(|row| axis.alike(row[0].setup, point.setup)) {
            Some(row) => row.push(point),
            None => rows.push(vec![point]),
        }
    }
    rows.iter_mut().for_each(|row| row.sort_by_key(|point| point.at));
    show!("\n{}\n", table::growth(&rows))?;
    for row in &rows {
        for (place, Cost { name, .. }) in COSTS.iter().enumerate() {
            let points: Option<Vec<_>> =
                row.iter().map(|point| point.costs[place].map(|cost| (point.at, cost))).collect();
            let label = axis.label(row[0].setup);
            match points.and_then(Growth::through) {
                Some(growth) => show!(
                    "{label}: CPU per {name} at {} is {:.3} times that at {}, flat within {:.0} %",
                    growth.points()[growth.points().len() - 1].0,
                    growth.factor(),
                    growth.points()[0].0,
                    growth.flat_within(),
                )?,
                None => say!("{label}: there is no CPU time of a {name} everywhere"),
            }
        }
    }
    Ok(())
}
