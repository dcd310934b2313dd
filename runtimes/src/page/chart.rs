//! Figures as bars.

use plotters::prelude::*;

use super::{Samples, digits};

const WIDTH: u32 = 900;
const LABELS: u32 = 360;
const ROW: u32 = 22;

/// A bar for each median, with a line from the least to the greatest, as SVG. A red line is at `mark`.
///
/// # Panics
///
/// If a figure is not a number, or infinite.
pub fn chart(title: &str, bars: &[(String, &Samples)], mark: Option<f64>) -> String {
    let mut svg = String::new();
    let height = 70 + ROW * bars.len() as u32;
    // Into memory: it cannot fail for want of room or of rights.
    draw(&mut svg, title, bars, mark, height).expect("a chart is drawn into memory");
    // A chart has the width that it is given, and is read aloud by its title.
    let sized = format!("<svg width=\"{WIDTH}\" height=\"{height}\"");
    svg.replacen(&sized, &format!("<svg role=\"img\" aria-label=\"{title}\""), 1)
}

fn draw(
    svg: &mut String,
    title: &str,
    bars: &[(String, &Samples)],
    mark: Option<f64>,
    height: u32,
) -> Result<(), Box<dyn std::error::Error>> {
    let area = SVGBackend::with_string(svg, (WIDTH, height)).into_drawing_area();
    area.fill(&WHITE)?;
    let end = bars.iter().map(|(_, ratios)| ratios.max()).fold(mark.unwrap_or(0.0) * 1.2, f64::max) * 1.05;
    let rows = bars.len() as f64;
    let mut chart = ChartBuilder::on(&area)
        .caption(title, ("sans-serif", 16))
        .margin(10)
        .x_label_area_size(25)
        .y_label_area_size(LABELS)
        .build_cartesian_2d(0.0..end, 0.0..rows)?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .y_labels(0)
        .x_labels(8)
        .x_label_formatter(&|ratio| digits(*ratio))
        .draw()?;
    let place = |bar: usize| rows - 1.0 - bar as f64;
    let series = bars.iter().enumerate().map(|(bar, (_, ratios))| {
        let y = place(bar);
        Rectangle::new([(0.0, y + 0.2), (ratios.median(), y + 0.8)], RGBColor(90, 130, 190).filled())
    });
    chart.draw_series(series)?;
    let ranges = bars.iter().enumerate().map(|(bar, (_, ratios))| {
        let y = place(bar) + 0.5;
        PathElement::new(vec![(ratios.min(), y), (ratios.max(), y)], BLACK)
    });
    chart.draw_series(ranges)?;
    chart.draw_series(mark.map(|mark| PathElement::new(vec![(mark, 0.0), (mark, rows)], RED)))?;
    for (bar, (label, ratios)) in bars.iter().enumerate() {
        let (_, y) = chart.backend_coord(&(0.0, place(bar) + 0.5));
        let text = format!("{label}: {}", digits(ratios.median()));
        area.draw(&Text::new(text, (10, y - 7), ("sans-serif", 13)))?;
    }
    Ok(area.present()?)
}
