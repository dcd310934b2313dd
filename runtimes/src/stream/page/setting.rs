//! Settings in words.

use serde_json::{Map, Value};

use super::{
    number::{bytes, count, digits},
    study::{Panel, Workload},
};
use crate::stream::{
    Record,
    record::{fields, text},
};

/// What a setting is called, and whether it is a length in bytes. One that is not listed goes by its own name.
const NAMES: [(&str, &str, bool); 22] = [
    ("mode", "processes", false),
    ("runtime", "runtime", false),
    ("transport", "transport", false),
    ("implementation", "implementation", false),
    ("scenario", "arrivals", false),
    ("completion", "completion", false),
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
        (None, Some(number)) => digits(number),
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
            let text: Vec<_> = values.iter().map(|of| value(setting, of)).collect();
            let list = if values.len() == 1 { &mut equal } else { &mut varied };
            list.push((name(setting), text.join(", ")));
        }
        Self { equal, varied }
    }
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
        let settings: [(&str, fn(&Self) -> usize); 4] = [
            ("connections", |workload| workload.connections),
            ("frame_len", |workload| workload.frame_len),
            ("route_frames", |workload| workload.route_frames),
            ("tunnel_bytes", |workload| workload.tunnel_bytes),
        ];
        let differ = settings.into_iter().filter(|(_, of)| all.iter().any(|other| of(other) != of(self)));
        differ.map(|(key, of)| (key, value(key, &of(self).into()))).collect()
    }

    /// The same as a phrase; nothing if there is one workload only.
    pub(super) fn phrase(&self, all: &[Self]) -> String {
        let parts = self.parts(all).into_iter().map(|(key, of)| format!("{} {of}", name(key)));
        parts.collect::<Vec<_>>().join(", ")
    }
}
