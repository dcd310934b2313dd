//! Line charts, whatever they are of.
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
    number::{Scale, Unit, short},
    study::{distinct, greatest},
};
use crate::stream::Spread;

const SIZE: (u32, u32) = (640, 420);
const KEY: (u32, u32) = (72, 28);
const FONT: i32 = 24;

const INK: RGBColor = RGBColor(0, 1, 0);
const GRID: RGBColor = RGBColor(0, 2, 0);
const PAPER: RGBColor = RGBColor(0, 3, 0);

fn color(style: usize) -> RGBColor {
    RGBColor(0, 0, style as u8)
}

/// One line of a chart.
pub(super) struct Line {
    /// What it is of.
    pub(super) name: String,
    /// Which colour and mark it has.
    pub(super) style: usize,
    /// Where each point is across, and what was measured there.
    pub(super) points: Vec<(usize, Spread)>,
}

/// Lines over one axis, which is logarithmic. The other one begins at 0.
pub(super) struct Chart<'a> {
    pub(super) title: &'a str,
    /// What is across.
    pub(super) over: &'a str,
    /// A value across in words.
    pub(super) label: fn(u64) -> String,
    pub(super) unit: Unit,
    pub(super) lines: &'a [Line],
}

impl Chart<'_> {
    /// The chart, which says in words what it shows.
    pub(super) fn draw(&self) -> Markup {
        let Self { title, over, label, unit, lines } = self;
        let spreads = lines.iter().flat_map(|line| &line.points).map(|(_, spread)| spread.clone());
        let (median, max) = greatest(spreads).unwrap_or_default();
        let scale = unit.scale(median);
        let end = scale.end(median, max);
        let unit = if scale.suffix.is_empty() { String::new() } else { format!(" ({})", scale.suffix) };
        let title = format!("{title}{unit}");
        let said = lines.iter().map(|line| {
            let points = line
                .points
                .iter()
                .map(|(at, spread)| format!("{} at {}", scale.number(spread.median()), label(*at as u64)));
            format!("{}: {}", line.name, points.collect::<Vec<_>>().join(", "))
        });
        let said = format!("{title} over {over}. {}.", said.collect::<Vec<_>>().join("; "));
        html! {
            figure.curves {
                figcaption { (title) }
                (svg(SIZE, Some(&said), |area| draw(area, *label, lines, scale, end)))
            }
        }
    }
}

/// What the lines of some charts are of.
pub(super) fn legend<'a>(lines: impl IntoIterator<Item = &'a Line>) -> Markup {
    let mut drawn: Vec<_> = lines.into_iter().map(|line| (line.style, &line.name)).collect();
    drawn.sort_unstable();
    drawn.dedup();
    html! { ul.legend { @for (style, name) in drawn { li { (key(style)) (name) } } } }
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn<'a> = Result<(), DrawingAreaErrorKind<<SVGBackend<'a> as DrawingBackend>::ErrorType>>;

fn draw<'a>(area: &Area<'a>, label: fn(u64) -> String, lines: &[Line], scale: Scale, end: f64) -> Drawn<'a> {
    let values = distinct(lines.iter().flat_map(|line| line.points.iter().map(|(at, _)| *at)));
    let (first, last) = (values[0] as f64, values[values.len() - 1] as f64);
    // Room for the marks at both ends, and around a single value.
    let room = (last / first).powf(0.05).max(1.1);
    let across = ((first / room)..(last * room)).log_scale().with_key_points(spaced(&values));
    // In units of the scale, so that what is round stands at the axis.
    let end = scale.scaled(end);
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
        .x_label_formatter(&|&value| label(value.round() as u64))
        .y_label_formatter(&|&value| short(value))
        .draw()?;
    for Line { style, points, .. } in lines {
        let color = color(*style);
        let at = |at: &usize, value: f64| (*at as f64, scale.scaled(value).min(end));
        chart.draw_series(points.iter().map(|(x, spread)| {
            PathElement::new([at(x, spread.min()), at(x, spread.max())], color.mix(0.5).stroke_width(3))
        }))?;
        let line: Vec<_> = points.iter().map(|(x, spread)| at(x, spread.median())).collect();
        chart.draw_series([PathElement::new(line.clone(), color.stroke_width(4))])?;
        for (part, filling) in marks(*style) {
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

/// The mark of a style, in polygons around the point: twelve shapes, so that colour is never needed.
fn marks(style: usize) -> Vec<(Vec<(i32, i32)>, RGBColor)> {
    let (corners, turn) = [(16, 0.0), (4, 0.5), (3, 0.0), (4, 0.0), (3, 1.0), (5, 0.0)][style % 6];
    let around = |radius: f64| {
        let corner = |corner: u32| {
            let angle = (f64::from(2 * corner) + turn) * std::f64::consts::PI / f64::from(corners);
            ((radius * angle.sin()).round() as i32, (-radius * angle.cos()).round() as i32)
        };
        (0..corners).map(corner).collect::<Vec<_>>()
    };
    let outer = (around(11.0), color(style));
    // Every second time round they are hollow.
    if (style / 6).is_multiple_of(2) { vec![outer] } else { vec![outer, (around(6.0), PAPER)] }
}

/// What stands in a legend.
fn key(style: usize) -> Markup {
    svg(KEY, None, |area| {
        let (width, middle) = (KEY.0 as i32, KEY.1 as i32 / 2);
        let color = color(style);
        area.draw(&PathElement::new([(2, middle), (width - 2, middle)], color.stroke_width(4)))?;
        for (part, filling) in marks(style) {
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
