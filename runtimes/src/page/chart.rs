//! Figures as bars.

use plotters::prelude::*;

use super::{Samples, digits};

const WIDTH: u32 = 900;
const LABELS: u32 = 360;
const ROW: u32 = 22;

/// What the axis of a chart is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Axis {
    /// Figures, from 0 on, with a red line at one of them.
    Figures {
        /// Where the line is.
        mark: Option<f64>,
    },
    /// Ratios, from 1 on, where a red line is. Half and twice as much are equally long.
    Ratios,
}

impl Axis {
    fn mark(self) -> Option<f64> {
        match self {
            Self::Figures { mark } => mark,
            Self::Ratios => Some(1.0),
        }
    }

    /// The place of a figure on the axis.
    fn place(self, figure: f64) -> f64 {
        match self {
            Self::Figures { .. } => figure,
            Self::Ratios => figure.log2(),
        }
    }

    /// The figure at a place of the axis.
    fn figure(self, place: f64) -> f64 {
        match self {
            Self::Figures { .. } => place,
            Self::Ratios => place.exp2(),
        }
    }
}

/// A bar for each median, with a line from the least to the greatest, as SVG.
///
/// # Panics
///
/// If a figure is not a number, or infinite.
pub fn chart(title: &str, bars: &[(String, &Samples)], axis: Axis) -> String {
    let mut svg = String::new();
    let height = 70 + ROW * bars.len() as u32;
    // Writing into memory cannot fail.
    draw(&mut svg, title, bars, axis, height).expect("a chart is drawn into memory");
    // A chart fills the given width, and has a title for screen readers.
    let sized = format!("<svg width=\"{WIDTH}\" height=\"{height}\"");
    svg.replacen(&sized, &format!("<svg role=\"img\" aria-label=\"{title}\""), 1)
}

fn draw(
    svg: &mut String,
    title: &str,
    bars: &[(String, &Samples)],
    axis: Axis,
    height: u32,
) -> Result<(), Box<dyn std::error::Error>> {
    let area = SVGBackend::with_string(svg, (WIDTH, height)).into_drawing_area();
    area.fill(&WHITE)?;
    let least = match axis {
        Axis::Figures { .. } => 0.0,
        Axis::Ratios => bars.iter().map(|(_, ratios)| ratios.min()).fold(0.8, f64::min) / 1.05,
    };
    let most = axis.mark().unwrap_or_default() * 1.2;
    let most = bars.iter().map(|(_, figures)| figures.max()).fold(most, f64::max) * 1.05;
    let (begin, end) = (axis.place(least), axis.place(most));
    let rows = bars.len() as f64;
    let mut chart = ChartBuilder::on(&area)
        .caption(title, ("sans-serif", 16))
        .margin(10)
        .x_label_area_size(25)
        .y_label_area_size(LABELS)
        .build_cartesian_2d(begin..end, 0.0..rows)?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .y_labels(0)
        .x_labels(8)
        .x_label_formatter(&|place| digits(axis.figure(*place)))
        .draw()?;
    let row = |bar: usize| rows - 1.0 - bar as f64;
    let from = if axis == Axis::Ratios { axis.place(1.0) } else { 0.0 };
    let series = bars.iter().enumerate().map(|(bar, (_, figures))| {
        let corners = [(from, row(bar) + 0.2), (axis.place(figures.median()), row(bar) + 0.8)];
        Rectangle::new(corners, RGBColor(90, 130, 190).filled())
    });
    chart.draw_series(series)?;
    let ranges = bars.iter().enumerate().map(|(bar, (_, figures))| {
        let y = row(bar) + 0.5;
        PathElement::new(vec![(axis.place(figures.min()), y), (axis.place(figures.max()), y)], BLACK)
    });
    chart.draw_series(ranges)?;
    let mark = axis.mark().map(|mark| axis.place(mark));
    chart.draw_series(mark.map(|x| PathElement::new(vec![(x, 0.0), (x, rows)], RED)))?;
    for (bar, (label, figures)) in bars.iter().enumerate() {
        let (_, y) = chart.backend_coord(&(begin, row(bar) + 0.5));
        let text = format!("{label}: {}", digits(figures.median()));
        area.draw(&Text::new(text, (10, y - 7), ("sans-serif", 13)))?;
    }
    Ok(area.present()?)
}
