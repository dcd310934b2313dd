//! Settings in words.

use clap::ValueEnum;
use serde_json::{Map, Value};

use super::{
    number::{bytes, count, short},
    study::{Panel, Workload, distinct},
};
use crate::stream::{
    Record, Scenario,
    record::{fields, text},
};

/// What a setting is called, and whether it is a length in bytes. One that is not listed goes by its own name.
const NAMES: [(&str, &str, bool); 22] = [
    ("mode", "processes", false),
    ("runtime", "runtime", false),
    ("transport", "transport", false),
    ("implementation", "implementation", false),
    ("scenario", "arrivals", false),
    ("completion", "after a write", false),
    ("window", "tickets outstanding", false),
    ("worker_threads", "worker threads", false),
    ("connections", "connections", false),
    ("route_frames", "lines per stream", false),
    ("frame_len", "line length", true),
    ("tunnel_bytes", "tunnel per stream", true),
    ("input_fragment", "arriving pieces", true),
    ("input_model", "model of arrivals", false),
    ("tcp_mss_bytes", "TCP segment payload", true),
    ("read_reserve", "most per read", true),
    ("handoff_flush_bytes", "gathered before a write", true),
    ("write_pending_bytes", "write budget", true),
    ("duplex_capacity", "pipe capacity", true),
    ("burst", "source's burst", true),
    ("configured_iterations", "rounds at least", false),
    ("duration_seconds_target", "seconds at least", false),
];

/// What a setting is called.
pub(super) fn name(setting: &str) -> String {
    let known = NAMES.iter().find(|(key, ..)| *key == setting);
    known.map_or_else(|| setting.replace('_', " "), |(_, name, _)| (*name).to_owned())
}

/// Its value.
pub(super) fn value(setting: &str, value: &Value) -> String {
    let length = NAMES.iter().any(|&(key, _, length)| length && key == setting);
    match (value.as_u64(), value.as_f64()) {
        (Some(number), _) if length => bytes(number),
        (Some(number), _) => count(number),
        (None, Some(number)) => short(number),
        (None, None) => text(value),
    }
}

/// Name and value.
pub(super) fn both(setting: &str, of: &Value) -> String {
    format!("{} {}", name(setting), value(setting, of))
}

/// The settings of runs: names and values.
pub(super) struct Settings {
    /// Equal in all of them.
    pub(super) equal: Vec<(String, String)>,
    /// Not so; all values.
    pub(super) varied: Vec<(String, String)>,
}

impl Settings {
    pub(super) fn of(records: &[Record]) -> Self {
        let setups: Vec<_> = records.iter().map(|record| fields(&record.setup)).collect();
        let (mut equal, mut varied) = (Vec::new(), Vec::new());
        for setting in setups.iter().flat_map(Map::keys).take(setups.first().map_or(0, Map::len)) {
            let mut values: Vec<&Value> = Vec::new();
            for of in setups.iter().filter_map(|setup| setup.get(setting)) {
                if !values.contains(&of) {
                    values.push(of);
                }
            }
            values.sort_by(|a, b| a.as_f64().partial_cmp(&b.as_f64()).unwrap_or(std::cmp::Ordering::Equal));
            // What no run has set is no setting of them.
            if values.iter().all(|value| value.is_null()) {
                continue;
            }
            let text: Vec<_> = values.iter().map(|of| value(setting, of)).collect();
            let list = if values.len() == 1 { &mut equal } else { &mut varied };
            list.push((name(setting), text.join(", ")));
        }
        Self { equal, varied }
    }
}

/// What the names stand for that occur in runs, as the command line explains them: what is named, the name, the meaning.
pub(super) fn glossary(records: &[Record]) -> Vec<[String; 3]> {
    fn explain<T: ValueEnum + PartialEq>(
        setting: &str,
        records: &[Record],
        of: fn(&Record) -> T,
        rows: &mut Vec<[String; 3]>,
    ) {
        let occurs = |known: &&T| records.iter().any(|record| of(record) == **known);
        for value in T::value_variants().iter().filter(occurs).filter_map(T::to_possible_value) {
            let meaning = value.get_help().map(ToString::to_string).unwrap_or_default().replace('`', "");
            rows.push([name(setting), value.get_name().to_owned(), meaning]);
        }
    }
    let mut rows = Vec::new();
    explain("implementation", records, |record| record.setup.implementation, &mut rows);
    explain("transport", records, |record| record.setup.transport, &mut rows);
    explain("completion", records, |record| record.setup.completion, &mut rows);
    for scenario in Scenario::value_variants() {
        let setups = records.iter().map(|record| &record.setup).filter(|setup| setup.scenario == *scenario);
        let lengths = distinct(setups.map(|setup| setup.input_fragment as u64));
        if !lengths.is_empty() {
            let lengths: Vec<_> = lengths.into_iter().map(bytes).collect();
            rows.push([
                name("scenario"),
                scenario.to_string(),
                format!("In pieces of {}", lengths.join(", ")),
            ]);
        }
    }
    rows
}

/// What tells each panel from the others: transport and scenario, and what else it takes.
pub(super) fn titles(panels: &[Panel<'_>]) -> Vec<String> {
    panels
        .iter()
        .map(|panel| {
            let alike = |other: &&Panel<'_>| {
                ["transport", "scenario"]
                    .iter()
                    .all(|key| other.settings.get(*key) == panel.settings.get(*key))
            };
            let mut title = ["transport", "scenario"]
                .map(|key| panel.settings.get(key).map_or_else(String::new, text))
                .to_vec();
            title.extend(panel.settings.iter().filter_map(|(key, of)| {
                let differs = panels.iter().filter(alike).any(|other| other.settings.get(key) != Some(of));
                differs.then(|| if key == "mode" { text(of) } else { both(key, of) })
            }));
            title.join(", ")
        })
        .collect()
}

impl Workload {
    /// The settings of it in which `all` differ.
    pub(super) fn parts(&self, all: &[Self]) -> Vec<(&'static str, String)> {
        let settings = |of: &Self| {
            [
                ("connections", of.connections),
                ("frame_len", of.frame_len),
                ("route_frames", of.route_frames),
                ("tunnel_bytes", of.tunnel_bytes),
            ]
        };
        let differs = |setting: &(&str, usize)| all.iter().any(|other| !settings(other).contains(setting));
        let differing = settings(self).into_iter().filter(differs);
        differing.map(|(key, of)| (key, value(key, &of.into()))).collect()
    }

    /// The same as a phrase; nothing if there is one workload only.
    pub(super) fn phrase(&self, all: &[Self]) -> String {
        let parts = self.parts(all).into_iter().map(|(key, of)| format!("{} {of}", name(key)));
        parts.collect::<Vec<_>>().join(", ")
    }
}
