//! `instructions`: what single operations cost, counted and not timed.

use std::{
    env,
    process::{Command, Stdio},
};

use clap::ValueEnum;
use comfy_table::{CellAlignment, Table, presets::ASCII_MARKDOWN};

use crate::stream::{
    Failure, Names, interrupt,
    operations::{Operation, Operator},
    say::show,
    settings::between,
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// What is done: names, separated by commas, or all
    #[arg(long, value_name = "OPERATIONS", default_value = "all", value_parser = Names::<Operation>::parse)]
    operation: Names<Operation>,

    /// How often: the instructions of this many are subtracted from those of twice as many
    #[arg(long, value_name = "TIMES", default_value_t = 20_000, value_parser = between(100, 100_000_000))]
    count: usize,

    /// The name of valgrind, which counts
    #[arg(long, value_name = "PROGRAM", default_value = "valgrind")]
    valgrind: String,
}

/// The part that is counted.
#[derive(Debug, clap::Args)]
pub(super) struct Counted {
    #[arg(value_enum)]
    operator: Operator,
    #[arg(value_enum)]
    operation: Operation,
    count: usize,
}

impl Counted {
    pub(super) fn run(&self) -> Result<(), Failure> {
        match self.operator.operate(self.operation, self.count) {
            Ok(true) => Ok(()),
            Ok(false) => {
                Err(Failure::Other(format!("{} cannot be done by {}", self.operation, self.operator)))
            }
            Err(error) => Err(Failure::Other(format!("{} failed: {error}", self.operation))),
        }
    }
}

impl Args {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let mut table = Table::new();
        let operators = Operator::value_variants();
        let header = operators.iter().map(ToString::to_string);
        table.load_preset(ASCII_MARKDOWN);
        table.set_header(std::iter::once("instructions for one".to_owned()).chain(header));
        for &operation in &self.operation.names {
            let mut row = vec![operation.to_string()];
            for &operator in operators {
                row.push(match operator.operate(operation, 0) {
                    Ok(true) => self.count_one(operator, operation)?.to_string(),
                    _ => "n/a".to_owned(),
                });
            }
            table.add_row(row);
        }
        table.column_iter_mut().skip(1).for_each(|column| column.set_cell_alignment(CellAlignment::Right));
        show!("{table}")
    }

    /// What one more costs.
    fn count_one(&self, operator: Operator, operation: Operation) -> Result<u64, Failure> {
        let once = self.instructions(operator, operation, self.count)?;
        let twice = self.instructions(operator, operation, 2 * self.count)?;
        Ok(twice.saturating_sub(once) / self.count as u64)
    }

    fn instructions(&self, operator: Operator, operation: Operation, count: usize) -> Result<u64, Failure> {
        let failed =
            |what: &str| Failure::Other(format!("{} cannot count instructions here: {what}", self.valgrind));
        let program = env::current_exe().map_err(|error| failed(&error.to_string()))?;
        let ran = Command::new(&self.valgrind)
            .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
            .arg(program)
            .args(["counted".to_owned(), operator.to_string(), operation.to_string(), count.to_string()])
            .stdin(Stdio::null())
            .output()
            .map_err(|error| failed(&error.to_string()))?;
        if interrupt::is_set() {
            return Err(Failure::Interrupted);
        }
        let said = String::from_utf8_lossy(&ran.stderr);
        let collected = said.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok());
        match collected {
            Some(instructions) if ran.status.success() => Ok(instructions),
            _ => Err(failed(said.lines().last().unwrap_or("it fails without a word"))),
        }
    }
}
