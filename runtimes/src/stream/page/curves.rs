//! Figures over the length of lines or the number of connections, as line charts.
//!
//! `plotters` draws with placeholder colours, which become variables of the style sheet: that is how a chart follows the
//! colours of the page. It has a view box of twice the size at which it is shown, because it draws on whole units.

use maud::{Markup, PreEscaped, html};
use plotters::{
    backend::{DrawingBackend, SVGBackend},
    chart::{ChartBuilder, LabelAreaPosition},
    coord::{
        Shift,
        combinators::{BindKeyPoints, IntoLogRange},
    },
    drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea},
    element::{EmptyElement, PathElement, Polygon},
    style::{Color, IntoFont, RGBColor},
};

use super::{
    metric::Metric,
    number::{Scale, bytes, count},
    setting::name,
    study::{Panel, Workload, distinct, greatest},
};
use crate::stream::{ImplementationName, RuntimeName, Spread};

const SIZE: (u32, u32) = (640, 420);
const KEY: (u32, u32) = (72, 28);
const FONT: i32 = 24;

const INK: RGBColor = RGBColor(0, 1, 0);
const GRID: RGBColor = RGBColor(0, 2, 0);
const PAPER: RGBColor = RGBColor(0, 3, 0);

fn color(implementation: ImplementationName) -> RGBColor {
    RGBColor(0, 0, implementation as u8)
}

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

    fn label(self, value: usize) -> String {
        match self {
            Self::FrameLen => bytes(value as u64),
            Self::Connections => count(value as u64),
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

/// One line of a chart.
struct Series {
    implementation: ImplementationName,
    points: Vec<(usize, Spread)>,
}

/// Charts of figures along an axis, one for each runtime and figure, and their legend; nothing if the workloads do not
/// differ along it.
pub(super) fn charts(panel: &Panel<'_>, title: &str, axis: Axis, metrics: &[Metric]) -> Option<Markup> {
    let workloads = axis.workloads(panel);
    if workloads.len() < 2 {
        return None;
    }
    let mut rows = Vec::new();
    let mut drawn: Vec<ImplementationName> = Vec::new();
    for &metric in metrics {
        let mut charts = Vec::new();
        for runtime in panel.runtimes() {
            let series = series(panel, runtime, axis, &workloads, metric);
            if !series.is_empty() {
                drawn.extend(series.iter().map(|series| series.implementation));
                charts.push(chart(runtime, axis, metric, &series));
            }
        }
        if !charts.is_empty() {
            rows.push(html! { div.grid { @for chart in charts { (chart) } } });
        }
    }
    drawn.sort_by_key(|&implementation| implementation as usize);
    drawn.dedup();
    let along = along(axis, &workloads);
    (!rows.is_empty()).then(|| {
        html! {
            h3 { (title) ": over " (axis.name()) }
            p { (along) }
            ul.legend { @for implementation in drawn { li { (key(implementation)) (implementation) } } }
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

fn series(
    panel: &Panel<'_>,
    runtime: RuntimeName,
    axis: Axis,
    workloads: &[Workload],
    metric: Metric,
) -> Vec<Series> {
    let mut all: Vec<Series> = Vec::new();
    for &workload in workloads {
        for group in panel.with(workload).filter(|group| group.setup.runtime == runtime) {
            let Some(spread) = group.spread(metric) else { continue };
            let point = (axis.of(&workload), spread);
            let implementation = group.setup.implementation;
            match all.iter_mut().find(|series| series.implementation == implementation) {
                Some(series) => series.points.push(point),
                None => all.push(Series { implementation, points: vec![point] }),
            }
        }
    }
    all.sort_by_key(|series| series.implementation as usize);
    all
}

fn chart(runtime: RuntimeName, axis: Axis, metric: Metric, series: &[Series]) -> Markup {
    let spreads = series.iter().flat_map(|series| &series.points).map(|(_, spread)| spread.clone());
    let (median, max) = greatest(spreads).unwrap_or_default();
    let scale = metric.unit.scale(median);
    let end = scale.end(median, max);
    let title = format!("{runtime}: {} ({})", metric.name, scale.suffix);
    let said = series.iter().map(|series| {
        let points = series
            .points
            .iter()
            .map(|(at, spread)| format!("{} at {}", scale.number(spread.median()), axis.label(*at)));
        format!("{}: {}", series.implementation, points.collect::<Vec<_>>().join(", "))
    });
    let said = format!("{title} over {}. {}.", axis.name(), said.collect::<Vec<_>>().join("; "));
    html! {
        figure.curves {
            figcaption { (title) }
            (svg(SIZE, Some(&said), |area| draw(area, axis, series, scale, end)))
        }
    }
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn<'a> = Result<(), DrawingAreaErrorKind<<SVGBackend<'a> as DrawingBackend>::ErrorType>>;

fn draw<'a>(area: &Area<'a>, axis: Axis, series: &[Series], scale: Scale, end: f64) -> Drawn<'a> {
    let values = distinct(series.iter().flat_map(|series| series.points.iter().map(|(at, _)| *at)));
    let (first, last) = (values[0] as f64, values[values.len() - 1] as f64);
    // Room for the marks at both ends, and around a single value.
    let room = (last / first).powf(0.05).max(1.1);
    let across = ((first / room)..(last * room)).log_scale().with_key_points(spaced(&values));
    let mut chart = ChartBuilder::on(area)
        .margin(8)
        .margin_top(18)
        .margin_right(28)
        .set_label_area_size(LabelAreaPosition::Left, 84)
        .set_label_area_size(LabelAreaPosition::Bottom, 44)
        .build_cartesian_2d(across, 0.0..end)?;
    chart
        .configure_mesh()
        .light_line_style(GRID.mix(0.0))
        .bold_line_style(GRID)
        .axis_style(INK)
        .label_style(("sans-serif", FONT).into_font().color(&INK))
        .y_labels(5)
        .x_label_formatter(&|&value| axis.label(value.round() as usize))
        .y_label_formatter(&|&value| scale.tick(value))
        .draw()?;
    for Series { implementation, points } in series {
        let color = color(*implementation);
        let at = |at: &usize, value: f64| (*at as f64, value);
        chart.draw_series(points.iter().map(|(x, spread)| {
            PathElement::new(
                [at(x, spread.min()), at(x, spread.max().min(end))],
                color.mix(0.5).stroke_width(3),
            )
        }))?;
        let line: Vec<_> = points.iter().map(|(x, spread)| at(x, spread.median())).collect();
        chart.draw_series([PathElement::new(line.clone(), color.stroke_width(4))])?;
        for (part, filling) in marks(*implementation) {
            chart.draw_series(
                line.iter().map(|&point| EmptyElement::at(point) + Polygon::new(part.clone(), filling)),
            )?;
        }
    }
    Ok(())
}

/// Those that are far enough from each other to be labelled.
fn spaced(values: &[usize]) -> Vec<f64> {
    let (first, last) = (values[0] as f64, values[values.len() - 1] as f64);
    let least = (last / first).powf(0.17);
    let mut kept = vec![first];
    for &value in &values[1..] {
        let value = value as f64;
        // The last one is always labelled.
        if value / kept[kept.len() - 1] >= least && (value == last || last / value >= least) {
            kept.push(value);
        }
    }
    kept
}

/// The mark of an implementation, in polygons around the point: ten shapes, so that colour is never needed.
fn marks(implementation: ImplementationName) -> Vec<(Vec<(i32, i32)>, RGBColor)> {
    let index = implementation as usize;
    let (corners, turn) = [(16, 0.0), (4, 0.5), (3, 0.0), (4, 0.0), (3, 1.0)][index % 5];
    let around = |radius: f64| {
        let corner = |corner: u32| {
            let angle = (f64::from(2 * corner) + turn) * std::f64::consts::PI / f64::from(corners);
            ((radius * angle.sin()).round() as i32, (-radius * angle.cos()).round() as i32)
        };
        (0..corners).map(corner).collect::<Vec<_>>()
    };
    let outer = (around(11.0), color(implementation));
    // Every second time round they are hollow.
    if (index / 5).is_multiple_of(2) { vec![outer] } else { vec![outer, (around(6.0), PAPER)] }
}

/// What stands in a legend.
fn key(implementation: ImplementationName) -> Markup {
    svg(KEY, None, |area| {
        let (width, middle) = (KEY.0 as i32, KEY.1 as i32 / 2);
        let color = color(implementation);
        area.draw(&PathElement::new([(2, middle), (width - 2, middle)], color.stroke_width(4)))?;
        for (part, filling) in marks(implementation) {
            area.draw(&(EmptyElement::at((width / 2, middle)) + Polygon::new(part, filling)))?;
        }
        Ok(())
    })
}

/// A drawing with a description, or one that only adorns.
fn svg(size: (u32, u32), said: Option<&str>, draw: impl for<'a> Fn(&Area<'a>) -> Drawn<'a>) -> Markup {
    let mut drawing = String::new();
    {
        let area = SVGBackend::with_string(&mut drawing, size).into_drawing_area();
        draw(&area).and_then(|()| area.present()).expect("a string takes what is drawn");
    }
    let inner = drawing.split_once('>').map_or("", |(_, rest)| rest).trim_end();
    let inner = colored(inner.strip_suffix("</svg>").unwrap_or(inner));
    html! {
        svg viewBox={ "0 0 " (size.0) " " (size.1) } role=[said.map(|_| "img")] aria-label=[said]
            aria-hidden=[said.is_none().then_some("true")] {
            (PreEscaped(inner))
        }
    }
}

/// Variables of the style sheet instead of placeholder colours.
fn colored(drawing: &str) -> String {
    let mut parts = drawing.split("\"#");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let hex = part.get(..6).and_then(|hex| u32::from_str_radix(hex, 16).ok());
        let variable = match hex {
            Some(0x0100) => "ink".to_owned(),
            Some(0x0200) => "grid".to_owned(),
            Some(0x0300) => "paper".to_owned(),
            other => format!("s{}", other.unwrap_or_default()),
        };
        text.push_str(&format!("\"var(--{variable})"));
        text.push_str(part.get(6..).unwrap_or_default());
    }
    text
}
