//! What round trips came to, as it is kept.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use super::Exchange;
use crate::stream::{Kept, record::rounded};

/// Round trips that were made: their settings and their figures. The names of the fields are those of the columns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trips {
    /// What was measured.
    #[serde(flatten)]
    pub exchange: Exchange,
    /// Which repetition, from 1. Ratios are of runs of one repetition.
    pub run: usize,
    /// What it came to.
    #[serde(flatten)]
    pub figures: Figures,
}

impl Kept for Trips {
    const RUNS: &'static str = "exchange";
    const SUMMARY: &'static str = "exchange_summary.csv";

    type Setup = Exchange;
    type Figures = Figures;

    fn setup(&self) -> &Exchange {
        &self.exchange
    }

    fn figures(&self) -> &Figures {
        &self.figures
    }
}

/// What round trips came to. A figure that could not be had is none.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Figures {
    /// Frames that were written.
    pub frames: u64,
    /// Bytes that came back and were compared.
    pub bytes: u64,
    /// Calls of the writer that took bytes.
    pub write_calls: u64,
    /// Calls of the writer that were pending.
    pub pending_calls: u64,
    /// Those that took bytes, for each frame.
    pub writes_per_frame: f64,
    /// CPU time of the process for each frame, without that of a thread that is the peer.
    pub cpu_ns_per_frame: Option<f64>,
    /// CPU time of that thread for each frame.
    pub echo_cpu_ns_per_frame: Option<f64>,
    /// From the first frame's write to the last byte of the answer, for half of the round trips at the most.
    pub round_trip_p50_micros: f64,
    /// The same for 99 of 100.
    pub round_trip_p99_micros: f64,
    /// All of it.
    pub total_seconds: f64,
}

/// What was seen of round trips, by the side that asks.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) frames: u64,
    pub(super) bytes: u64,
    pub(super) write_calls: u64,
    pub(super) pending_calls: u64,
    pub(super) round_trips: Histogram<u64>,
    pub(super) wall: Duration,
    /// CPU time of the process in seconds.
    pub(super) cpu: Option<f64>,
}

impl Figures {
    /// What was seen, with the CPU time of a peer that is a thread of its own, or none if there is no such peer.
    pub(super) fn new(seen: &Seen, echo: Option<Option<f64>>) -> Self {
        let frames = seen.frames as f64;
        let cpu = match echo {
            None => seen.cpu,
            Some(echo) => seen.cpu.zip(echo).map(|(process, echo)| process - echo),
        };
        let per_frame = |seconds: f64| rounded(1e9 * seconds / frames);
        let micros = |quantile| rounded(seen.round_trips.value_at_quantile(quantile) as f64 / 1e3);
        Self {
            frames: seen.frames,
            bytes: seen.bytes,
            write_calls: seen.write_calls,
            pending_calls: seen.pending_calls,
            writes_per_frame: rounded(seen.write_calls as f64 / frames),
            cpu_ns_per_frame: cpu.map(per_frame),
            echo_cpu_ns_per_frame: echo.flatten().map(per_frame),
            round_trip_p50_micros: micros(0.5),
            round_trip_p99_micros: micros(0.99),
            total_seconds: rounded(seen.wall.as_secs_f64()),
        }
    }
}

/// A figure that is shown and compared. Of each less is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// Calls of the writer that took bytes, for a frame.
    Writes,
    /// CPU time for a frame.
    Cpu,
    /// The median of the round trips.
    P50,
    /// What 99 of 100 round trips keep within.
    P99,
}

impl Measure {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Writes, Self::Cpu, Self::P50, Self::P99];

    /// The figure, if it could be had. Times are in microseconds.
    #[must_use]
    pub fn of(self, figures: &Figures) -> Option<f64> {
        match self {
            Self::Writes => Some(figures.writes_per_frame),
            Self::Cpu => figures.cpu_ns_per_frame.map(|nanos| nanos / 1e3),
            Self::P50 => Some(figures.round_trip_p50_micros),
            Self::P99 => Some(figures.round_trip_p99_micros),
        }
    }

    /// What it is called.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Writes => "writer calls per frame",
            Self::Cpu => "CPU time per frame",
            Self::P50 => "round trip p50",
            Self::P99 => "round trip p99",
        }
    }
}
