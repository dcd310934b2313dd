//! Figures over the length of lines or the number of connections, as line charts.

use maud::{Markup, html};

use super::{
    lines::{Chart, Line, legend},
    metric::Metric,
    number::{bytes, count},
    setting::name,
    study::{Panel, Workload},
};
use crate::stream::RuntimeName;

/// What figures are shown over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Axis {
    FrameLen,
    Connections,
}

impl Axis {
    fn key(self) -> &'static str {
        match self {
            Self::FrameLen => "frame_len",
            Self::Connections => "connections",
        }
    }

    pub(super) fn name(self) -> String {
        name(self.key())
    }

    fn of(self, workload: &Workload) -> usize {
        match self {
            Self::FrameLen => workload.frame_len,
            Self::Connections => workload.connections,
        }
    }

    fn label(self) -> fn(u64) -> String {
        match self {
            Self::FrameLen => bytes,
            Self::Connections => count,
        }
    }

    fn other(self) -> Self {
        match self {
            Self::FrameLen => Self::Connections,
            Self::Connections => Self::FrameLen,
        }
    }

    /// The workloads along this axis, one for each value: the longest row of those that are alike, the one through the
    /// workload that is shown if there are several.
    fn workloads(self, panel: &Panel<'_>) -> Vec<Workload> {
        let all = panel.workloads();
        let shown = panel.shown();
        let row = |seed: &Workload| {
            let mut row: Vec<Workload> = Vec::new();
            // Those like the seed in all respects come first, so that they are taken where a value has several.
            let mut alike: Vec<_> =
                all.iter().copied().filter(|workload| self.alike(seed, workload)).collect();
            alike.sort_by_key(|workload| workload != seed && workload.load() != seed.load());
            for workload in alike {
                if row.iter().all(|taken| self.of(taken) != self.of(&workload)) {
                    row.push(workload);
                }
            }
            row.sort_by_key(|workload| self.of(workload));
            row
        };
        let rows = all.iter().map(row);
        rows.max_by_key(|row| (row.len(), row.contains(&shown))).unwrap_or_default()
    }

    /// Whether two workloads can be points of one line: they differ along this axis only, or in what keeps the bytes of
    /// all streams together about the same.
    fn alike(self, a: &Workload, b: &Workload) -> bool {
        let other = self.other();
        let (greater, lesser) = (a.bytes().max(b.bytes()), a.bytes().min(b.bytes()));
        other.of(a) == other.of(b) && (a.load() == b.load() || 4 * greater <= 5 * lesser)
    }
}

/// Charts of figures along an axis, one for each runtime and figure, and their legend; nothing if the workloads do not
/// differ along it.
pub(super) fn charts(panel: &Panel<'_>, title: &str, axis: Axis, metrics: &[Metric]) -> Option<Markup> {
    let workloads = axis.workloads(panel);
    if workloads.len() < 2 {
        return None;
    }
    let mut rows = Vec::new();
    let mut drawn = Vec::new();
    for &metric in metrics {
        let mut charts = Vec::new();
        for runtime in panel.runtimes() {
            let lines = lines(panel, runtime, axis, &workloads, metric);
            if !lines.is_empty() {
                charts.push(chart(runtime, axis, metric, &lines));
                drawn.extend(lines);
            }
        }
        if !charts.is_empty() {
            rows.push(html! { div.grid { @for chart in charts { (chart) } } });
        }
    }
    let along = along(axis, &workloads);
    (!rows.is_empty()).then(|| {
        html! {
            h3 { (title) ": over " (axis.name()) }
            p { (along) }
            (legend(&drawn))
            @for row in rows { (row) }
        }
    })
}

/// What is the same at all points, and what is not.
fn along(axis: Axis, workloads: &[Workload]) -> String {
    let fixed = match axis {
        Axis::FrameLen => format!("At {} connections", count(workloads[0].connections as u64)),
        Axis::Connections => format!("With lines of {}", bytes(workloads[0].frame_len as u64)),
    };
    let differs = |of: fn(&Workload) -> usize| workloads.iter().any(|other| of(other) != of(&workloads[0]));
    let lines = differs(|workload| workload.route_frames).then(|| name("route_frames"));
    let tunnel = differs(|workload| workload.tunnel_bytes).then(|| name("tunnel_bytes"));
    let both: Vec<_> = lines.into_iter().chain(tunnel).collect();
    if both.is_empty() {
        return format!("{fixed}.");
    }
    format!("{fixed}; from point to point, {} differ too.", both.join(" and "))
}

fn lines(
    panel: &Panel<'_>,
    runtime: RuntimeName,
    axis: Axis,
    workloads: &[Workload],
    metric: Metric,
) -> Vec<Line> {
    let mut all: Vec<Line> = Vec::new();
    for &workload in workloads {
        for group in panel.with(workload).filter(|group| group.setup.runtime == runtime) {
            let Some(spread) = group.spread(metric) else { continue };
            let point = (axis.of(&workload), spread);
            let implementation = group.setup.implementation;
            match all.iter_mut().find(|line| line.style == implementation as usize) {
                Some(line) => line.points.push(point),
                None => all.push(Line {
                    name: implementation.to_string(),
                    style: implementation as usize,
                    points: vec![point],
                }),
            }
        }
    }
    all.sort_by_key(|line| line.style);
    all
}

fn chart(runtime: RuntimeName, axis: Axis, metric: Metric, lines: &[Line]) -> Markup {
    let title = format!("{runtime}: {}", metric.name);
    Chart { title: &title, over: &axis.name(), label: axis.label(), unit: metric.unit, lines }.draw()
}
