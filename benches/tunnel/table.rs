//! The results as a table.

use crate::load::Taken;

pub struct Table {
    title: String,
    rows: Vec<(&'static str, Vec<Taken>)>,
}

impl Table {
    pub fn new(title: &str, names: impl Iterator<Item = &'static str>) -> Self {
        Self { title: title.to_owned(), rows: names.map(|name| (name, Vec::new())).collect() }
    }

    /// Adds a round of all of them.
    pub fn add(&mut self, round: impl Iterator<Item = Taken>) {
        for ((_, row), taken) in self.rows.iter_mut().zip(round) {
            row.push(taken);
        }
    }

    /// The rates, and how the first one compares with each: more speed and less CPU time are
    /// better.
    pub fn print(&self, (unit, per): (&str, f64)) {
        println!(
            "\n{:<34} {unit:>8} {:>10} {:>18} {:>18}",
            self.title, "CPU ns", "speed of tunnel", "its CPU time"
        );
        let own = &self.rows[0].1;
        for (name, row) in &self.rows {
            let rate = median(row.iter().map(|taken| taken.amount / taken.time.as_secs_f64() / per));
            let cpu = median(row.iter().map(|taken| taken.cpu.as_secs_f64() * 1e9 / taken.amount));
            let pairs = || own.iter().zip(row);
            let speed = median(pairs().map(|(own, other)| other.time.as_secs_f64() / own.time.as_secs_f64()));
            let cost = median(pairs().map(|(own, other)| own.cpu.as_secs_f64() / other.cpu.as_secs_f64()));
            println!("  {name:<32} {rate:>8.2} {cpu:>10.3} {speed:>17.2}x {cost:>17.2}x");
        }
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
