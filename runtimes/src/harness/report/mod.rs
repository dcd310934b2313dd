//! `report`: results as one page of tables and charts. The page does not depend on where or when it
//! is made.

mod ratios;

use std::{collections::BTreeSet, path::PathBuf};

use serde_json::Value;

use super::{
    Failure, Record, Samples,
    console::print_line,
    results::{groups, load, make, replace, text},
};
use crate::page::{self, Part, Table, digits};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The names of the results under target/harness; figures of equal settings are combined
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,

    /// Where report.html is written [default: to the first of the results]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Where the chart of the throughput is written besides, as an SVG file
    #[arg(long, value_name = "FILE")]
    chart: Option<PathBuf>,
}

impl Args {
    pub(super) fn run(self) -> Result<(), Failure> {
        let (mut records, mut titles, mut known) = (Vec::new(), Vec::new(), BTreeSet::new());
        let mut out = self.out;
        for name in self.names {
            let (directory, runs) = load(&name)?;
            // Runs that are named twice count once.
            if known.insert(directory.clone()) {
                // Only runs of one directory were measured in turns, so that no number is used
                // twice.
                let last = records.iter().map(Record::run).max().unwrap_or(0);
                records.extend(runs.into_iter().map(|mut record| {
                    let run = last + record.run();
                    record.fields.insert("run".to_owned(), run.into());
                    record
                }));
                let title = directory.file_name().map(|title| title.to_string_lossy().into_owned());
                titles.push(title.unwrap_or(name));
            }
            out.get_or_insert(directory);
        }
        let parts = parts(&records);
        if let Some(path) = &self.chart {
            // That of the throughput comes first.
            let svg =
                parts.iter().find_map(|part| if let Part::Chart(svg) = part { Some(svg) } else { None });
            let svg = svg.ok_or_else(|| "there is no chart: nothing was compared".to_owned())?;
            replace(path, svg.as_bytes())?;
        }
        let out = make(out.unwrap_or_default())?;
        let title = format!("Routed streams: {}", titles.join(", "));
        let path = out.join("report.html");
        replace(&path, page::html(&title, &parts).as_bytes())?;
        print_line!("{}", path.display())
    }
}

/// The figures of the last table, by their names in a record, and what they are called.
const FIGURES: [(&str, &str); 19] = [
    ("mib_per_sec", "MiB/s"),
    ("cpu_ns_per_byte", "CPU ns/B"),
    ("cpu_ns_per_frame", "CPU ns/line"),
    ("cpu_avg_cores", "cores in use"),
    ("latency_p50_micros", "stream p50 µs"),
    ("latency_p99_micros", "stream p99 µs"),
    ("frame_latency_p50_micros", "line p50 µs"),
    ("frame_latency_p99_micros", "line p99 µs"),
    ("allocations_per_mib", "allocations/MiB"),
    ("allocated_bytes_per_byte", "allocated B/B"),
    ("read_calls_per_mib", "reads/MiB"),
    ("write_calls_per_mib", "writes/MiB"),
    ("inline_share", "inline share"),
    ("syscalls_per_mib", "system calls/MiB"),
    ("send_calls_per_mib", "sends/MiB"),
    ("recv_calls_per_mib", "receives/MiB"),
    ("max_rss_bytes", "peak memory B"),
    ("driver_cpu_ns_per_byte", "driver CPU ns/B"),
    ("driver_max_rss_bytes", "driver peak memory B"),
];

fn parts(records: &[Record]) -> Vec<Part> {
    let groups = groups(records, &[]);
    let varied = varied(records);
    let mut parts = vec![Part::Text(format!(
        "Streams of lines that a proxy routes one by one, then a tunnel whose bytes pass as they are. What comes out is \
         compared with what went in, byte for byte. {} runs of {} configurations; each figure covers the time from when \
         all connections stand to the last byte's comparison. Where the mode is integrated, CPU time, memory and \
         allocations include the two ends around the proxy.",
        records.len(),
        groups.len()
    ))];

    let equal = records.iter().take(1).flat_map(Record::setup);
    let equal = equal.filter(|(name, value)| !value.is_null() && !varied.contains(name));
    parts.push(Part::Heading("What is equal in all runs".to_owned()));
    parts.push(Part::Table(Table {
        labels: 2,
        head: vec!["setting".to_owned(), "value".to_owned()],
        rows: equal.map(|(name, value)| vec![name.clone(), text(value)]).collect(),
    }));

    ratios::add(&mut parts, records, &varied);

    parts.push(Part::Heading("All figures".to_owned()));
    parts.push(Part::Text(
        "Medians over the runs, with the least and the greatest. Latencies of streams are from the first byte in to the \
         last byte out; those of lines from their source to the comparison. What no run could measure is left out."
            .to_owned(),
    ));
    let labels: Vec<_> = if varied.is_empty() { vec!["implementation".to_owned()] } else { varied.clone() };
    let figures: Vec<_> =
        FIGURES.iter().filter(|(name, _)| records.iter().any(|run| run.number(name).is_some())).collect();
    let head = labels.iter().cloned().chain(["runs".to_owned()]);
    let rows = groups.iter().map(|group| {
        let settings = labels.iter().map(|name| group[0].text(name));
        let cells = figures.iter().map(|(name, _)| spread(&Samples::of(group.iter().copied(), name)));
        settings.chain([group.len().to_string()]).chain(cells).collect()
    });
    parts.push(Part::Table(Table {
        labels: labels.len(),
        head: head.chain(figures.iter().map(|(_, title)| (*title).to_owned())).collect(),
        rows: rows.collect(),
    }));
    parts
}

/// The settings that are not the same in all runs.
fn varied(records: &[Record]) -> Vec<String> {
    let Some(first) = records.first() else { return Vec::new() };
    let value = |record: &Record, name: &String| record.fields.get(name).cloned().unwrap_or(Value::Null);
    let differs = |name: &&String| records.iter().any(|record| value(record, name) != value(first, name));
    first.setup().map(|(name, _)| name).filter(differs).cloned().collect()
}

/// The median, and the minimum and maximum if there are several.
fn spread(samples: &Samples) -> String {
    match samples.0.len() {
        0 => "n/a".to_owned(),
        1 => digits(samples.median()),
        _ => format!("{} ({} to {})", digits(samples.median()), digits(samples.min()), digits(samples.max())),
    }
}
