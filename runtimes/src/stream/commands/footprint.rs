//! `footprint`: what memory an idle connection keeps.

use std::{
    env,
    path::PathBuf,
    process::{Command, Stdio},
};

use comfy_table::{Cell, CellAlignment, Table, presets::ASCII_MARKDOWN};

use crate::{
    footprint::{Footprint, Selection},
    stream::{
        Failure, Output, interrupt,
        journal::{FOOTPRINT, Journal},
        say::{say, show},
    },
};

/// The binary that counts.
const COUNTER: &str = "footprint";

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    selection: Selection,

    /// The program that counts [default: the one of this workspace, which Cargo builds if need be]
    #[arg(long, value_name = "PROGRAM")]
    counter: Option<PathBuf>,

    /// The directory of the results under target/harness [default: a new one]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

impl Args {
    pub(super) fn check(&self) -> Result<(), String> {
        self.selection.check()
    }

    pub(super) fn run(&self) -> Result<(), Failure> {
        let name = self.name.clone().unwrap_or_else(|| Output::fresh_name("footprint"));
        let mut journal = Journal::create(&name, FOOTPRINT)?;
        let footprints = self.count()?;
        footprints.iter().try_for_each(|footprint| journal.add(footprint))?;
        show!(
            "live bytes / allocations of each connection, by how many there are; inline: what its owner holds"
        )?;
        show!("{}", table(&footprints))?;
        say!("results in {}", journal.path().display());
        Ok(())
    }

    /// What the counter counts.
    fn count(&self) -> Result<Vec<Footprint>, Failure> {
        let mut command = self.command();
        let what = command.get_program().to_string_lossy().into_owned();
        let failed = |why: &str| Failure::Other(format!("{what} cannot count footprints: {why}"));
        let ran = command.args(self.selection.words()).stdin(Stdio::null()).output();
        if interrupt::is_set() {
            return Err(Failure::Interrupted);
        }
        let ran = ran.map_err(|error| failed(&error.to_string()))?;
        if !ran.status.success() {
            let said = String::from_utf8_lossy(&ran.stderr);
            return Err(failed(said.lines().last().unwrap_or("it fails without a word")));
        }
        let lines = String::from_utf8_lossy(&ran.stdout);
        let footprint = |line: &str| serde_json::from_str(line).map_err(|error| failed(&error.to_string()));
        lines.lines().map(footprint).collect()
    }

    fn command(&self) -> Command {
        if let Some(counter) = &self.counter {
            return Command::new(counter);
        }
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.args(["run", "--release", "--quiet", "--package", "futures-handoff-runtimes"]);
        command.args(["--all-features", "--bin", COUNTER]);
        // Cargo says where the package is that it runs; its workspace is one up.
        if let Some(package) = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from) {
            command.arg("--manifest-path").arg(package.with_file_name("Cargo.toml"));
        }
        command.arg("--");
        command
    }
}

/// One line for each implementation and state, one column for each number of connections.
fn table(footprints: &[Footprint]) -> Table {
    let mut numbers: Vec<_> = footprints.iter().map(|footprint| footprint.connections).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let mut table = Table::new();
    let header = ["implementation", "state", "inline"].map(str::to_owned);
    table.load_preset(ASCII_MARKDOWN);
    table.set_header(header.into_iter().chain(numbers.iter().map(ToString::to_string)));
    let mut rows: Vec<Vec<&Footprint>> = Vec::new();
    for footprint in footprints {
        let key = |of: &Footprint| (of.implementation, of.state);
        match rows.iter_mut().find(|row| key(row[0]) == key(footprint)) {
            Some(row) => row.push(footprint),
            None => rows.push(vec![footprint]),
        }
    }
    for row in rows {
        let first = row[0];
        let labels = [first.implementation.to_string(), first.state.to_string()].map(Cell::new);
        let figures = row.iter().map(|footprint| {
            format!("{:.0} / {:.1}", footprint.bytes_per_connection, footprint.allocations_per_connection)
        });
        let figures = std::iter::once(first.inline_bytes.to_string()).chain(figures);
        let figures = figures.map(|text| Cell::new(text).set_alignment(CellAlignment::Right));
        table.add_row(labels.into_iter().chain(figures));
    }
    table
}
