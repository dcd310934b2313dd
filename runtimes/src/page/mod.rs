//! Figures as a page of tables and charts.

mod chart;
mod html;
mod samples;

pub use chart::{Axis, chart};
pub use html::{Part, Table, html};
pub use samples::Samples;

/// A number to three digits, or all that are before the point.
pub fn digits(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return value.to_string();
    }
    let rounded: f64 = format!("{value:.2e}").parse().unwrap_or(value);
    let decimals = (2 - rounded.abs().log10().floor() as i32).max(0) as usize;
    if decimals > 6 { format!("{rounded:e}") } else { format!("{rounded:.decimals$}") }
}
