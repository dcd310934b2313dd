//! Figures of the handoff divided by those of what it is compared with.

use crate::{
    harness::{Record, Samples, results::groups},
    page::{Axis, Part, Table, chart, digits},
};

/// What is compared with all the others.
const OF: &str = "handoff";

/// Figures that are compared, by their names in a record, and whether more is better.
const COMPARED: [(&str, &str, bool); 4] = [
    ("mib_per_sec", "throughput", true),
    ("cpu_ns_per_byte", "CPU time per byte", false),
    ("latency_p99_micros", "stream p99", false),
    ("frame_latency_p99_micros", "line p99", false),
];

/// The ratios to one other implementation under some settings.
struct Comparison {
    /// What varies of the settings, and the implementation.
    labels: Vec<String>,
    /// As many as there are in [`COMPARED`].
    ratios: Vec<Samples>,
}

/// Adds a table of all ratios, and a chart for each figure.
pub(super) fn add(parts: &mut Vec<Part>, records: &[Record], varied: &[String]) {
    let labels: Vec<_> = varied.iter().filter(|name| *name != "implementation").cloned().collect();
    let mut comparisons = Vec::new();
    for group in groups(records, &["implementation"]) {
        let group: Vec<_> = group.into_iter().cloned().collect();
        let sides = groups(&group, &[]);
        let Some(of) = sides.iter().find(|side| side[0].text("implementation") == OF) else { continue };
        for with in sides.iter().filter(|side| side[0].text("implementation") != OF) {
            let settings = labels.iter().map(String::as_str).chain(["implementation"]);
            comparisons.push(Comparison {
                labels: settings.map(|name| with[0].text(name)).collect(),
                ratios: COMPARED.iter().map(|(figure, ..)| divided(of, with, figure)).collect(),
            });
        }
    }
    parts.push(Part::Heading("Ratios".to_owned()));
    if comparisons.is_empty() {
        parts.push(Part::Text(format!(
            "There is no run of {OF} and of another implementation with otherwise equal settings."
        )));
        return;
    }
    parts.push(Part::Text(format!(
        "Figures of {OF} divided by those of another implementation with otherwise equal settings, run by run in the \
         order they were measured: the median, with the least and the greatest. A ratio is better or worse if all runs \
         say so, and unclear otherwise."
    )));
    let better = |more| if more { "above 1 is better" } else { "below 1 is better" };
    let head = labels.iter().cloned().chain(["against".to_owned()]);
    parts.push(Part::Table(Table {
        labels: labels.len() + 1,
        head: head.chain(COMPARED.map(|(_, name, more)| format!("{name}, {}", better(more)))).collect(),
        rows: comparisons.iter().map(row).collect(),
    }));
    for (place, (_, name, more)) in COMPARED.into_iter().enumerate() {
        let bars = comparisons.iter().filter(|comparison| !comparison.ratios[place].0.is_empty());
        let bars: Vec<_> = bars.map(|bar| (bar.labels.join(", "), &bar.ratios[place])).collect();
        if !bars.is_empty() {
            parts.push(Part::Chart(chart(&format!("{name} of {OF}, {}", better(more)), &bars, Axis::Ratios)));
        }
    }
}

fn row(comparison: &Comparison) -> Vec<String> {
    let cells = comparison.ratios.iter().zip(COMPARED).map(|(ratios, (_, _, more))| {
        let (median, min, max) = (ratios.median(), ratios.min(), ratios.max());
        match ratios.0.len() {
            0 => "n/a".to_owned(),
            1 => format!("{} {}", digits(median), verdict(ratios, more)),
            _ => {
                let [median, min, max] = [median, min, max].map(digits);
                format!("{median} ({min} to {max}) {}", verdict(ratios, more))
            }
        }
    });
    comparison.labels.iter().cloned().chain(cells).collect()
}

fn verdict(ratios: &Samples, more_is_better: bool) -> &'static str {
    match (ratios.min() > 1.0, ratios.max() < 1.0) {
        (true, _) if more_is_better => "better",
        (_, true) if !more_is_better => "better",
        (false, false) => "unclear",
        _ => "worse",
    }
}

/// A ratio for each pair of runs of one number, which were measured close together; that of the
/// medians if there is no such pair.
fn divided(of: &[&Record], with: &[&Record], figure: &str) -> Samples {
    let value = |record: &Record| record.number(figure).filter(|&value| value > 0.0);
    let pairs = of.iter().filter_map(|of| {
        let with = with.iter().find(|with| with.run() == of.run())?;
        Some(value(of)? / value(with)?)
    });
    let pairs: Samples = pairs.collect();
    let ratio =
        Samples::of(of.iter().copied(), figure).median() / Samples::of(with.iter().copied(), figure).median();
    if pairs.0.is_empty() && ratio.is_finite() { Samples(vec![ratio]) } else { pairs }
}
