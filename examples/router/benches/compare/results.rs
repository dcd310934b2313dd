//! The results, as tables in the terminal and as a page with charts.

use futures_handoff_runtimes::page::{Axis, Part, Samples, Table, chart, digits, html};

use crate::{
    arguments::Arguments,
    column::{Column, Figure},
    config::{HAPROXY, PROXIES, Proxy},
};

/// The values of a column.
pub struct Results {
    column: &'static Column,
    proxies: Vec<&'static Proxy>,
    /// For each proxy the samples of each figure.
    samples: Vec<Vec<Samples>>,
}

impl Results {
    pub fn new(column: &'static Column, proxies: &[&'static Proxy]) -> Self {
        let samples = vec![vec![Samples::default(); column.figures.len()]; proxies.len()];
        Self { column, proxies: proxies.to_vec(), samples }
    }

    /// Adds a round of one proxy.
    pub fn add(&mut self, proxy: usize, values: Vec<f64>) {
        for (samples, value) in self.samples[proxy].iter_mut().zip(values) {
            samples.0.push(value);
        }
    }

    pub fn print(&self) {
        println!("\n{}: {}", self.column.name, self.column.about);
        for (at, figure) in self.column.figures.iter().enumerate() {
            let table = self.table(at, figure);
            let [name, head @ ..] = &table.head[..] else { unreachable!("a table has a head") };
            println!("\n  {name:<38}{}", aligned(head));
            for row in &table.rows {
                println!("    {:<36}{}", row[0], aligned(&row[1..]));
            }
        }
    }

    fn table(&self, at: usize, figure: &Figure) -> Table {
        let against = [PROXIES[0].name, HAPROXY].map(|name| {
            let proxy = self.proxies.iter().position(|proxy| proxy.name == name)?;
            Some((name, &self.samples[proxy][at]))
        });
        let against: Vec<_> = against.into_iter().flatten().collect();
        let better = if figure.more_is_better { "more is better" } else { "less is better" };
        let head = [format!("{}, {better}", figure.name), "median".to_owned(), "quartiles".to_owned()];
        let rows = self.proxies.iter().zip(&self.samples).map(|(proxy, samples)| {
            let samples = &samples[at];
            let [low, high] = [0.25, 0.75].map(|share| digits(samples.quantile(share)));
            let cells = [proxy.name.to_owned(), digits(samples.median()), format!("{low} to {high}")];
            // The ratios of each round, whose measurements were close together.
            let ratios = against.iter().map(|(_, other)| match samples.ratios(other).median() {
                ratio if ratio.is_finite() => digits(ratio),
                _ => "-".to_owned(),
            });
            cells.into_iter().chain(ratios).collect()
        });
        Table {
            labels: 1,
            rows: rows.collect(),
            head: head.into_iter().chain(against.iter().map(|(name, _)| format!("/ {name}"))).collect(),
        }
    }

    fn parts(&self, parts: &mut Vec<Part>) {
        parts.push(Part::Heading(self.column.name.to_owned()));
        parts.push(Part::Text(self.column.about.to_owned()));
        for (at, figure) in self.column.figures.iter().enumerate() {
            let bars = self.proxies.iter().zip(&self.samples);
            let bars: Vec<_> = bars.map(|(proxy, samples)| (proxy.name.to_owned(), &samples[at])).collect();
            let first = self.proxies.iter().position(|proxy| proxy.name == PROXIES[0].name);
            let mark = first.map(|first| self.samples[first][at].median());
            let table = self.table(at, figure);
            let title = format!("{}: {}", self.column.name, table.head[0]);
            parts.push(Part::Chart(chart(&title, &bars, Axis::Figures { mark })));
            parts.push(Part::Table(table));
        }
    }
}

fn aligned(cells: &[String]) -> String {
    cells.iter().map(|cell| format!("{cell:>22}")).collect()
}

/// The page as HTML.
pub fn page(results: &[Results], arguments: &Arguments) -> String {
    let mut parts = vec![Part::Text(format!(
        "Proxies of TCP connections, each a process with one thread on a core of its own; what connects to them and \
         what they connect to share another core and one thread. {} rounds, in which each proxy has its turn for {} \
         s, in the other order every other round. Every byte was compared with the one that was sent. HAProxy, nginx \
         and copy_bidirectional forward without a look at the bytes; the router reads the first head of HTTP and routes \
         by its host. Only router-tokio-log writes a line for each connection. CPU time is that of the proxy's process. \
         Ratios are medians of the ratios of each round. A bar ends at the median; the line over it goes from the \
         least to the greatest value, and the red one stands at the median of {}.",
        arguments.rounds,
        arguments.time.as_secs_f64(),
        PROXIES[0].name,
    ))];
    for results in results {
        results.parts(&mut parts);
    }
    html("The router and other proxies", &parts)
}
