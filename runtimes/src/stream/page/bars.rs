//! Figures as bars, in tables that read as tables too.

use maud::{Markup, html};

use super::{
    metric::Metric,
    number::{MISSING, Scale, digits},
    ratio::OF,
    study::{Group, Panel, greatest},
};

/// Bars of one figure, or of a lesser one in front of a greater one, for each runtime and implementation; nothing if no
/// group has it.
pub(super) fn chart(panel: &Panel<'_>, title: &str, metrics: &[Metric]) -> Option<Markup> {
    let groups: Vec<_> = panel.with(panel.shown()).collect();
    let spreads = groups.iter().flat_map(|group| metrics.iter().filter_map(|&metric| group.spread(metric)));
    let (median, max) = greatest(spreads)?;
    let scale = metrics[0].unit.scale(median);
    let end = scale.end(median, max);
    let ticks = [0.0, end / 2.0, end].map(|tick| scale.tick(tick));
    Some(html! {
        figure.bars {
            table {
                caption { (title) }
                thead {
                    tr {
                        th scope="col" { span.hidden { "implementation" } }
                        td aria-hidden="true" { div.ticks { @for tick in &ticks { span { (tick) } } } }
                        th scope="col" { (scale.suffix) }
                    }
                }
                @for runtime in panel.runtimes() {
                    @let of: Vec<_> = groups.iter().filter(|group| group.setup.runtime == runtime).collect();
                    @if !of.is_empty() {
                        tbody {
                            tr { th.group colspan="3" scope="rowgroup" { (runtime) } }
                            @for group in of { (row(group, metrics, scale, end)) }
                        }
                    }
                }
            }
        }
    })
}

fn row(group: &Group<'_>, metrics: &[Metric], scale: Scale, end: f64) -> Markup {
    let implementation = group.setup.implementation;
    let spreads: Vec<_> = metrics.iter().map(|&metric| group.spread(metric)).collect();
    let text = |spread: &Option<_>| {
        spread.as_ref().map_or_else(
            || MISSING.to_owned(),
            |spread: &crate::stream::Spread| scale.number(spread.median()),
        )
    };
    let texts: Vec<_> = spreads.iter().map(text).collect();
    let percent = |value: f64| digits((100.0 * value / end).clamp(0.0, 100.0));
    let color = format!("--c:var(--s{})", implementation as usize);
    html! {
        tr.of[implementation == OF] {
            th scope="row" { (implementation) }
            td {
                div.track style=(color) {
                    // The greater one first, so that the lesser one lies over it.
                    @for (index, spread) in spreads.iter().enumerate().rev() {
                        @if let Some(spread) = spread {
                            div class=(if index == 0 { "fill" } else { "fill back" })
                                style={ "width:" (percent(spread.median())) "%" } {}
                            @if index + 1 == spreads.len() && spread.values().len() > 1 {
                                div.range.cut[spread.max() > end] style={
                                    "left:" (percent(spread.min())) "%;width:"
                                    (percent(spread.max().min(end) - spread.min())) "%"
                                } {}
                            }
                        }
                    }
                }
            }
            td { (texts.join(" / ")) }
        }
    }
}
